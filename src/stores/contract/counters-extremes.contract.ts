import { expect, test } from 'vitest'
import { AMOUNT_MAX } from '../../domain/amount.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import type { Bench } from './counters.contract.ts'
import { reported } from './counting-process.ts'
import { budget } from './sample-records.ts'

const PRICE = { inputPico: 2_500_000, cachedInputPico: 250_000, cacheWritePico: 2_500_000, outputPico: 10_000_000 }

/** Where the integers end. */
export function describeExtremes({ process, restart }: Bench): void {
  test('an advisory account sets aside what the integers leave, refuses nothing, and gives all of it back', async () => {
    await process().put(budget('global', 1000), advisory('advice'))
    const advice = { accounts: [['advice']] as const }
    expect(await process().reserve('call-1', { ...advice, input: AMOUNT_MAX - 10 })).toMatchObject({ kind: 'held' })
    expect(await process().reserve('call-2', { ...advice, input: AMOUNT_MAX })).toMatchObject({
      kind: 'held',
      standings: [{ held: AMOUNT_MAX }],
    })
    expect((await process().reserve('call-3', { input: 100, accounts: [['global'], ['advice']] })).kind).toBe('held')
    expect(await process().standing('advice')).toMatchObject({ held: AMOUNT_MAX, callsInFlight: 3 })
    for (const call of ['call-1', 'call-2', 'call-3']) await process().settle(call, reported(7))
    expect(await process().standing('advice')).toMatchObject({ held: 0, used: 21, callsInFlight: 0 })
    expect(await process().standing('global')).toMatchObject({ held: 0, used: 7 })
  })

  test('what providers report never keeps a call from being settled: a sum that is full stays full, in the ledger too', async () => {
    await process().put(advisory('global'), { ...advisory('usd'), unit: 'usd' })
    for (const call of ['call-1', 'call-2', 'call-3']) {
      await process().reserve(call, { input: 10, price: PRICE })
      await process().settle(call, { kind: 'reported', counts: { input: { total: AMOUNT_MAX }, output: { total: AMOUNT_MAX } } })
    }
    const full = { used: AMOUNT_MAX, overrun: AMOUNT_MAX, held: 0, callsInFlight: 0 }
    expect(await process().standing('global')).toMatchObject(full)
    expect(await process().standing('usd')).toMatchObject({ used: AMOUNT_MAX, held: 0 })
    await restart()
    expect(await process().standing('global')).toMatchObject(full)
  })
}

function advisory(id: string): Budget {
  return { ...budget(id), isHardCap: false }
}

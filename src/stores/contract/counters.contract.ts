import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AMOUNT_MAX } from '../../domain/amount.ts'
import type { Charge } from '../../domain/call.ts'
import { toCallId } from '../../domain/ids.ts'
import { CountingProcess, type CountersUnderTest, reported, TTL_MS } from './counting-process.ts'
import { describeAlerts } from './counters-alerts.contract.ts'
import { describeCatalog } from './counters-catalog.contract.ts'
import { describeDifferences } from './counters-differences.contract.ts'
import { describeExtremes } from './counters-extremes.contract.ts'
import { describePeriods } from './counters-periods.contract.ts'
import { describeProcesses } from './counters-processes.contract.ts'
import { AT, budget, OCTOBER } from './sample-records.ts'

/** What a test of one part of the contract works with; both are new for every test. */
export interface Bench {
  readonly under: () => CountersUnderTest
  readonly process: () => CountingProcess
  /** The process is killed; another one finds what it left, and knows what is in force. */
  readonly restart: () => Promise<void>
}

export interface CountersOptions {
  /** False for counters of one process. */
  readonly isShared?: boolean
  /** How many random lives are compared with those in memory. */
  readonly runs?: number
}

const PRICE = { inputPico: 2_500_000, cachedInputPico: 250_000, cacheWritePico: 2_500_000, outputPico: 10_000_000 }

/**
 * What every implementation of Counters and Catalog keeps, with its Journal.
 * @param open opens something empty that owes alerts to the channels `CHANNEL_NAMES`, and refuses calls under a hard cap where it is down
 */
export function describeCounters(
  name: string,
  open: () => Promise<CountersUnderTest>,
  { isShared = true, runs = 100 }: CountersOptions = {},
): void {
  describe(`${name} counts`, () => {
    let under: CountersUnderTest
    let process: CountingProcess

    beforeEach(async () => {
      under = await open()
      process = new CountingProcess(under)
    })

    afterEach(() => under.close())

    const bench: Bench = {
      under: () => under,
      process: () => process,
      restart: async () => {
        under = await under.reopen()
        process = new CountingProcess(under)
        await process.refresh()
      },
    }

    test('they say whether other processes count in them too', () => {
      expect(under.counters.isShared).toBe(isShared)
    })

    describeReserve(bench)
    describeSettle(bench)
    describeHolds(bench)
    describeAmounts(bench)
    describeExtremes(bench)
    describeAlerts(bench)
    describePeriods(bench)
    describeCatalog(bench)
    if (isShared) describeProcesses(bench)
  })

  describeDifferences(name, open, runs)
}

function describeReserve({ under, process, restart }: Bench): void {
  const four = ['global', 'project:p', 'team:a', 'user:u']

  test('a call holds in all of its accounts', async () => {
    await process().put(...four.map((id) => budget(id)))
    const outcome = await process().reserve('call-1', { input: 7, outputMax: 3 })
    expect(outcome).toMatchObject({ kind: 'held', outputMax: 3, outputRoom: 3 })
    const standings = outcome.kind === 'held' ? outcome.standings : []
    expect(standings.map((account) => [account.budget.id, account.held, account.used, account.callsInFlight])).toEqual(
      four.map((id) => [id, 10, 0, 1]),
    )
    for (const id of four)
      expect(await process().standing(id)).toMatchObject({ held: 10, used: 0, callsInFlight: 1, granted: 0, overrun: 0 })
    expect((await under().counters.holds())[0]).toMatchObject({ input: 7, output: 3, expiresAt: AT + TTL_MS, isSpared: false })
  })

  test('a call that one of four accounts has no room for holds in none, and is told which, the tightest first', async () => {
    await process().put(budget('global', 1000), budget('team:a', 40), budget('user:u', 20), budget('project:p', 30))
    await process().reserve('call-1', { input: 15 })
    const refused = await process().reserve('call-2', { input: 16 })
    expect(refused).toMatchObject({ kind: 'refused', isBlockedByHolds: true })
    const standings = refused.kind === 'refused' ? refused.standings : []
    expect(standings.map(({ budget }) => budget.id)).toEqual(['user:u', 'project:p'])
    expect(standings[0]).toMatchObject({ held: 15, used: 0, callsInFlight: 1 })
    for (const id of four) expect(await process().standing(id)).toMatchObject({ held: 15, callsInFlight: 1 })
    expect(await process().holds()).toEqual([toCallId('call-1')])
  })

  test('what is exactly left is held; at exactly the limit a further call is refused', async () => {
    await process().put(budget('global', 20))
    expect((await process().reserve('call-1', { input: 20 })).kind).toBe('held')
    expect((await process().reserve('call-2', { input: 1 })).kind).toBe('refused')
    await process().settle('call-1', reported(20))
    expect(await process().reserve('call-3', { input: 1 })).toMatchObject({ kind: 'refused', isBlockedByHolds: false })
    await restart()
    expect((await process().reserve('call-4', { input: 1 })).kind).toBe('refused')
  })

  test('a limit of 0 refuses everything, also what needs nothing', async () => {
    await process().put(budget('global', 0))
    expect(await process().reserve('call-1', { input: 0 })).toMatchObject({ kind: 'refused', isBlockedByHolds: false })
  })

  test('an advisory budget lets in what passes its limit, beside a hard cap that does not', async () => {
    await process().put({ ...budget('global', 5), isHardCap: false }, budget('team:a', 30))
    expect((await process().reserve('call-1', { input: 25 })).kind).toBe('held')
    expect(await process().standing('global')).toMatchObject({ held: 25 })
    const refused = await process().reserve('call-2', { input: 25 })
    expect(refused.kind === 'refused' ? refused.standings.map(({ budget }) => budget.id) : []).toEqual(['team:a'])
    expect(await process().standing('global')).toMatchObject({ held: 25, callsInFlight: 1 })
  })

  test('near a cap a call gets a smaller maximum, where its budget clamps and the least of it fits', async () => {
    await process().put(budget('global', 100), { ...budget('team:a', 60), nearLimit: 'deny' })
    const clamped = await process().reserve('call-1', { input: 50, outputMax: 80, outputMin: 10, accounts: [['global']] })
    expect(clamped).toMatchObject({ kind: 'held', outputMax: 50, outputRoom: 50 })
    expect(await process().standing('global')).toMatchObject({ held: 100 })
    expect((await process().reserve('call-2', { input: 50, outputMax: 11, outputMin: 1, accounts: [['team:a']] })).kind).toBe('refused')
    await process().settle('call-1', reported(50, 20))
    expect((await process().reserve('call-3', { input: 10, outputMax: 80, outputMin: 21, accounts: [['global']] })).kind).toBe('refused')
  })

  test('a call that sets no maximum holds what it is expected to need, or a tenth of the room', async () => {
    await process().put(budget('global', 1000))
    const wish = { input: 10, outputMax: 5000, outputMin: 1, outputExpected: 40 }
    expect(await process().reserve('call-1', wish)).toMatchObject({ kind: 'held', outputMax: 90, outputRoom: 990 })
    expect(await process().standing('global')).toMatchObject({ held: 100 })
    expect(await process().reserve('call-2', { ...wish, outputExpected: 300, at: AT + 1 })).toMatchObject({
      kind: 'held',
      outputMax: 300,
      outputRoom: 890,
    })
    expect((await under().counters.holds()).map(({ isSpared, output }) => [output, isSpared])).toEqual([
      [90, true],
      [300, true],
    ])
  })

  test('several choices may each be as long as the maximum', async () => {
    await process().put(budget('global', 100))
    const clamped = await process().reserve('call-1', { input: 10, outputMax: 40, outputMin: 1, choices: 3 })
    expect(clamped).toMatchObject({ kind: 'held', outputMax: 30 })
    expect((await under().counters.holds())[0]).toMatchObject({ output: 90 })
  })
}

function describeSettle({ under, process, restart }: Bench): void {
  test('a call is charged what it used in all of its accounts, and gives the rest back', async () => {
    await process().put(budget('global'), budget('team:a'))
    await process().reserve('call-1', { input: 20, outputMax: 30 })
    const ended = await process().settle('call-1', reported(18, 5), { endedAt: AT + 5 })
    expect(ended).toMatchObject({ endedAt: AT + 5, ending: 'done', status: 200, overrun: 0, usage: reported(18, 5) })
    expect(ended?.charges.map(({ amount }) => amount)).toEqual([23, 23])
    for (const id of ['global', 'team:a']) expect(await process().standing(id)).toMatchObject({ used: 23, held: 0, callsInFlight: 0 })
    expect(await process().holds()).toEqual([])
  })

  test('a call ends once: a repeated or unknown one changes nothing, also after a restart', async () => {
    await process().put(budget('global'))
    await process().call('call-1', 10)
    expect(await process().settle('call-1', reported(500))).toBeUndefined()
    expect(await process().settle('call-9', reported(500))).toBeUndefined()
    await restart()
    expect(await process().settle('call-1', 'held')).toBeUndefined()
    expect(await process().standing('global')).toMatchObject({ used: 10, held: 0 })
    expect((await under().records()).filter(({ kind }) => kind === 'ended')).toHaveLength(1)
  })

  test('a call settled many times at once is charged once', async () => {
    await process().put(budget('global'))
    await process().reserve('call-1')
    const settled = await Promise.all(Array.from({ length: 8 }, () => process().settle('call-1', reported(10))))
    expect(settled.filter((ended) => ended !== undefined)).toHaveLength(1)
    expect(await process().standing('global')).toMatchObject({ used: 10, held: 0, callsInFlight: 0 })
  })

  test('what goes beyond a hold is charged, and is an overrun; the next call sees it', async () => {
    await process().put(budget('global', 100), budget('team:a', 1000))
    await process().reserve('call-1', { input: 90 })
    expect(await process().settle('call-1', reported(130))).toMatchObject({ overrun: 40 })
    expect(await process().standing('global')).toMatchObject({ used: 130, overrun: 40 })
    expect(await process().standing('team:a')).toMatchObject({ used: 130, overrun: 40 })
    expect((await process().reserve('call-2', { input: 1 })).kind).toBe('refused')
  })

  test('a call of which nothing is known is charged its hold, as an estimate', async () => {
    await process().put(budget('global'))
    await process().reserve('call-1', { input: 20, outputMax: 30, price: PRICE })
    await restart()
    const ended = await process().settle('call-1', 'held', { ending: 'lost' })
    expect(ended).toMatchObject({ ending: 'lost', costNanoUsd: 350_000, overrun: 0 })
    expect(ended?.usage).toMatchObject({ kind: 'estimated', counts: { input: { total: 20 }, output: { total: 30 } } })
    expect(await process().standing('global')).toMatchObject({ used: 50, held: 0, callsInFlight: 0 })
  })

  test('a call that used nothing gives all of its hold back', async () => {
    await process().put(budget('global', 10))
    await process().reserve('call-1')
    expect(await process().settle('call-1', { kind: 'none' }, { ending: 'upstream_unreachable' })).toMatchObject({ costNanoUsd: 0 })
    expect(await process().standing('global')).toMatchObject({ used: 0, held: 0, callsInFlight: 0 })
    expect((await process().reserve('call-2')).kind).toBe('held')
  })

  test('a hold is recorded behind its accounts, and its end behind the hold', async () => {
    await process().put(budget('global'), budget('team:a'))
    await process().call('call-1', 10)
    const kinds = (await under().records()).map(({ kind }) => kind).filter((kind) => kind !== 'revised')
    expect(kinds).toEqual(['opened', 'opened', 'held', 'ended'])
  })
}

function describeHolds({ under, process, restart }: Bench): void {
  const expected = { input: 10, outputMax: 500, outputMin: 1, outputExpected: 40 }

  test('a hold is raised as far as all hard caps have room, and no further', async () => {
    await process().put(budget('global', 400), budget('team:a', 300))
    await process().reserve('call-1', expected)
    expect(await under().counters.raise(toCallId('call-1'), 100)).toBe(100)
    expect(await process().standing('global')).toMatchObject({ held: 110 })
    expect(await under().counters.raise(toCallId('call-1'), 60)).toBe(100)
    expect(await under().counters.raise(toCallId('call-1'), 9999)).toBe(290)
    expect(await process().standing('team:a')).toMatchObject({ held: 300, callsInFlight: 1 })
    expect((await under().counters.holds())[0]).toMatchObject({ output: 290, charges: [{ amount: 300 }, { amount: 300 }] })
    await restart()
    expect((await under().counters.holds())[0]).toMatchObject({ output: 290, charges: [{ amount: 300 }, { amount: 300 }] })
    expect(await process().settle('call-1', reported(10, 290))).toMatchObject({ overrun: 0 })
    expect(await process().standing('team:a')).toMatchObject({ used: 300, held: 0 })
  })

  test('a hold is raised by the limits that are in force then, and not by those of its admission', async () => {
    await process().put(budget('global', 400))
    await process().reserve('call-1', expected)
    await process().put(budget('global', 60))
    expect(await under().counters.raise(toCallId('call-1'), 200)).toBe(50)
    expect(await process().standing('global')).toMatchObject({ held: 60 })
    await process().put(budget('global', 150))
    expect(await under().counters.raise(toCallId('call-1'), 200)).toBe(140)
    expect(await process().standing('global')).toMatchObject({ held: 150 })
  })

  test('a call that ended, was never held, or set a maximum of its own is not raised', async () => {
    await process().put(budget('global'))
    await process().reserve('call-1', expected)
    await process().settle('call-1', reported(10))
    await process().reserve('call-2', { outputMax: 5 })
    for (const id of ['call-1', 'call-2', 'call-9']) expect(await under().counters.raise(toCallId(id), 90)).toBe(0)
    expect(await process().standing('global')).toMatchObject({ used: 10, held: 15 })
  })

  test('a hold expires at its time, unless it is renewed; nothing happens by itself', async () => {
    await process().put(budget('global'))
    await process().reserve('call-1', { expiresAt: AT + 1000 })
    await process().reserve('call-2', { expiresAt: AT + 2000 })
    expect(await under().counters.expired(AT + 999)).toEqual([])
    expect(await under().counters.expired(AT + 1000)).toEqual(['call-1'])
    await under().counters.renew(toCallId('call-1'), AT + 5000)
    await under().counters.renew(toCallId('call-9'), AT + 5000)
    expect(await under().counters.expired(AT + 2000)).toEqual(['call-2'])
    await restart()
    expect(await under().counters.expired(AT + 4999)).toEqual(['call-2'])
    expect(await process().standing('global')).toMatchObject({ held: 20, callsInFlight: 2 })
    await process().settle('call-2', 'held')
    expect(await under().counters.expired(AT + 5000)).toEqual(['call-1'])
  })

  test('a call that its provider works on stays open with its job, up to its time', async () => {
    await process().put(budget('global'))
    await process().reserve('call-1')
    await under().counters.defer(toCallId('call-1'), 'batch_1', AT + 86_400_000)
    await under().counters.defer(toCallId('call-9'), 'batch_2', AT + 86_400_000)
    await restart()
    const [hold, ...others] = await under().counters.holds()
    expect(hold).toMatchObject({ job: 'batch_1', expiresAt: AT + 86_400_000, charges: [{ amount: 10 }] })
    expect(others).toEqual([])
    expect(await under().counters.expired(AT + TTL_MS)).toEqual([])
    await process().settle('call-1', reported(4))
    expect(await process().standing('global')).toMatchObject({ used: 4, held: 0 })
  })

  test('calls in flight come oldest first, whole, also after a restart', async () => {
    await process().put(budget('global'))
    for (const [i, id] of ['call-b', 'call-c', 'call-a'].entries()) await process().reserve(id, { at: AT + i, input: i, price: PRICE })
    const before = await under().counters.holds()
    expect(before.map(({ call }) => call.id)).toEqual(['call-b', 'call-c', 'call-a'])
    await restart()
    expect(await under().counters.holds()).toEqual(before)
    expect(before[2]?.call).toEqual(process().request('call-a', { at: AT + 2, price: PRICE }).call)
  })
}

function describeAmounts({ under, process, restart }: Bench): void {
  test('tokens, USD, requests and weighted tokens are each counted in their own unit', async () => {
    const weights = { input: 500, cachedInput: 100, cacheWrite: 500, output: 4000, reasoning: 0 }
    await process().put(
      budget('global'),
      { ...budget('usd', 1_000_000_000), unit: 'usd' },
      { ...budget('requests'), unit: 'requests' },
      { ...budget('weighted'), weights },
    )
    await process().reserve('call-1', { input: 100, outputMax: 20, price: PRICE })
    const held = async (id: string) => (await process().standing(id)).held
    expect([await held('global'), await held('requests'), await held('usd'), await held('weighted')]).toEqual([120, 1, 450_000, 130])
    const counts = { input: { total: 90, cached: 40 }, output: { total: 15, reasoning: 5 } }
    const ended = await process().settle('call-1', { kind: 'reported', counts })
    expect(ended?.charges.map(({ amount }) => amount)).toEqual([105, 1, 285_000, 69])
    expect(ended?.costNanoUsd).toBe(285_000)
    await process().reserve('call-2', { price: PRICE })
    await process().settle('call-2', { kind: 'reported', counts: { requests: 7 }, billing: { costNanoUsd: 3 } })
    expect(await process().standing('requests')).toMatchObject({ used: 8, overrun: 6 })
    expect(await process().standing('usd')).toMatchObject({ used: 285_003 })
  })

  test('amounts of more than 14 digits are exact to the last one', async () => {
    const huge = 1_234_567_890_123_457
    await process().put(budget('global', AMOUNT_MAX), { ...budget('usd', 9_007_199_000_000_000), unit: 'usd' })
    await process().reserve('call-1', { input: huge })
    expect(await process().standing('global')).toMatchObject({ held: huge })
    const usage = (total: number, costNanoUsd: number) =>
      ({ kind: 'reported', counts: { input: { total } }, billing: { costNanoUsd } }) as const
    await process().settle('call-1', usage(huge, 123_456_789_012_345))
    for (let i = 0; i < 5; i++) {
      await process().reserve(`more-${i}`, { input: huge })
      await process().settle(`more-${i}`, usage(huge + i, 1_000_000_000_000_001 + i))
    }
    const used = { used: 6 * huge + 10, overrun: 10 }
    const cost = { used: 5_123_456_789_012_360, overrun: 5_123_456_789_012_360 }
    expect(await process().standing('global')).toMatchObject(used)
    expect(await process().standing('usd')).toMatchObject(cost)
    await restart()
    expect(await process().standing('global')).toMatchObject(used)
    expect(await process().standing('usd')).toMatchObject(cost)
  })

  test('the last token below 2^53 is held, and not one more', async () => {
    await process().put(budget('global', AMOUNT_MAX))
    expect((await process().reserve('call-1', { input: AMOUNT_MAX - 1 })).kind).toBe('held')
    expect((await process().reserve('call-2', { input: 2 })).kind).toBe('refused')
    expect(await process().reserve('call-3', { input: 1 })).toMatchObject({ kind: 'held', standings: [{ held: AMOUNT_MAX }] })
    expect((await process().reserve('call-4', { input: 1 })).kind).toBe('refused')
  })

  test('what an account has used is the sum of the records, and what it holds that of its holds', async () => {
    await process().put(budget('global', 500), { ...budget('per-user', 200), each: 'user' })
    const users = ['ann', 'bob', 'cy']
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const accounts = [['global'], ['per-user', users[i % 3] ?? '']] as const
        const outcome = await process().reserve(`call-${i}`, { input: 10 + i, accounts })
        if (outcome.kind === 'held' && i % 4 !== 0) await process().settle(`call-${i}`, reported(i * 2))
      }),
    )
    const used = new Map<string, number>()
    const chargesOf = new Map<string, readonly Charge[]>()
    for (const record of await under().records()) {
      if (record.kind === 'held') chargesOf.set(record.hold.call.id, record.hold.charges)
      if (record.kind !== 'ended') continue
      const { call, amounts } = record.settlement
      for (const [i, { account }] of (chargesOf.get(call) ?? []).entries()) used.set(account, (used.get(account) ?? 0) + (amounts[i] ?? 0))
    }
    const held = new Map<string, number>()
    for (const { charges } of await under().counters.holds())
      for (const { account, amount } of charges) held.set(account, (held.get(account) ?? 0) + amount)
    const standings = await under().counters.standings()
    expect(standings).toHaveLength(4)
    for (const account of standings) {
      expect([account.used, account.held]).toEqual([used.get(account.key) ?? 0, held.get(account.key) ?? 0])
      expect(account.used + account.held - account.overrun).toBeLessThanOrEqual(account.budget.limit)
      expect(account.period).toEqual(OCTOBER)
    }
  })
}

import { describe, expect, test } from 'vitest'
import type { Distrust, LedgerRecord } from '../domain/record.ts'
import { createCallIds } from './call-ids.ts'
import { Distrusts, DISTRUSTS_MAX } from './distrust.ts'

const CHANGE = { actor: 'admin', reason: 'fixed' }

/** A ledger that has what its journal was given. */
function store() {
  const records: LedgerRecord[] = []
  const rows = new Map<string, Distrust>()
  const journal = {
    appendOrFail: async () => undefined,
    append: async (appended: readonly LedgerRecord[]) => {
      records.push(...appended)
      for (const record of appended)
        if (record.kind === 'distrust') rows.set(`${record.distrust.provider}/${record.distrust.model}`, record.distrust)
    },
    trouble: () => undefined,
  }
  let now = 1000
  const clock = { now: () => now, after: () => () => undefined }
  const open = () => new Distrusts({ journal, ledger: { distrusts: async () => [...rows.values()] }, clock, ids: createCallIds(() => now) })
  return { records, open, wait: (ms: number) => (now += ms) }
}

describe('a model that produced more than it was told', () => {
  test('is distrusted at once, by the most that it produced, and no other model is', async () => {
    const distrusts = store().open()
    expect(distrusts.outputOf('p', 'm')).toBeUndefined()
    const stored = distrusts.exceeded('p', 'm', 900)
    expect(distrusts.outputOf('p', 'm')).toBe(900)
    await stored
    await distrusts.exceeded('p', 'm', 500)
    expect(distrusts.outputOf('p', 'm')).toBe(900)
    await distrusts.exceeded('p', 'm', 2000)
    expect(distrusts.outputOf('p', 'm')).toBe(2000)
    expect(distrusts.outputOf('p', 'other')).toBeUndefined()
    expect(distrusts.outputOf('other', 'm')).toBeUndefined()
  })

  test('is so after a restart, and in other processes once they look', async () => {
    const { open, wait, records } = store()
    const [first, second] = [open(), open()]
    await second.read()
    await first.exceeded('p', 'm', 900)
    await second.tick()
    expect(second.outputOf('p', 'm')).toBeUndefined()
    wait(10_000)
    await second.tick()
    expect(second.outputOf('p', 'm')).toBe(900)
    expect(await second.trust('p', 'm', CHANGE)).toBe(true)
    await first.read()
    expect(first.all()).toEqual([])
    expect(records.map(({ kind }) => kind)).toEqual(['distrust', 'distrust', 'audit'])
  })

  test('is trusted again by hand only, and known by what it does from then on', async () => {
    const distrusts = store().open()
    expect(await distrusts.trust('p', 'm', CHANGE)).toBe(false)
    await distrusts.exceeded('p', 'm', 900)
    expect(await distrusts.trust('p', 'm', CHANGE)).toBe(true)
    expect(distrusts.outputOf('p', 'm')).toBeUndefined()
    await distrusts.exceeded('p', 'm', 800)
    expect(distrusts.outputOf('p', 'm')).toBe(800)
  })

  test('of which there are too many, is its provider as a whole', async () => {
    const distrusts = store().open()
    for (let nr = 0; nr < DISTRUSTS_MAX + 50; nr++) await distrusts.exceeded('p', `m${nr}`, 900)
    expect(distrusts.all().length).toBeLessThanOrEqual(DISTRUSTS_MAX + 1)
    expect(distrusts.outputOf('p', 'any')).toBe(900)
    expect(distrusts.outputOf('q', 'any')).toBeUndefined()
  })
})

import fc from 'fast-check'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { useDatabases } from '../../../test/services/postgres-databases.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import type { Usage } from '../../domain/usage/usage.ts'
import { accountOf, alert, AT, audited, closed, delivery, ended, held, key, opened, revised } from '../contract/sample-records.ts'
import { placeOf } from '../contract/stream.contract.ts'
import { openSqliteStreamLedger } from '../sqlite/open-stream-ledger.ts'
import { useDirectory } from '../sqlite/test-directory.ts'
import type { StreamLedger } from '../stream-applier.ts'
import { openPostgresLedger } from './open-postgres-ledger.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'

const directory = useDirectory()
const database = useDatabases()

const DAY_MS = 86_400_000
const BUDGETS = ['a', 'b', 'c'] as const

const budgets = fc.constantFrom(...BUDGETS)
const calls = fc.integer({ min: 0, max: 12 }).map((n) => `call-${n}`)
const names = fc.constantFrom('x', 'y "z"', 'é\\', '')
const instants = fc.integer({ min: AT - 40 * DAY_MS, max: AT + 40 * DAY_MS })
const amounts = fc.array(fc.nat(50), { minLength: 2, maxLength: 2 })
const usages: fc.Arbitrary<Usage> = fc.oneof(
  fc.constant<Usage>({ kind: 'none' }),
  fc.record({ input: fc.nat(99), output: fc.nat(99) }).map((counts): Usage => ({ kind: 'reported', counts: tokenCounts(counts) })),
  fc.record({ input: fc.nat(99) }).map((counts): Usage => ({ kind: 'estimated', counts: tokenCounts(counts), why: 'a guess' })),
)
const alerts = fc.tuple(budgets, fc.constantFrom(0.5, 0.8, 1)).map(([id, threshold]) => alert(id, threshold, ['slack', 'email']))

/** Any record, in any order, also of calls that were never held and of alerts that were never stored. */
const records: fc.Arbitrary<LedgerRecord> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(calls, names, names).map(([id, team, user]) => held(id, ['a', 'b'], { attributes: { team, user } })) },
  {
    weight: 8,
    arbitrary: fc
      .record({ id: calls, amounts, endedAt: instants, usage: usages, costNanoUsd: fc.nat(99), alerts: fc.array(alerts, { maxLength: 2 }) })
      .map(({ id, ...wish }) => ended(id, wish)),
  },
  fc.tuple(calls, instants).map(([id, expiresAt]) => ({ kind: 'renewed', call: held(id).hold.call.id, expiresAt }) as const),
  fc.tuple(calls, instants).map(([id, expiresAt]) => ({ kind: 'deferred', call: held(id).hold.call.id, job: 'job', expiresAt }) as const),
  fc
    .tuple(calls, amounts)
    .map(([id, raised]) => ({ kind: 'raised', call: held(id).hold.call.id, output: 9, costNanoUsd: 3, amounts: raised }) as const),
  alerts.map((one) => ({ kind: 'alerted', alert: one }) as const),
  fc.tuple(budgets, instants).map(([id, endsAt]) => ({ kind: 'cut', account: accountOf(id), endsAt }) as const),
  fc.tuple(budgets, fc.nat(99)).map(([id, used]) => closed(id, used)),
  fc.tuple(budgets, fc.nat(99)).map(([id, limit]) => revised(id, limit)),
  fc.tuple(names, names).map(([id, hint]) => key(`key ${id}`, hint)),
  fc
    .tuple(alerts, fc.constantFrom('delivered', 'retry', 'dead'), fc.constantFrom('slack', 'email', 'gone'), instants)
    .map(([of, outcome, channel, nextAt]) => delivery(of, outcome, { channel, nextAt })),
  names.map((id) => audited(`entry ${id}`)),
)

async function answers({ ledger, applier }: StreamLedger) {
  const range = { from: AT - 13.3 * DAY_MS, to: AT + 17.7 * DAY_MS }
  return {
    open: await ledger.openState(),
    closes: await ledger.closes({ limit: 99 }),
    alerts: await ledger.alerts({ limit: 99 }),
    due: await ledger.dueDeliveries(AT, 99),
    audit: await ledger.audit({ limit: 99 }),
    sums: await ledger.sums(),
    bounds: await ledger.bounds(0),
    unpriced: await ledger.unpriced(0),
    differences: await ledger.differences(),
    usage: await ledger.usage({ ...range, groupBy: ['user', 'team'], interval: { kind: 'day', timezone: 'Asia/Kolkata' } }),
    usageOfAll: await ledger.usage({ ...range, groupBy: ['model', 'user'], interval: { kind: 'month', timezone: 'UTC' } }),
    known: await applier.known(Array.from({ length: 13 }, (_, i) => held(`call-${i}`).hold.call.id)),
    position: await applier.position(),
  }
}

test('for any records, in batches of any size, with old calls dropped in between, SQLite and Postgres answer the same', async () => {
  let run = 0
  const batches = fc.array(fc.record({ records: fc.array(records, { maxLength: 30, size: 'max' }), drops: fc.option(instants) }), {
    minLength: 1,
    maxLength: 6,
  })
  const property = fc.asyncProperty(batches, async (list) => {
    run++
    const stores = [
      await openSqliteStreamLedger({ dataDir: join(directory(), `run-${run}`), onTrouble: () => undefined }),
      await openPostgresLedger({ url: await database(`run-${run}`), onTrouble: () => undefined }),
    ]
    for (const [i, { records: batch, drops }] of list.entries()) {
      const all = [...BUDGETS.map((id) => opened(id)), ...batch]
      const applied = await Promise.all(
        stores.map(({ applier }) => applier.apply({ records: all, from: placeOf(i), next: placeOf(i + 1) })),
      )
      expect(applied[0]).toBe(applied[1])
      if (drops === null) continue
      const dropped = await Promise.all(stores.map(({ retention }) => retention.dropCallsBefore(drops)))
      expect(dropped[0]).toBe(dropped[1])
    }
    const [sqlite, postgres] = await Promise.all(stores.map(answers))
    await Promise.all(stores.map(({ close }) => close()))
    expect(postgres).toEqual(sqlite)
    // Random records charge accounts that are closed, which counters don't.
    expect(sqlite?.differences.filter(({ what }) => what !== 'close')).toEqual([])
  })
  await fc.assert(property, { numRuns: 10, endOnFailure: true })
}, 180_000)

import { expect, test } from 'vitest'
import { createNaiveLedger, type NaiveLedger } from '../../../test/engine/naive-ledger.ts'
import { describeCounters } from '../contract/counters.contract.ts'
import { CHANNEL_NAMES, CountingProcess, type CountersUnderTest, reported } from '../contract/counting-process.ts'
import { AT, budget, key } from '../contract/sample-records.ts'
import { createMemoryCounters } from './counters.ts'

function openOver(journal: NaiveLedger): CountersUnderTest {
  const counters = createMemoryCounters({ journal, channelNames: CHANNEL_NAMES, onStoreDown: 'refuse', state: journal.openState() })
  return {
    counters,
    catalog: counters,
    journal,
    records: async () => {
      // What was appended and not waited for is written by then.
      await journal.append([])
      return [...journal.records]
    },
    reopen: async () => {
      journal.crash()
      return openOver(journal)
    },
    close: async () => undefined,
  }
}

describeCounters('memory', async () => openOver(createNaiveLedger()), { isShared: false, runs: 300 })

test('a change of a key or budget that can not be written is refused, and changes nothing', async () => {
  const journal = createNaiveLedger()
  const under = openOver(journal)
  const process = new CountingProcess(under)
  await process.put(budget('global', 100), budget('team:a', 100))
  await under.catalog.putKey(key('key-1', 'bsr_1').key)
  await process.refresh()
  await process.reserve('call-1', { input: 10 })
  const before = [await under.catalog.read(), structuredClone(await under.counters.standings())]

  journal.breakDown('no space is left')
  const edit = { at: AT, version: process.version }
  await expect(under.catalog.putBudgets([budget('global', 5), budget('team:b')], edit)).rejects.toThrow('no space is left')
  await expect(under.catalog.putKey({ ...key('key-1', 'bsr_1').key, revokedAt: AT })).rejects.toThrow('no space is left')
  expect([await under.catalog.read(), await under.counters.standings()]).toEqual(before)

  journal.breakDown(undefined)
  const again = await under.reopen()
  const { budgets, keys } = await again.catalog.read()
  expect([budgets, keys]).toEqual([before[0]].flatMap((state) => ('budgets' in state! ? [state.budgets, state.keys] : [])))
})

test('an alert stands in the record of the settlement that crossed its threshold: both are written, or neither', async () => {
  const under = openOver(createNaiveLedger())
  const process = new CountingProcess(under)
  await process.put(budget('global', 100), budget('team:a', 100))
  await process.reserve('call-1', { input: 85 })
  await process.settle('call-1', reported(85))
  const [last] = (await under.records()).slice(-1)
  expect(last).toMatchObject({ kind: 'ended', settlement: { call: 'call-1' }, alerts: [{ budget: 'global' }, { budget: 'team:a' }] })
})

import { expect, test } from 'vitest'
import { createNaiveLedger, type NaiveLedger } from '../../../test/engine/naive-ledger.ts'
import { describeCounters } from '../contract/counters.contract.ts'
import { CHANNEL_NAMES, CountingProcess, type CountersUnderTest, reported } from '../contract/counting-process.ts'
import { budget } from '../contract/sample-records.ts'
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

test('an alert stands in the record of the settlement that crossed its threshold: both are written, or neither', async () => {
  const under = openOver(createNaiveLedger())
  const process = new CountingProcess(under)
  await process.put(budget('global', 100), budget('team:a', 100))
  await process.reserve('call-1', { input: 85 })
  await process.settle('call-1', reported(85))
  const [last] = (await under.records()).slice(-1)
  expect(last).toMatchObject({ kind: 'ended', settlement: { call: 'call-1' }, alerts: [{ budget: 'global' }, { budget: 'team:a' }] })
})

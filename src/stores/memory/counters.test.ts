import { createNaiveLedger, type NaiveLedger } from '../../../test/engine/naive-ledger.ts'
import { describeCounters } from '../contract/counters.contract.ts'
import { CHANNEL_NAMES, type CountersUnderTest } from '../contract/counting-process.ts'
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

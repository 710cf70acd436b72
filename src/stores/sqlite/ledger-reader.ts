import type { Ledger } from '../../engine/ports.ts'
import { type Ask, askedLedger } from '../ledger/asked-ledger.ts'
import { Thread } from './thread.ts'

export interface LedgerReader extends Ledger {
  readonly stop: () => Promise<void>
}

/**
 * Answers from threads of their own, each with a read-only connection: one for what is asked often and answered at once, one,
 * started when it is needed, for reports, so that a long report delays no alert.
 * @param catchUp waits until the tables have what was appended before the question
 */
export function createLedgerReader(dataDir: string, catchUp: () => Promise<void>): LedgerReader {
  const script = new URL('./reader-worker.ts', import.meta.url)
  const quick = new Thread(script, { dataDir, name: 'ledger-reader' })
  const reports = new Thread(script, { dataDir, name: 'ledger-reports' })
  const asking =
    (thread: Thread): Ask =>
    async (question) => {
      await catchUp()
      return JSON.parse(await thread.ask(question))
    }
  return {
    ...askedLedger(asking(quick), asking(reports)),
    stop: async () => {
      await Promise.all([quick.stop(), reports.stop()])
    },
  }
}

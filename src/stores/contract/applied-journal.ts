import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import type { Ledger } from '../../engine/ports.ts'
import type { StreamLedger } from '../stream-applier.ts'
import type { LedgerUnderTest } from './ledger.contract.ts'

/** A journal of no stream: what is appended is applied, one batch after the other, before a question is put. */
export function appliedJournal({ applier, ledger, close }: StreamLedger): LedgerUnderTest {
  let last: Promise<unknown> = Promise.resolve()
  let isClosed = false
  const apply = async (records: readonly LedgerRecord[]): Promise<void> => {
    const from = await applier.position()
    const id = `${Number(from.id.split('-')[0]) + 1}-0`
    if ((await applier.apply({ records, from, next: { epoch: 'test', id } })) === undefined) throw new Error('somebody else applied')
  }
  const append = (records: readonly LedgerRecord[]): Promise<void> => {
    const applied = last.then(() => apply(records))
    last = applied
    return applied
  }
  const behind =
    <A extends readonly unknown[], T>(ask: (...about: A) => Promise<T>) =>
    async (...about: A): Promise<T> => {
      await last
      return ask(...about)
    }
  const questions: Ledger = {
    openState: behind(ledger.openState),
    usage: behind(ledger.usage),
    closes: behind(ledger.closes),
    alerts: behind(ledger.alerts),
    dueDeliveries: behind(ledger.dueDeliveries),
    audit: behind(ledger.audit),
    objects: behind(ledger.objects),
    ownsObjects: behind(ledger.ownsObjects),
    distrusts: behind(ledger.distrusts),
    differences: behind(ledger.differences),
    bounds: behind(ledger.bounds),
    unpriced: behind(ledger.unpriced),
    call: behind(ledger.call),
    priceLines: behind(ledger.priceLines),
    olderCalls: behind(ledger.olderCalls),
    sums: behind(ledger.sums),
    setAside: behind(ledger.setAside),
  }
  return {
    journal: {
      append,
      appendOrFail: async (record) => {
        if (isClosed) throw new Failure('store_unavailable', 'the journal is closed')
        await append([record])
      },
      trouble: () => (isClosed ? 'the journal is closed' : undefined),
    },
    ledger: questions,
    close: async () => {
      isClosed = true
      await last
      await close()
    },
  }
}

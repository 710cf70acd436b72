import type { Ledger } from '../../engine/ports.ts'
import type { Answers, Kind, Question } from './question.ts'

/** Puts a question to wherever the tables are. */
export type Ask = <K extends Kind>(question: Question<K>) => Promise<Answers[K]>

/**
 * A ledger that answers by two ways, so that a long report delays no alert.
 * @param quick for what is asked often and answered at once
 * @param reports for what may take long
 */
export function askedLedger(quick: Ask, reports: Ask): Ledger {
  return {
    openState: () => quick<'openState'>({ kind: 'openState', about: null }),
    closes: (about) => quick<'closes'>({ kind: 'closes', about }),
    alerts: (about) => quick<'alerts'>({ kind: 'alerts', about }),
    audit: (about) => quick<'audit'>({ kind: 'audit', about }),
    dueDeliveries: (at, limit) => quick<'dueDeliveries'>({ kind: 'dueDeliveries', about: { at, limit } }),
    setAside: (about) => quick<'setAside'>({ kind: 'setAside', about }),
    objects: (about) => quick<'objects'>({ kind: 'objects', about }),
    ownsObjects: (about) => quick<'ownsObjects'>({ kind: 'ownsObjects', about }),
    distrusts: () => quick<'distrusts'>({ kind: 'distrusts', about: null }),
    usage: (about) => reports<'usage'>({ kind: 'usage', about }),
    differences: () => reports<'differences'>({ kind: 'differences', about: null }),
    bounds: (about) => reports<'bounds'>({ kind: 'bounds', about }),
    unpriced: (about) => reports<'unpriced'>({ kind: 'unpriced', about }),
    call: async (about) => (await quick<'call'>({ kind: 'call', about })) ?? undefined,
    priceLines: (about) => reports<'priceLines'>({ kind: 'priceLines', about }),
    olderCalls: () => reports<'olderCalls'>({ kind: 'olderCalls', about: null }),
    sums: () => reports<'sums'>({ kind: 'sums', about: null }),
  }
}

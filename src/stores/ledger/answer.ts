import { bounds } from './bounds-query.ts'
import { call } from './call-query.ts'
import { differences } from './differences.ts'
import { accountSums, alerts, audit, closes, dueDeliveries, openState } from './ledger-queries.ts'
import { olderCalls } from './older-calls.ts'
import { priceLines } from './price-line-query.ts'
import { distrusts } from './distrusts.ts'
import { objects, ownsObjects } from './kept-objects.ts'
import type { Answers, Kind, Question, Questions } from './question.ts'
import { setAsideRecords } from './set-aside.ts'
import type { Steps } from './statement.ts'
import { unpriced } from './unpriced-query.ts'
import { usage } from './usage-query.ts'

const ANSWERS: { readonly [K in Kind]: (about: Questions[K]) => Steps<Answers[K]> } = {
  openState,
  usage,
  closes,
  bounds,
  unpriced,
  differences,
  setAside: setAsideRecords,
  olderCalls,
  call,
  priceLines,
  objects,
  ownsObjects,
  distrusts,
  alerts: ({ limit }) => alerts(limit),
  audit: ({ limit }) => audit(limit),
  dueDeliveries: ({ at, limit }) => dueDeliveries(at, limit),
  *sums() {
    return (yield* accountSums()).map(({ account, used, overrun }) => ({ account, used, overrun }))
  },
}

/** Answers a question from the ledger's tables; all of its statements must see one state of them. */
export function answer<K extends Kind>({ kind, about }: Question<K>): Steps<Answers[K]> {
  return ANSWERS[kind](about)
}

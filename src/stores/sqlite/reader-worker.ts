import { parentPort, workerData } from 'node:worker_threads'
import { Failure } from '../../engine/failure.ts'
import { type Database, openForReading } from './database.ts'
import { bounds } from './bounds-query.ts'
import { differences } from './differences.ts'
import { accountSums, alerts, audit, closes, dueDeliveries, openState } from './ledger-queries.ts'
import type { Question } from './ledger-question.ts'
import { explain } from './storage-error.ts'
import { unpriced } from './unpriced-query.ts'
import { usage } from './usage-query.ts'

/** The answer as JSON: cheaper to hand over than the objects. */
export type ReaderReply =
  | { readonly id: number; readonly kind: 'answer'; readonly json: string }
  | { readonly id: number; readonly kind: 'failure'; readonly code: Failure['code']; readonly message: string }

export interface ReaderRequest {
  readonly id: number
  readonly question: Question
}

function answer(db: Database, question: Question): unknown {
  switch (question.kind) {
    case 'openState':
      return openState(db)
    case 'usage':
      return usage(db, question.query)
    case 'closes':
      return closes(db, question.query)
    case 'alerts':
      return alerts(db, question.limit)
    case 'dueDeliveries':
      return dueDeliveries(db, question.at, question.limit)
    case 'audit':
      return audit(db, question.limit)
    case 'bounds':
      return bounds(db, question.from)
    case 'unpriced':
      return unpriced(db, question.from)
    case 'differences':
      return differences(db)
    case 'sums':
      return accountSums(db).map(({ account, used, overrun }) => ({ account, used, overrun }))
  }
}

function reply(db: () => Database, { id, question }: ReaderRequest): ReaderReply {
  try {
    const open = db()
    return { id, kind: 'answer', json: JSON.stringify(open.transaction('DEFERRED', () => answer(open, question))) }
  } catch (error) {
    const failure = error instanceof Failure ? error : explain(error, `can't read the ledger (${question.kind})`)
    return { id, kind: 'failure', code: failure.code, message: failure.message }
  }
}

function run(port: NonNullable<typeof parentPort>, dataDir: string): void {
  let db: Database | undefined
  const open = (): Database => (db ??= openForReading(dataDir))
  port.on('message', (request: ReaderRequest | 'stop') => {
    if (request !== 'stop') {
      port.postMessage(reply(open, request))
      return
    }
    db?.close()
    port.close()
  })
}

if (parentPort !== null && typeof workerData === 'string') run(parentPort, workerData)

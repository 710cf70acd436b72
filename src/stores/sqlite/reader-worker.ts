import { parentPort, workerData } from 'node:worker_threads'
import { answer } from '../ledger/answer.ts'
import type { Question } from '../ledger/question.ts'
import { type Database, openForReading } from './database.ts'
import { replyOf } from './thread.ts'

interface Asked {
  readonly id: number
  readonly request: Question
}

function run(port: NonNullable<typeof parentPort>, dataDir: string): void {
  let db: Database | undefined
  const answered = (question: Question): unknown => {
    const open = (db ??= openForReading(dataDir))
    return open.transaction('DEFERRED', () => open.steps(answer(question)))
  }
  port.on('message', (asked: Asked | 'stop') => {
    if (asked !== 'stop') {
      port.postMessage(replyOf(asked.id, `can't read the ledger (${asked.request.kind})`, () => answered(asked.request)))
      return
    }
    db?.close()
    port.close()
  })
}

if (parentPort !== null && typeof workerData === 'string') run(parentPort, workerData)

import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { z } from 'zod'
import { assert } from '../../domain/defect.ts'
import { explain, openDatabase } from './database.ts'
import { LEDGER_QUERIES, type QueryName } from './queries.ts'

/* Answers questions from a connection of its own, so that a long report holds up neither calls nor the writer. */

const request = z.object({ id: z.number(), query: z.string(), argument: z.unknown() })

const { dataDir } = z.object({ dataDir: z.string() }).parse(workerData)
assert(parentPort !== null, 'this runs in a worker thread')
const port = parentPort
const path = join(dataDir, 'ledger.db')
const db = openDatabase(path, 'read')

port.on('message', (message: unknown) => {
  if (message === 'stop') {
    db.close()
    port.close()
    return
  }
  const { id, query, argument } = request.parse(message)
  try {
    assert(isQuery(query), `there is a query ${query}`)
    port.postMessage({ id, answer: LEDGER_QUERIES[query](db, argument) })
  } catch (error) {
    port.postMessage({ id, failure: explain(path, error).message })
  }
})

function isQuery(name: string): name is QueryName {
  return Object.hasOwn(LEDGER_QUERIES, name)
}

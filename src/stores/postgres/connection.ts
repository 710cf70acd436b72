import pg from 'pg'
import { assert } from '../../domain/defect.ts'
import type { Row } from '../ledger/row.ts'
import type { Step, Steps } from '../ledger/statement.ts'
import { toStatementText, toTextOfEach } from './statement-text.ts'

const CONNECT_MAX_MS = 10_000

/** @throws Defect for an amount beyond the safe integers */
function toInteger(text: string): number {
  const value = Number(text)
  assert(Number.isSafeInteger(value), `a stored number is a safe integer: ${text}`)
  return value
}

// The driver leaves these as text, since not all of their values are numbers of JavaScript.
const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, toInteger)
types.setTypeParser(pg.types.builtins.NUMERIC, toInteger)

export interface PoolOptions {
  readonly url: string
  /** Connections at most; each is made when it is needed. */
  readonly max: number
  /** After so long without an answer the server, or the way there, is given up; absent: never. */
  readonly silenceMaxMs?: number
  readonly onTrouble: (error: unknown) => void
}

export function createPool({ url, max, silenceMaxMs, onTrouble }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: 'bursar',
    connectionTimeoutMillis: CONNECT_MAX_MS,
    keepAlive: true,
    ...(silenceMaxMs === undefined ? {} : { query_timeout: silenceMaxMs }),
    types,
  })
  // A connection that breaks while nobody uses it; the next question opens another.
  pool.on('error', onTrouble)
  return pool
}

/** How a transaction begins, and how long it may take. */
export interface TransactionKind {
  readonly mode: 'READ WRITE' | 'ISOLATION LEVEL REPEATABLE READ READ ONLY'
  /** 0: as long as it takes. */
  readonly statementMaxMs: number
  /** 0: as long as it takes. */
  readonly lockMaxMs?: number
}

/** A process that stands still in the middle of a transaction loses it, and with it the locks that others wait for. */
const IDLE_MAX_MS = 30_000

/**
 * All of these statements or none; for reads, all of them from one state of the database.
 * @throws what Postgres throws: then nothing has changed, unless it broke off at the commit; a Defect
 */
export async function inTransaction<T>(pool: pg.Pool, kind: TransactionKind, steps: () => Steps<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  // What breaks off between two statements is told by the next one.
  const onError = (error: Error): void => {
    broken = error
  }
  client.on('error', onError)
  try {
    await client.query(beginning(kind))
    const result = await run(client, steps())
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(onError)
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

function beginning({ mode, statementMaxMs, lockMaxMs = 0 }: TransactionKind): string {
  const settings = {
    search_path: 'bursar',
    statement_timeout: statementMaxMs,
    lock_timeout: lockMaxMs,
    idle_in_transaction_session_timeout: IDLE_MAX_MS,
  }
  // For this transaction only: between client and server there may be a pooler that hands the connection on.
  return [`BEGIN ${mode}`, ...Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = ${value}`)].join('; ')
}

async function run<T>(client: pg.PoolClient, steps: Steps<T>): Promise<T> {
  let step = steps.next([])
  while (step.done !== true) {
    let rows: readonly Row[]
    try {
      rows = await rowsOf(client, step.value)
    } catch (error) {
      // Steps may go on after a statement that failed.
      step = steps.throw(error)
      continue
    }
    step = steps.next(rows)
  }
  return step.value
}

async function rowsOf(client: pg.PoolClient, step: Step): Promise<readonly Row[]> {
  if (step.kind === 'each') {
    // Of one statement the driver gives the result, of several a list of them.
    const results: pg.QueryResult<Row> | readonly pg.QueryResult<Row>[] = await client.query<Row>(toTextOfEach(step))
    return [results].flat().flatMap(({ rows }) => rows)
  }
  const { rows } = await client.query<Row>(toStatementText(step))
  return rows
}

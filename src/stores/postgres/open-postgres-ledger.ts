import type { Pool } from 'pg'
import { Failure } from '../../engine/failure.ts'
import { systemClock } from '../../engine/system-clock.ts'
import { answer } from '../ledger/answer.ts'
import { type Ask, askedLedger } from '../ledger/asked-ledger.ts'
import { BatchApplier } from '../ledger/batch-applier.ts'
import { OlderRecount } from '../ledger/recount-older.ts'
import { startRecounting } from '../ledger/recounting.ts'
import type { Steps } from '../ledger/statement.ts'
import { applyStreamBatch, knownCalls, streamPosition } from '../ledger/stream.ts'
import { applyOrSetAside } from '../ledger/set-aside.ts'
import type { StreamApplier, StreamBatch, StreamLedger } from '../stream-applier.ts'
import { indexOlderPartitions } from './admission-index.ts'
import { createPool, inTransaction, type TransactionKind } from './connection.ts'
import { explain, isOfRecord } from './connection-error.ts'
import { postgresDialect } from './dialect.ts'
import { migrate } from './migrate.ts'
import { alone, dropCalls } from './retention.ts'

export interface PostgresLedgerOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string
  /** Hears, in one line, of connections that broke. */
  readonly onTrouble: (message: string) => void
}

const QUICK_CONNECTIONS = 4
/** Reports that run at once; more of them wait for one another, and for nothing else. */
const REPORT_CONNECTIONS = 2

/** Longer than any statement may take: so it is the network that is silent. */
const SILENCE_MAX_MS = 90_000
const WRITE: TransactionKind = { mode: 'READ WRITE', statementMaxMs: 60_000 }
const QUICK_READ: TransactionKind = { mode: 'ISOLATION LEVEL REPEATABLE READ READ ONLY', statementMaxMs: 15_000 }
const REPORT: TransactionKind = { mode: 'ISOLATION LEVEL REPEATABLE READ READ ONLY', statementMaxMs: 0 }

/**
 * Opens the ledger in a Postgres database, and brings its tables up to this code's; any number of processes may have it open.
 * @throws Failure store_unavailable where it can't be reached or written, or a newer Bursar wrote it; nothing is left open
 */
export async function openPostgresLedger({ url, onTrouble }: PostgresLedgerOptions): Promise<StreamLedger> {
  const onBroken = (error: unknown) => onTrouble(explain(error, 'a connection broke', url).message)
  const quick = createPool({ url, max: QUICK_CONNECTIONS, silenceMaxMs: SILENCE_MAX_MS, onTrouble: onBroken })
  const reports = createPool({ url, max: REPORT_CONNECTIONS, onTrouble: onBroken })
  let closing: Promise<void> | undefined
  let stopRecounting: (() => Promise<void>) | undefined
  const closeAll = async () => {
    await stopRecounting?.()
    await Promise.all([quick.end(), reports.end()])
  }
  const close = () => (closing ??= closeAll())
  try {
    await migrate(reports, url)
  } catch (error) {
    await close()
    throw explain(error, "can't open the ledger", url)
  }
  const tried = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    if (closing !== undefined) throw new Failure('store_unavailable', 'the ledger is closed: Bursar is shutting down')
    try {
      return await work()
    } catch (error) {
      throw explain(error, what, url)
    }
  }
  const asking =
    (pool: Pool, kind: TransactionKind): Ask =>
    (question) =>
      tried(`can't read the ledger (${question.kind})`, () => inTransaction(pool, kind, () => answer(question)))
  const transact: Transact = (what, kind, steps) => tried(what, () => inTransaction(quick, kind, steps))
  stopRecounting = recountOlder({ transact, onTrouble, index: () => tried("can't index older calls", () => indexOlderPartitions(reports)) })
  return {
    applier: createApplier(transact),
    ledger: askedLedger(asking(quick, QUICK_READ), asking(reports, REPORT)),
    retention: { dropCallsBefore: (before) => tried("can't drop old calls", () => dropCalls(quick, before)) },
    close,
  }
}

type Transact = <T>(what: string, kind: TransactionKind, steps: () => Steps<T>) => Promise<T>

interface Recounting {
  readonly transact: Transact
  /** Lets calls be found by their admission. */
  readonly index: () => Promise<void>
  readonly onTrouble: (message: string) => void
}

/** Counts calls of an older version again. @returns ends it */
function recountOlder({ transact, index, onTrouble }: Recounting): () => Promise<void> {
  const older = new OlderRecount(postgresDialect)
  let isIndexed = false
  const slice = async () => {
    try {
      if (!isIndexed) await index()
      isIndexed = true
      return await transact("can't count older calls", WRITE, () => alone(older.slice()))
    } catch (error) {
      older.forget()
      throw error
    }
  }
  return startRecounting({ slice, onTrouble })
}

function createApplier(transact: Transact): StreamApplier {
  const batches = new BatchApplier(postgresDialect)
  const applied = (batch: StreamBatch, apply: (records: StreamBatch['records']) => Steps<number>) =>
    transact("can't write to the ledger", WRITE, () => applyStreamBatch(batch, { apply, at: systemClock.now() }))
  return {
    position: () => transact("can't read the ledger's position", QUICK_READ, streamPosition),
    apply: async (batch) => {
      try {
        return await applied(batch, (records) => batches.apply(records))
      } catch (error) {
        batches.forget()
        if (!isOfRecord(error instanceof Failure ? error.cause : error)) throw error
      }
      const setting = { applier: batches, at: systemClock.now(), isOfRecord }
      return applied(batch, (records) => applyOrSetAside(records, setting))
    },
    known: async (calls) => new Map(await transact("can't look up calls", QUICK_READ, () => knownCalls(calls))),
  }
}

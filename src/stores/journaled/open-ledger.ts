import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { z } from 'zod'
import { Failure } from '../../engine/failure.ts'
import type { Journal, Ledger } from '../../engine/ports.ts'
import { type FileJournal, openJournal } from './journal.ts'
import type { LEDGER_QUERIES, QueryName } from './queries.ts'
import type { Position } from './segments.ts'

export interface LedgerOptions {
  readonly dataDir: string
  readonly durability: 'process' | 'disk'
  /** New alerts were stored. */
  readonly onAlerts?: () => void
  /** The store can't be written, or can again; one line for the log. */
  readonly onTrouble?: (message: string) => void
}

export interface OpenLedger {
  readonly journal: Journal
  readonly ledger: Ledger
  /** Writes and applies everything, and lets go of the directory. */
  readonly close: () => Promise<void>
}

/**
 * Opens the ledger in `dataDir`, made where it is missing: an append-only journal, and a database that a worker thread derives
 * from it. What a crash left is applied before this returns.
 * @throws Failure store_unavailable: another process has it, it is damaged, or it can't be written
 */
export async function openLedger(options: LedgerOptions): Promise<OpenLedger> {
  const { dataDir, durability, onAlerts = () => undefined, onTrouble = () => undefined } = options
  const lock = lockDirectory(dataDir)
  let writer: Writer | undefined
  try {
    const journal = openJournal({ dir: join(dataDir, 'journal'), durability, onGrowth: () => writer?.grown(), onTrouble })
    writer = await startWriter({ dataDir, onAlerts, onTrouble })
    await writer.catchUp(journal.end())
    const reader = startReader(dataDir)
    return {
      journal,
      ledger: createLedger({ journal, writer, reader }),
      close: async () => {
        await journal.close()
        await writer?.stop()
        await reader.stop()
        lock.close()
      },
    }
  } catch (error) {
    await writer?.stop()
    lock.close()
    throw toFailure(dataDir, error)
  }
}

function toFailure(dataDir: string, error: unknown): Failure {
  if (error instanceof Failure) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new Failure(
    'store_unavailable',
    `the data directory ${dataDir} can't be used (${reason}): make it writable, or set another store.data_dir`,
    error,
  )
}

/** The operating system lets go of it when the process ends, however it ends. */
function lockDirectory(dataDir: string): DatabaseSync {
  try {
    mkdirSync(join(dataDir, 'journal'), { recursive: true, mode: 0o700 })
    const lock = new DatabaseSync(join(dataDir, 'lock.db'))
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    if (error instanceof Error && /locked/.test(error.message)) {
      throw new Failure(
        'store_unavailable',
        `another Bursar runs on the data directory ${dataDir}: stop it, or set another store.data_dir`,
        error,
      )
    }
    throw toFailure(dataDir, error)
  }
}

interface Writer {
  readonly grown: () => void
  readonly catchUp: (to: Position) => Promise<void>
  readonly stop: () => Promise<void>
}

const fromWriter = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('alerts') }),
  z.object({ kind: z.literal('trouble'), message: z.string() }),
  z.object({ kind: z.literal('caught-up'), id: z.number() }),
  z.object({ kind: z.literal('failed'), id: z.number(), message: z.string() }),
  z.object({ kind: z.literal('stopped') }),
])

const RESTART_MS = 1000

/** @throws the worker's error where it can't start */
async function startWriter(options: { dataDir: string; onAlerts: () => void; onTrouble: (message: string) => void }): Promise<Writer> {
  const pending = new Map<number, PromiseWithResolvers<void>>()
  let nextId = 0
  let isStopping = false
  let isTold = false
  let worker = launch()
  await new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve())
    worker.once('error', reject)
  })

  function launch(): Worker {
    const started = new Worker(new URL('writer-thread.ts', import.meta.url), { workerData: { dataDir: options.dataDir } })
    started.on('message', (message: unknown) => hear(fromWriter.parse(message)))
    started.on('error', (error: unknown) => {
      fail(`the ledger's writer stopped (${error instanceof Error ? error.message : String(error)}); the journal goes on`)
    })
    started.on('exit', () => {
      if (isStopping) return
      setTimeout(() => {
        if (!isStopping) worker = launch()
      }, RESTART_MS).unref()
    })
    return started
  }

  function hear(message: z.infer<typeof fromWriter>): void {
    isTold = false
    if (message.kind === 'alerts') options.onAlerts()
    else if (message.kind === 'trouble') options.onTrouble(message.message)
    else if (message.kind === 'caught-up') settle(message.id)?.resolve()
    else if (message.kind === 'failed') settle(message.id)?.reject(new Failure('store_unavailable', message.message))
  }

  function settle(id: number): PromiseWithResolvers<void> | undefined {
    const waiting = pending.get(id)
    pending.delete(id)
    return waiting
  }

  function fail(message: string): void {
    options.onTrouble(message)
    for (const id of pending.keys()) settle(id)?.reject(new Failure('store_unavailable', message))
  }

  return {
    grown: () => {
      if (isTold) return
      isTold = true
      // The worker needs no word for each turn: one, and then a pause in which it reads all that came.
      setTimeout(() => {
        isTold = false
      }, 100).unref()
      worker.postMessage({ kind: 'grown' })
    },
    catchUp: (to) => {
      const id = nextId++
      const waiting = Promise.withResolvers<void>()
      pending.set(id, waiting)
      worker.postMessage({ kind: 'catch-up', id, to })
      return waiting.promise
    },
    stop: async () => {
      isStopping = true
      const exited = new Promise((resolve) => worker.once('exit', resolve))
      worker.postMessage({ kind: 'stop' })
      await exited
    },
  }
}

interface Reader {
  readonly ask: (query: QueryName, argument?: unknown) => Promise<unknown>
  readonly stop: () => Promise<void>
}

const fromReader = z.object({ id: z.number(), answer: z.unknown(), failure: z.string().optional() })

function startReader(dataDir: string): Reader {
  const pending = new Map<number, PromiseWithResolvers<unknown>>()
  let nextId = 0
  const worker = new Worker(new URL('reader-thread.ts', import.meta.url), { workerData: { dataDir } })
  worker.on('message', (message: unknown) => {
    const { id, answer, failure } = fromReader.parse(message)
    const waiting = pending.get(id)
    pending.delete(id)
    if (failure === undefined) waiting?.resolve(answer)
    else waiting?.reject(new Failure('store_unavailable', failure))
  })
  worker.on('error', (error: unknown) => {
    for (const waiting of pending.values())
      waiting.reject(new Failure('store_unavailable', "the ledger's reader stopped: restart Bursar", error))
    pending.clear()
  })
  return {
    ask: (query, argument) => {
      const id = nextId++
      const waiting = Promise.withResolvers<unknown>()
      pending.set(id, waiting)
      worker.postMessage({ id, query, argument })
      return waiting.promise
    },
    stop: async () => {
      const exited = new Promise((resolve) => worker.once('exit', resolve))
      worker.postMessage('stop')
      await exited
    },
  }
}

/** Every question waits until all that was appended before it is applied. */
function createLedger(parts: { journal: FileJournal; writer: Writer; reader: Reader }): Ledger {
  const { journal, writer, reader } = parts
  async function ask<Name extends QueryName>(query: Name, argument?: unknown): Promise<ReturnType<(typeof LEDGER_QUERIES)[Name]>> {
    // Records of this very turn are written at its end.
    await journal.append([])
    await writer.catchUp(journal.end())
    // Structured clone keeps the type that the query returned.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (await reader.ask(query, argument)) as ReturnType<(typeof LEDGER_QUERIES)[Name]>
  }
  return {
    openState: () => ask('openState'),
    usage: (query) => ask('usage', query),
    closes: (query) => ask('closes', query),
    alerts: (query) => ask('alerts', query),
    dueDeliveries: (at, limit) => ask('dueDeliveries', { at, limit }),
    audit: (query) => ask('audit', query),
    differences: () => ask('differences'),
    sums: () => ask('sums'),
  }
}

import { setTimeout } from 'node:timers/promises'
import type { Recounted } from './recount-older.ts'

export interface RecountingDeps {
  /** Counts the next slice, in a transaction of its own. */
  readonly slice: () => Promise<Recounted>
  /** Hears, in one line, of what keeps it from going on. */
  readonly onTrouble: (message: string) => void
}

/** What a start has to do comes first. */
const START_MS = 1000
/** Between two slices, at least: whoever waits to write comes first, since SQLite keeps no queue. */
const PAUSE_MIN_MS = 5
/** While another process counts. */
const OTHERS_MS = 1000
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 30_000
/** A connection that broke, or a lock that was not had, is nothing to tell of: the next try has it. */
const SILENT_TRIES = 3

/**
 * Counts older calls again in the background, until there are none left: half of the time at most, so that batches and reports get
 * the other half.
 * @returns ends it, once the slice that is being counted is done
 */
export function startRecounting(deps: RecountingDeps): () => Promise<void> {
  const stopping = new AbortController()
  const working = work(deps, stopping.signal)
  return async () => {
    stopping.abort()
    await working
  }
}

async function work({ slice, onTrouble }: RecountingDeps, signal: AbortSignal): Promise<void> {
  let before: number | undefined
  let failures = 0
  await pause(START_MS, signal)
  while (!signal.aborted) {
    const startedAt = performance.now()
    try {
      const counted = await slice()
      if (counted.isDone) return
      const isAlone = before === undefined || counted.from === before
      before = counted.before
      failures = 0
      await pause(isAlone ? Math.max(PAUSE_MIN_MS, performance.now() - startedAt) : OTHERS_MS, signal)
    } catch (error) {
      if (signal.aborted) return
      failures++
      if (failures > SILENT_TRIES)
        onTrouble(
          `calls of an older version are not counted by their admission yet: ${error instanceof Error ? error.message : String(error)}`,
        )
      await pause(Math.min(RETRY_MIN_MS * 2 ** failures, RETRY_MAX_MS), signal)
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal, ref: false }).catch(() => undefined)
}

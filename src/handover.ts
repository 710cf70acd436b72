import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataDirInUse } from './engine/failure.ts'

/*
 * A restart without an outage. The process that ends keeps its port while its last calls end, and tells new ones to come again. The
 * one that follows waits until the data directory is free, and listens on the same port; only then the first one leaves it.
 */

/** How long a start waits for a process that may not be ending at all. */
const PATIENCE_MS = 10_000
/** How long it waits for one that ends its calls, which gives up earlier; and how long that one waits for who follows to listen. */
const LEAVING_PATIENCE_MS = 120_000
const RETRY_MS = 50

/** Holds the id of the process that waits. */
const SUCCESSOR = 'successor.pid'
/** Holds the id of the process that ends its calls. */
const LEAVING = 'leaving.pid'

/**
 * Runs a start, and runs it again while another process has the data directory, or has the port and is about to leave it.
 * @param start is told whether it follows a process that may still answer on its port
 * @throws what `start` throws, also where the other process does not end
 */
export async function startWhenFree<Started extends object>(
  dataDir: string,
  start: (isSuccessor: boolean) => Promise<Started>,
  say: (line: string) => void,
): Promise<Started> {
  const startedAt = performance.now()
  const tryStart = async (isSuccessor: boolean): Promise<Started | undefined> => {
    try {
      return await start(isSuccessor)
    } catch (error) {
      if (!isWorthWaiting(dataDir, error, performance.now() - startedAt)) throw error
      return undefined
    }
  }
  try {
    for (let isSuccessor = false; ; isSuccessor = true) {
      const started = await tryStart(isSuccessor)
      if (started !== undefined) return started
      if (!isSuccessor) say(`another Bursar process has ${dataDir}: waiting for it to end`)
      writeOwn(join(dataDir, SUCCESSOR))
      await sleep(RETRY_MS)
    }
  } finally {
    removeOwn(join(dataDir, SUCCESSOR))
  }
}

function isWorthWaiting(dataDir: string, error: unknown, waitedMs: number): boolean {
  const isLeaving = processIn(join(dataDir, LEAVING)) !== undefined
  if (error instanceof DataDirInUse) return waitedMs < (isLeaving ? LEAVING_PATIENCE_MS : PATIENCE_MS)
  const isPortTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  return isPortTaken && isLeaving && waitedMs < LEAVING_PATIENCE_MS
}

/** Says in the data directory that this process ends its calls, so that who follows waits for them. */
export function announceLeaving(dataDir: string): void {
  writeOwn(join(dataDir, LEAVING))
}

/** Resolves when the process that waits for this one listens, or has ended; at once where none waits. */
export async function untilSucceeded(dataDir: string): Promise<void> {
  const giveUpAt = performance.now() + LEAVING_PATIENCE_MS
  while (processIn(join(dataDir, SUCCESSOR)) !== undefined && performance.now() < giveUpAt) await sleep(RETRY_MS / 2)
  removeOwn(join(dataDir, LEAVING))
}

/** The id of another process that runs and is named in that file. */
function processIn(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return undefined
    process.kill(pid, 0)
    return pid
  } catch {
    // No such file, or no such process.
    return undefined
  }
}

function writeOwn(path: string): void {
  try {
    writeFileSync(path, String(process.pid), { mode: 0o600 })
  } catch {
    // A disk that is full or gone: then one process ends before the next one begins.
  }
}

function removeOwn(path: string): void {
  try {
    if (readFileSync(path, 'utf8') === String(process.pid)) rmSync(path)
  } catch {
    // It was not there.
  }
}

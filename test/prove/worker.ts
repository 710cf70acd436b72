import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '../../src/engine/failure.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { type Installation, openInstallation, type Place } from './installation.ts'
import { type NoteBook, openNotes } from './notes.ts'

/* One of the proof's processes: callers that share it, and in between a provider that notes what it produced. */

export interface Work {
  readonly place: Place
  readonly notesDir: string
  readonly callers: number
  readonly callsMax: number
}

/** What a worker says, some times a second. */
export interface WorkerNews {
  /** When it last let a call in, or refused one by a cap, as `Date.now()`; 0: never. */
  readonly decidedAt: number
  readonly refused: number
  readonly unavailable: number
}

const ROUND_MS = 500
const TICK_MS = 250
const NEWS_MS = 100
const INPUT = 20
const OUTPUT_MAX = 400

const stopping = new AbortController()
const news = { decidedAt: 0, refused: 0, unavailable: 0 }
let admitted = 0

function tell(): void {
  process.send?.(news satisfies WorkerNews)
}

async function callOnce(engine: Engine, notes: NoteBook): Promise<void> {
  const output = randomInt(10, OUTPUT_MAX)
  const user = `round-${Math.floor(Date.now() / ROUND_MS)}`
  const admission = await engine.admit({
    attributes: { team: 'prove', user, key: 'prove', provider: 'simulated', model: 'simulated', tags: {} },
    modelName: 'simulated',
    endpoint: 'prove',
    bound: { input: INPUT, outputMax: output, outputMin: output, choices: 1 },
  })
  news.decidedAt = Date.now()
  if (admission.kind === 'refused') {
    news.refused++
    await delay(randomInt(5, 60))
    return
  }
  admitted++
  const call = admission.call.id
  notes.admitted(call, INPUT + output)
  await delay(randomInt(1, 120))
  const produced = randomInt(1, output + 1)
  notes.produced(call, INPUT + produced)
  const usage = { kind: 'reported', counts: { input: { total: INPUT }, output: { total: produced } } } as const
  await engine.settle({ call, endedAt: Date.now(), ending: 'done', status: 200, usage })
  notes.answered(call)
}

async function callUntilStopped(engine: Engine, notes: NoteBook, callsMax: number): Promise<void> {
  while (!stopping.signal.aborted && admitted < callsMax) {
    try {
      await callOnce(engine, notes)
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'store_unavailable') throw error
      news.unavailable++
      await delay(randomInt(20, 100))
    }
  }
}

async function opened(place: Place): Promise<Installation> {
  for (;;) {
    try {
      return await openInstallation(place)
    } catch (error) {
      if (stopping.signal.aborted || !(error instanceof Failure)) throw error
      await delay(100)
    }
  }
}

async function main({ place, notesDir, callers, callsMax }: Work): Promise<void> {
  process.on('message', () => stopping.abort())
  // Ctrl-C reaches all processes of a terminal: it is the first one that ends this one.
  process.on('SIGINT', () => undefined)
  // Whoever started it is gone: so is what it is for.
  process.on('disconnect', () => process.exit(1))
  const { engine, close } = await opened(place)
  const telling = setInterval(tell, NEWS_MS)
  const ticking = setInterval(() => void engine.tick().catch(() => undefined), TICK_MS)
  const notes = openNotes(notesDir, String(process.pid))
  await Promise.all(Array.from({ length: callers }, () => callUntilStopped(engine, notes, callsMax)))
  clearInterval(ticking)
  await close()
  clearInterval(telling)
  tell()
  process.disconnect?.()
}

const work: Work = JSON.parse(process.argv[2] ?? '{}')
await main(work)

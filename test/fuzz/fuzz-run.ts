import { join } from 'node:path'
import { api, type Process, remove, tempDir, until } from '../e2e/bursar.ts'
import { SMALL_TOKENS, startBursar } from './installation.ts'
import { chargeViolations, outcomeViolations, type Sent, type Violation } from './judge.ts'
import { ledgerCalls } from './ledger-calls.ts'
import { startProvider } from './provider/provider.ts'
import { type FuzzRequest, makeRequest } from './request.ts'
import { Caller } from './wire.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly requests: number
  /** The first request's index; 0 unless told. */
  readonly from?: number
  /** Names of mutations to leave out. */
  readonly skip?: ReadonlySet<string>
  /** What follows `data_dir` in the config: `, redis: "…"`. */
  readonly store?: string
  readonly concurrency?: number
  readonly onProgress?: (sent: number, violations: number) => void
  /** Everything about each request; for a few of them. */
  readonly onTrace?: (text: string) => void
}

export interface FuzzReport {
  readonly sent: number
  readonly perSecond: number
  /** How many requests had which answer: a status, or how the connection ended. */
  readonly answers: Readonly<Record<string, number>>
  readonly calls: number
  readonly bills: number
  readonly violations: readonly Violation[]
}

const CONCURRENCY = 32
const VIOLATIONS_MAX = 2000

/** Sends requests of a seed to a Bursar of its own, and judges what came of them. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, skip = new Set<string>(), store = '' } = options
  const dir = tempDir()
  const inFlight = new Map<number, FuzzRequest>()
  const violations: Violation[] = []
  const violated = (index: number | undefined, what: string) => {
    if (violations.length < VIOLATIONS_MAX) violations.push({ index, what })
  }
  const trace = options.onTrace === undefined ? {} : { seen: (text: string) => options.onTrace?.(`at the provider:\n${text}`) }
  const provider = await startProvider({ seed, requestOf: (index) => inFlight.get(index), violated, ...trace })
  const bursar = await startBursar(provider.url, dir, store)
  const log = watchLog(bursar, violated, () => [...inFlight.keys()])
  try {
    const startedAt = performance.now()
    const sending = { port: Number(new URL(bursar.url).port), inFlight, skip, violated, hasEnded: log.hasEndedEarly }
    const sent = await sendAll(options, sending)
    const seconds = (performance.now() - startedAt) / 1000
    log.stop()
    if (!log.hasEndedEarly()) await conclude(bursar, violated)
    const calls = ledgerCalls(join(dir, 'data'))
    // A process that ended lost its last calls' answers: what became of them is for tests of recovery.
    const ofCharges = log.hasEndedEarly() ? [] : chargeViolations(sent, provider.bills, calls)
    for (const { index, what } of ofCharges) violated(index, what)
    for (const one of sent) options.onTrace?.(`the caller got ${JSON.stringify(one.outcome)}`)
    for (const call of options.onTrace === undefined ? [] : calls) options.onTrace?.(`in the ledger: ${JSON.stringify(call)}`)
    return {
      sent: sent.length,
      perSecond: Math.round(sent.length / seconds),
      answers: countAnswers(sent),
      calls: calls.length,
      bills: provider.bills.length,
      violations: violations.toSorted((a, b) => (a.index ?? -1) - (b.index ?? -1)),
    }
  } finally {
    log.stop()
    bursar.child.kill('SIGKILL')
    await provider.close()
    remove(dir)
  }
}

interface Sending {
  readonly port: number
  readonly inFlight: Map<number, FuzzRequest>
  readonly skip: ReadonlySet<string>
  readonly violated: (index: number | undefined, what: string) => void
  readonly hasEnded: () => boolean
}

async function sendAll(options: FuzzOptions, { port, inFlight, skip, violated, hasEnded }: Sending): Promise<readonly Sent[]> {
  const { seed, requests, from = 0, concurrency = CONCURRENCY, onProgress, onTrace } = options
  const sent: Sent[] = []
  let next = from
  let found = 0
  const work = async () => {
    const caller = new Caller(port)
    for (let index = next++; index < from + requests && !hasEnded(); index = next++) {
      const made = makeRequest({ seed, index, skip })
      onTrace?.(`${made.mutations.join(' ') || 'no mutations'}\n${made.head}\n${made.body.toString('latin1').slice(0, 3000)}`)
      inFlight.set(index, made)
      const outcome = await caller.send(made)
      // A call may be at the provider after its caller has gone.
      setTimeout(() => inFlight.delete(index), 5000).unref()
      const one = { request: leanOf(made), outcome: { ...outcome, text: outcome.text.slice(0, 200) } }
      for (const violation of hasEnded() ? [] : outcomeViolations(one)) {
        found++
        violated(violation.index, `${violation.what} [${made.mutations.join(' ')}]`)
      }
      sent.push(one)
      if (sent.length % 5000 === 0) onProgress?.(sent.length, found)
    }
    caller.close()
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return sent
}

/** Without its bytes, which would fill the memory. */
function leanOf({ index, key, user, isPlain, wire, mutations }: FuzzRequest): Sent['request'] {
  return { index, key, user, isPlain, wire, mutations }
}

interface Watch {
  /** From now on the process may end. */
  readonly stop: () => void
  readonly hasEndedEarly: () => boolean
}

/** The log tells of defects that no caller sees. */
function watchLog({ child }: Process, violated: Sending['violated'], inFlight: () => readonly number[]): Watch {
  let isOver = false
  let hasEnded = false
  const read = (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n')) {
      if (/unexpected error|failed|Error/.test(line)) violated(undefined, `the log says: ${line.slice(0, 400)}`)
    }
  }
  child.stdout?.on('data', read)
  child.stderr?.on('data', read)
  child.once('exit', (code, signal) => {
    if (isOver) return
    hasEnded = true
    violated(undefined, `the process ended: ${code ?? signal}; of the last 5 s: ${inFlight().slice(-50).join(', ')}`)
  })
  return { stop: () => (isOver = true), hasEndedEarly: () => hasEnded }
}

async function conclude(bursar: Process, violated: Sending['violated']): Promise<void> {
  await settleDown(bursar, violated)
  await examine(bursar, violated)
  const code = await bursar.stop()
  if (code !== 0) violated(undefined, `SIGTERM ended the process with ${code}`)
}

/** Calls whose caller hung up may still be read to their end. */
async function settleDown({ url }: Process, violated: Sending['violated']): Promise<void> {
  const deadline = Date.now() + 30_000
  const isQuiet = async () => {
    if (Date.now() > deadline) {
      violated(undefined, 'calls are still in flight 30 s after the last request')
      return true
    }
    return (await api<{ calls_in_flight: number }>(url, 'doctor')).calls_in_flight === 0
  }
  await until(isQuiet)
}

async function examine({ url }: Process, violated: Sending['violated']): Promise<void> {
  const ready = await fetch(`${url}/readyz`)
  if (ready.status !== 200) violated(undefined, `/readyz answers ${ready.status} ${await ready.text()}`)
  const doctor = await api<{ differences: readonly unknown[]; trouble: unknown }>(url, 'doctor')
  if (doctor.differences.length > 0) violated(undefined, `doctor: ${JSON.stringify(doctor.differences).slice(0, 500)}`)
  const { budgets } = await api<{ budgets: readonly { id: string; account: string; used: number; held: number }[] }>(url, 'status')
  for (const { id, account, used, held } of budgets) {
    if (held !== 0) violated(undefined, `${id} ${account}: ${held} held with no call in flight`)
    if (id === 'small' && used > SMALL_TOKENS) violated(undefined, `the cap of ${account} was passed: ${used} of ${SMALL_TOKENS}`)
  }
}

function countAnswers(sent: readonly Sent[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { outcome } of sent) {
    const name = outcome.status === undefined ? outcome.end : String(outcome.status)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

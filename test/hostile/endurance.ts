import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { KEY, type Process, remove, startProcess, statusOf, tempDir, until } from '../e2e/bursar.ts'
import { ATTACKS, wrongAnswer } from './attacks.ts'
import { startHostileProvider, USED } from './hostile-provider.ts'
import type { Order, Seen } from './honest.ts'

const HONEST_KEY = 'bsr_honest_key_0123456789'
const KEYS = `
  - { name: hostile, secret: ${KEY}, team: hostile, allow: [user, tag.*] }
  - { name: honest, secret: ${HONEST_KEY}, team: honest }`
const BUDGETS = `
  - { id: global, limit: { tokens: 100B }, hard_cap: true }
  - { id: honest, scope: { team: honest }, limit: { tokens: 1B }, hard_cap: true }
  - { id: tight, scope: { team: hostile }, each: user, limit: { tokens: 200k }, hard_cap: true }`

export interface EnduranceOptions {
  /** How long the attacks last, all windows together. */
  readonly attackMs: number
  readonly windowMs: number
  readonly onWindow?: (kind: 'alone' | 'attacked', seen: Seen) => void
}

export interface Endured {
  readonly alone: readonly Seen[]
  readonly attacked: readonly Seen[]
  readonly attacks: number
  /** What must not be, whatever the times are: honest calls that failed or were miscounted, wrong answers, a process that ended. */
  readonly faults: readonly string[]
}

/** So many attacks at once, and so long between two of them: one caller's share of a machine. */
const ATTACKS_AT_ONCE = 2
const PAUSE_MS = 100

/** Honest callers beside one hostile key, in windows with and without its attacks, in turns. */
export async function endure({ attackMs, windowMs, onWindow }: EnduranceOptions): Promise<Endured> {
  const dir = tempDir()
  const provider = await startHostileProvider()
  const honest = await startHonest()
  const providers = `  honest: { api: openai, base_url: ${honest.providerUrl}/v1, api_key: sk-honest }`
  const bursar = await startProcess({ upstreamUrl: provider.url, dir, budgets: BUDGETS, keys: KEYS, providers })
  const faults: string[] = []
  let attacks = 0
  const attackFor = async (until: number) => {
    for (let next = attacks; Date.now() < until && bursar.child.exitCode === null; next = attacks) {
      attacks++
      const attack = ATTACKS[next % ATTACKS.length]
      if (attack === undefined) return
      const wrong = await attack.run({ url: bursar.url, key: KEY }).then((answers) => wrongAnswer(attack, answers), String)
      if (wrong !== undefined) faults.push(`${attack.name}: ${wrong}`)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
  try {
    honest.order({ gateway: bursar.url, key: HONEST_KEY })
    const alone: Seen[] = []
    const attacked: Seen[] = []
    // The first calls of a process are slow whoever calls.
    const warmUp = await honest.measure(windowMs)
    for (let lasted = 0; lasted < attackMs && bursar.child.exitCode === null; lasted += windowMs) {
      alone.push(await honest.measure(windowMs))
      onWindow?.('alone', alone.at(-1) ?? warmUp)
      const ends = Date.now() + windowMs
      const [seen] = await Promise.all([honest.measure(windowMs), ...Array.from({ length: ATTACKS_AT_ONCE }, () => attackFor(ends))])
      attacked.push(seen)
      onWindow?.('attacked', seen)
    }
    const all = [warmUp, ...alone, ...attacked]
    faults.push(...all.flatMap(({ failures }) => failures.map((failure) => `an honest call failed: ${failure}`)))
    faults.push(...(await faultsAfter(bursar, all)))
    return { alone, attacked, attacks, faults }
  } finally {
    bursar.child.kill('SIGKILL')
    honest.end()
    await provider.close()
    remove(dir)
  }
}

async function startHonest() {
  const child = fork(join(import.meta.dirname, 'honest.ts'), { stdio: 'inherit' })
  const [{ providerUrl }] = (await once(child, 'message')) as [{ providerUrl: string }]
  const order = (what: Order) => void child.send(what)
  return {
    providerUrl,
    order,
    measure: async (windowMs: number): Promise<Seen> => {
      order({ windowMs })
      const [seen] = (await once(child, 'message')) as [Seen]
      return seen
    },
    end: () => child.kill(),
  }
}

async function faultsAfter({ child, url }: Process, all: readonly Seen[]): Promise<readonly string[]> {
  if (child.exitCode !== null || child.signalCode !== null) return [`the process ended: ${child.exitCode ?? child.signalCode}`]
  const expected = all.reduce((sum, { calls, streams }) => sum + calls + streams, 0) * (USED.input + USED.output)
  const deadline = Date.now() + 10_000
  await until(async () => Date.now() > deadline || (await statusOf(url, 'global')).held === 0)
  const { held } = await statusOf(url, 'global')
  const { used } = await statusOf(url, 'honest')
  return [
    ...(held === 0 ? [] : [`${held} tokens are held with no call in flight`]),
    ...(used === expected ? [] : [`honest callers used ${expected} tokens and were charged ${used}`]),
  ]
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** p50 and p99 of a kind of window: the median of its windows. */
export function typical(windows: readonly Seen[]): { readonly p50Ms: number; readonly p99Ms: number; readonly streamP99Ms: number } {
  return {
    p50Ms: median(windows.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(windows.map(({ p99Ms }) => p99Ms)),
    streamP99Ms: median(windows.map(({ streamP99Ms }) => streamP99Ms)),
  }
}

import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { TcpProxy } from '../services/tcp-proxy.ts'
import type { Member } from './team.ts'

export interface Faults {
  kills: number
  partitions: number
}

export interface Disturbed {
  readonly team: readonly Member[]
  /** The way to Redis of each of them; empty where they have none that may be broken. */
  readonly ways: readonly TcpProxy[]
  readonly seconds: number
  readonly signal: AbortSignal
}

/** Shorter than a hold stands. */
const PARTITION_MS_MAX = 2500
const START_MS_MAX = 30_000

/** Kills processes and breaks connections at random, one after the other, until the time is over; all is mended then. */
export async function disturb({ team, ways, seconds, signal }: Disturbed): Promise<Faults> {
  await allDeciding(team, signal)
  const untilMs = performance.now() + seconds * 1000
  const faults: Faults = { kills: 0, partitions: 0 }
  for (let turn = 0; ; turn++) {
    const pauseMs = randomInt(400, 1200)
    if (performance.now() + pauseMs > untilMs) {
      await delay(Math.max(0, untilMs - performance.now()), undefined, { signal })
      return faults
    }
    await delay(pauseMs, undefined, { signal })
    // Who has not come back from the last fault would never do anything.
    const i = shuffled(team.keys()).find((place) => team[place]?.isDeciding === true) ?? -1
    const [member, way] = [team[i], ways[i]]
    if (member === undefined) continue
    if (way === undefined || turn % 2 === 0) {
      await member.kill()
      faults.kills++
      continue
    }
    if (randomInt(2) === 0) way.cut()
    else way.mute()
    const leftMs = Math.floor(untilMs - performance.now())
    await delay(randomInt(300, Math.max(301, Math.min(PARTITION_MS_MAX, leftMs))), undefined, { signal })
    way.heal()
    member.mended()
    faults.partitions++
  }
}

/** Processes take a while to start, on a busy machine more than the proof is long. */
async function allDeciding(team: readonly Member[], signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + START_MS_MAX
  while (!team.every(({ isDeciding }) => isDeciding)) {
    const crash = team.find((member) => member.crash !== undefined)?.crash
    if (crash !== undefined) throw new Error(`a process can't start: ${crash}`)
    if (performance.now() > deadline) throw new Error(`no process lets calls in after ${START_MS_MAX / 1000} s`)
    await delay(50, undefined, { signal })
  }
}

function shuffled(places: Iterable<number>): readonly number[] {
  return [...places]
    .map((place) => ({ place, by: randomInt(1_000_000) }))
    .toSorted((a, b) => a.by - b.by)
    .map(({ place }) => place)
}

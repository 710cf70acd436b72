import { setTimeout as delay } from 'node:timers/promises'
import { fromFace } from '../../src/stores/redis/account-row.ts'
import { connectRedis } from '../../src/stores/redis/connect-redis.ts'
import { createKeyNames } from '../../src/stores/redis/key-names.ts'
import { textsOf } from '../../src/stores/redis/redis-client.ts'
import { ACCOUNTS } from '../../src/stores/redis/script.ts'
import { addressOf, PER_ROUND, type Place } from './installation.ts'

/** What was seen from outside: accounts read from Redis, by nobody who counts in them. */
export interface Seen {
  readonly looks: number
  readonly accounts: number
  /** The most that used and held were above a hard cap, in tokens; 0: never. */
  readonly overshoot: number
  /** How near an account came to its cap: the largest share of it. */
  readonly fullest: number
}

const PAUSE_MS = 5
/** Who looks while Redis is away sees nothing, and looks again. */
const AWAY_MS = 100
/** Accounts of rounds that are over change no more. */
const NEWEST = 40

/** Looks at all hard caps again and again, until `stop`. */
export async function startWatch(place: Place): Promise<{ readonly stop: () => Promise<Seen> }> {
  const client = await connectRedis(addressOf(place.redis))
  const names = createKeyNames(place.prefix)
  const seen = { looks: 0, accounts: 0, overshoot: 0, fullest: 0 }
  const over = new AbortController()
  const look = async () => {
    const all = textsOf(await client.call('ZRANGE', names.accounts, 0, -1))
    const accounts = all.toSorted(byRound).slice(-NEWEST)
    seen.looks++
    seen.accounts = Math.max(seen.accounts, all.length)
    if (accounts.length === 0) return
    const rows = textsOrSums(await client.run(ACCOUNTS, [names.faces, ...accounts], []))
    for (let i = 0; i < rows.length; i += 2) {
      const [face, sums] = [rows[i], rows[i + 1]]
      if (typeof face !== 'string' || !Array.isArray(sums)) continue
      const { budget, limit } = fromFace(face)
      if (budget === 'advisory') continue
      const standing = Number(sums[0]) + Number(sums[1])
      seen.overshoot = Math.max(seen.overshoot, standing - limit)
      if (budget === PER_ROUND) seen.fullest = Math.max(seen.fullest, standing / limit)
    }
  }
  const watching = (async () => {
    while (!over.signal.aborted) {
      await look().catch(() => delay(AWAY_MS))
      await delay(PAUSE_MS)
    }
  })()
  return {
    stop: async () => {
      over.abort()
      await watching
      await client.close()
      return seen
    },
  }
}

const textsOrSums = (reply: unknown): readonly unknown[] => (Array.isArray(reply) ? reply : [])

/** Rounds are named for their time, so the newest come last; the account of every call is always among them. */
function byRound(a: string, b: string): number {
  const round = (name: string) => (name.includes(PER_ROUND) ? name : '~')
  return round(a) < round(b) ? -1 : 1
}

import type { Clock } from '../../engine/ports.ts'
import type { RedisClient } from './redis-client.ts'
import { TAKEOVER } from './script.ts'

/** Something that one process does at a time. */
export interface Turn {
  /** Whether it is this process's turn, for some seconds more; whoever has it keeps it by asking. */
  readonly isMine: () => Promise<boolean>
  /** Lets the next one have it. */
  readonly pass: () => Promise<void>
}

const TURN_MS = 5000

/**
 * Whoever has a turn writes another value with each asking. One that stays the same for all the time of a turn is of a process
 * that died: the store's own clock does not say so where it was set back, for then the lock outlives its holder by as much.
 * @param lock the key that says whose turn it is
 */
export function createTurn(deps: {
  readonly client: RedisClient
  readonly lock: string
  readonly node: string
  readonly clock: Pick<Clock, 'after'>
}): Turn {
  const { client, lock, node, clock } = deps
  let asked = 0
  let seen: { readonly value: string; isStale: boolean; readonly forget: () => void } | undefined
  const isStale = (value: string): boolean => {
    if (seen?.value === value) return seen.isStale
    seen?.forget()
    const look = { value, isStale: false, forget: clock.after(TURN_MS, () => (look.isStale = true)) }
    seen = look
    return false
  }
  const ask = async (): Promise<boolean> => {
    const own = `${node} ${++asked}`
    if ((await client.call('SET', lock, own, 'NX', 'PX', TURN_MS)) !== null) return true
    const value = await client.call('GET', lock)
    if (typeof value !== 'string') return false
    if (!value.startsWith(`${node} `) && !isStale(value)) return false
    return (await client.run(TAKEOVER, [lock], [value, own, TURN_MS])) === 1
  }
  let asking: Promise<boolean> | undefined
  return {
    // Two askings at once of one process would take the turn from each other.
    isMine: () => {
      asking ??= ask().finally(() => {
        asking = undefined
      })
      return asking
    },
    pass: async () => {
      const value = await client.call('GET', lock)
      if (typeof value === 'string' && value.startsWith(`${node} `)) await client.call('DEL', lock)
    },
  }
}

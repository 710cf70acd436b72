import type { RedisClient } from './redis-client.ts'

/** Something that one process does at a time. */
export interface Turn {
  /** Whether it is this process's turn, for some seconds more; whoever has it keeps it by asking. */
  readonly isMine: () => Promise<boolean>
  /** Lets the next one have it. */
  readonly pass: () => Promise<void>
}

const TURN_MS = 5000

/** @param lock the key that says whose turn it is */
export function createTurn(client: RedisClient, lock: string, node: string): Turn {
  return {
    isMine: async () => {
      if ((await client.call('SET', lock, node, 'NX', 'PX', TURN_MS)) !== null) return true
      if ((await client.call('GET', lock)) !== node) return false
      await client.call('PEXPIRE', lock, TURN_MS)
      return true
    },
    pass: async () => {
      if ((await client.call('GET', lock)) === node) await client.call('DEL', lock)
    },
  }
}

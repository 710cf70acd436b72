import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { simulate } from './simulation.ts'
import type { StoreKind } from './swarm.ts'

/* Whole lives of Bursar, each from one seed; `npm run simulate` lives more of them. */

/** Seeds that once broke a promise. */
const BROKE = {
  memory: [305, 558, 721, 822, 1515, 1591],
  redis: [
    5, 14, 32, 33, 35, 38, 46, 57, 64, 67, 72, 81, 91, 118, 130, 150, 156, 188, 139, 219, 234, 263, 299, 445, 466, 607, 738, 768, 877, 962,
    1055, 1064, 1074, 1157, 1184, 1216, 1257, 1319, 1433, 1635, 1860, 2216, 2317, 2601, 2738, 3107, 3299, 3784, 3961, 4135, 4331, 4994,
    5892, 6123, 6315, 6995, 7280, 7646, 8879, 9226, 9744, 10422,
  ],
  leased: [2, 51, 71, 72, 109, 122, 123, 124, 147, 155, 445, 630, 644, 669, 809, 830, 1063, 1554, 3447],
}

async function failuresOf(seeds: readonly number[], store: StoreKind): Promise<readonly string[]> {
  const failures: string[] = []
  for (const seed of seeds) {
    const { failure } = await simulate(seed, store)
    if (failure !== undefined) failures.push(`seed ${seed}: ${failure.message}`)
  }
  return failures
}

const seedsFrom = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)

describe('the promises are kept', () => {
  test('by one process that crashes, whose clock jumps and whose disk is full', async () => {
    expect(await failuresOf([...BROKE.memory, ...seedsFrom(1, 300)], 'memory')).toEqual([])
  })

  test('by processes that share a Redis, with a network, a store and a database that fail', async () => {
    expect(await failuresOf([...BROKE.redis, ...seedsFrom(1, 60)], 'redis')).toEqual([])
  }, 240_000)

  test('by processes that decide by slices of what they share', async () => {
    expect(await failuresOf([...BROKE.leased, ...seedsFrom(1, 40)], 'leased')).toEqual([])
  }, 240_000)
})

test.each(['memory', 'redis'] as const)('a seed lives the same life again, with %s', async (store) => {
  for (const seed of [1, 2, 7, 30]) {
    const [once, again] = [await simulate(seed, store), await simulate(seed, store)]
    expect(again).toEqual(once)
    expect(once.events).toBeGreaterThan(100)
  }
})

test.each([
  [['--seeds', 'many'], '--seeds: expected a whole number from 1 on'],
  [['--store', 'rdis'], '--store: expected one of redis, memory, leased'],
])('%j is nothing that could be lived, and is no success', async (args, message) => {
  const script = new URL('./simulate.ts', import.meta.url).pathname
  const failed = await promisify(execFile)(process.execPath, [script, ...args]).catch((error: { code: number; stderr: string }) => error)
  expect(failed).toMatchObject({ code: 1, stderr: `nothing can be lived: ${message}\n` })
})

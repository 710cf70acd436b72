import { setTimeout as delay } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { Redis } from 'ioredis'

/** A thread that looks at the accounts in Redis again and again, past Bursar, until it is told to stop; then it says what it saw. */

const redis = new Redis(workerData as string, { retryStrategy: () => 50, maxRetriesPerRequest: 0 })
redis.on('error', () => undefined)

const PREFIX = '{bursar}:a:'
const most = new Map<string, number>()
let looks = 0
const watch = { isOver: false }

/** Each row is six doubles: used, held, and more. Used and held of one account are of one instant. */
async function look(): Promise<void> {
  const accounts = await redis.zrange('{bursar}:accounts', '0', '-1')
  const rows = accounts.length === 0 ? [] : await redis.mgetBuffer(...accounts)
  for (const [i, row] of rows.entries()) {
    const [budget = ''] = (accounts[i] ?? '').slice(PREFIX.length).split('\n')
    if (row !== null) most.set(budget, Math.max(most.get(budget) ?? 0, row.readDoubleLE(0) + row.readDoubleLE(8)))
  }
  looks++
}

parentPort?.once('message', () => (watch.isOver = true))
while (!watch.isOver) {
  // It is away at times: that is what some tests are about.
  await look().catch(() => delay(20))
  await delay(2)
}
redis.disconnect()
parentPort?.postMessage({ most, looks })

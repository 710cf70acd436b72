import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { connectRedis } from '../../src/stores/redis/connect-redis.ts'
import { textsOf } from '../../src/stores/redis/redis-client.ts'
import { addressOf, type Place } from './installation.ts'
import type { LedgerCall } from './judge.ts'

/** Removes every key that begins so, and no other. */
export async function clearKeys(redis: string, prefix: string): Promise<void> {
  const client = await connectRedis(addressOf(redis))
  try {
    let cursor = '0'
    do {
      const reply = await client.call('SCAN', cursor, 'MATCH', `${prefix}:*`, 'COUNT', 1000)
      const [next, keys] = Array.isArray(reply) ? reply : []
      cursor = String(next ?? '0')
      for (const key of textsOf(keys ?? [])) await client.call('UNLINK', key)
    } while (cursor !== '0')
  } finally {
    await client.close()
  }
}

/** A database of the proof's own on that server. @throws Error where the user may not make one */
export async function createDatabase(url: string, name: string): Promise<{ readonly url: string; readonly drop: () => Promise<void> }> {
  const ask = async (sql: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      await client.query(sql)
    } finally {
      await client.end()
    }
  }
  await ask(`CREATE DATABASE ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  return { url: own.href, drop: () => ask(`DROP DATABASE ${name} WITH (FORCE)`) }
}

const CALLS = 'SELECT id, usage_kind, charges FROM'

interface CallRow {
  readonly id: string
  readonly usage_kind: string
  readonly charges: string
}

/** What the ledger says of every call, read past Bursar. */
export async function readCalls({ database, dataDir }: Place): Promise<readonly LedgerCall[]> {
  if (database === undefined) {
    const ledger = new DatabaseSync(join(dataDir, 'ledger.db'), { readOnly: true })
    const rows = ledger.prepare(`${CALLS} calls`).all()
    ledger.close()
    return rows.map((row) => toCall({ id: String(row['id']), usage_kind: String(row['usage_kind']), charges: String(row['charges']) }))
  }
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  try {
    return (await client.query<CallRow>(`${CALLS} bursar.calls`)).rows.map(toCall)
  } finally {
    await client.end()
  }
}

/** Of a call's charges the one in requests is 1, and those in tokens are equal. */
function toCall({ id, usage_kind: kind, charges }: CallRow): LedgerCall {
  const amounts: readonly (readonly number[])[] = JSON.parse(charges)
  return { id, charged: Math.max(0, ...amounts.map(([, amount = 0]) => amount)), isEstimated: kind !== 'reported' }
}

import type pg from 'pg'

/** Of this database; a number of our own. */
const LOCK = 'SELECT pg_try_advisory_lock(2026113000) AS has'
const UNLOCK = 'SELECT pg_advisory_unlock(2026113000)'

/** Partitions of calls whose part of the index on the admission is not there. */
const WITHOUT = `SELECT partition.relname AS name FROM pg_inherits
  JOIN pg_class AS partition ON partition.oid = pg_inherits.inhrelid
  WHERE pg_inherits.inhparent = 'bursar.ended_calls'::regclass AND NOT EXISTS (
    SELECT 1 FROM pg_inherits AS part JOIN pg_index ON pg_index.indexrelid = part.inhrelid
    WHERE part.inhparent = 'bursar.ended_calls_admitted_at'::regclass AND pg_index.indrelid = partition.oid)
  ORDER BY name DESC`

/**
 * Makes the index on the admission for partitions of an older version, one after the other, while calls go on: no batch waits for it.
 * Where another process does it, nothing. What broke off is begun again.
 * https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE
 * @throws what Postgres throws
 */
export async function indexOlderPartitions(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  // A connection that holds the lock must not go back to the pool.
  let isLocked = false
  try {
    const { rows } = await client.query<{ has: boolean }>(LOCK)
    isLocked = rows[0]?.has === true
    if (!isLocked) return
    const without = await client.query<{ name: string }>(WITHOUT)
    for (const { name } of without.rows) await indexPartition(client, name)
    await client.query(UNLOCK)
    isLocked = false
  } finally {
    client.release(isLocked)
  }
}

/** @param name as this program made it: letters, digits and lines */
async function indexPartition(client: pg.PoolClient, name: string): Promise<void> {
  await client.query(`DROP INDEX IF EXISTS bursar.${name}_admitted`)
  await client.query(`CREATE INDEX CONCURRENTLY ${name}_admitted ON bursar.${name} (admitted_at)`)
  await client.query(`ALTER INDEX bursar.ended_calls_admitted_at ATTACH PARTITION bursar.${name}_admitted`)
}

import { Kysely, Migrator, PostgresDialect } from 'kysely'
import type { Pool } from 'pg'
import { Failure } from '../../engine/failure.ts'
import { placeOf } from './connection-error.ts'
import { MIGRATIONS } from './schema.ts'

/** All of the ledger's tables are in one schema, so that the database may have others. */
const SCHEMA = 'bursar'

/**
 * Brings the database up to this code's schema: all steps or none, and of several processes at once, one takes them.
 * @param upTo the last step to take; absent: all of them
 * @throws Failure store_unavailable where a newer Bursar wrote the database, or what Postgres throws
 */
export async function migrate(pool: Pool, url: string, upTo?: string): Promise<void> {
  const migrator = new Migrator({
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
    provider: { getMigrations: async () => MIGRATIONS },
    migrationTableSchema: SCHEMA,
  })
  const known = new Set(Object.keys(MIGRATIONS))
  const { error } = await (upTo === undefined ? migrator.migrateToLatest() : migrator.migrateTo(upTo))
  if (error === undefined) return
  const taken = await pool.query<{ name: string }>(`SELECT name FROM ${SCHEMA}.kysely_migration`).catch(() => undefined)
  const newer = taken?.rows.find(({ name }) => !known.has(name))
  if (newer === undefined) throw error
  throw new Failure(
    'store_unavailable',
    `the database at ${placeOf(url)} was written by a newer Bursar (${newer.name}): start that version, or restore the backup from before the update`,
    error,
  )
}

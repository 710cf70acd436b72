import pg from 'pg'
import { useDatabases } from '../../../test/services/postgres-databases.ts'
import { describeRecount } from '../contract/recount.contract.ts'
import { createPool, inTransaction } from './connection.ts'
import { postgresDialect } from './dialect.ts'
import { migrate } from './migrate.ts'

const database = useDatabases()
const OLDER_SCHEMA = '2026-11-25-live-and-months'

describeRecount(
  'Postgres',
  async (run) => {
    const url = await database(run)
    const upgraded = async (to?: string) => {
      const pool = new pg.Pool({ connectionString: url, max: 2 })
      await migrate(pool, url, to)
      await pool.end()
    }
    await upgraded(OLDER_SCHEMA)
    const pool = createPool({ url, max: 1, onTrouble: () => undefined })
    return {
      dialect: postgresDialect,
      run: (steps) => inTransaction(pool, { mode: 'READ WRITE', statementMaxMs: 60_000 }, steps),
      upgrade: () => upgraded(),
      close: () => pool.end(),
    }
  },
  6,
)

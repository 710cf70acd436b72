import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describeRecount } from '../contract/recount.contract.ts'
import { type Database, ledgerPath, openForWriting, wrap } from './database.ts'
import { sqliteDialect } from './dialect.ts'
import { migrate } from './schema.ts'
import { useDirectory } from './test-directory.ts'

const directory = useDirectory()
const OLDER_SCHEMA = 6

describeRecount(
  'SQLite',
  async (run) => {
    const dataDir = join(directory(), run)
    mkdirSync(dataDir)
    const older = new DatabaseSync(ledgerPath(dataDir))
    migrate(older, ledgerPath(dataDir), OLDER_SCHEMA)
    let db: Database = wrap(older)
    return {
      dialect: sqliteDialect,
      run: async (steps) => db.transaction('IMMEDIATE', () => db.steps(steps())),
      upgrade: async () => {
        db.close()
        db = openForWriting(dataDir)
      },
      close: async () => db.close(),
    }
  },
  40,
)

import { describe } from 'vitest'
import { postgresUrl, useDatabases } from '../../../test/services/postgres-databases.ts'
import { appliedJournal } from '../contract/applied-journal.ts'
import { describeLedger } from '../contract/ledger.contract.ts'
import { openPostgresLedger } from './open-postgres-ledger.ts'

const database = useDatabases()

describe.skipIf(postgresUrl === undefined)('a server', () => {
  describeLedger('Postgres', async (store) =>
    appliedJournal(await openPostgresLedger({ url: await database(store), onTrouble: () => undefined })),
  )
})

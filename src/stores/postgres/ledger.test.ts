import { appliedJournal } from '../contract/applied-journal.ts'
import { describeLedger } from '../contract/ledger.contract.ts'
import { describeStreamLedger } from '../contract/stream.contract.ts'
import { openPostgresLedger } from './open-postgres-ledger.ts'
import { useDatabases } from '../../../test/services/postgres-databases.ts'

const database = useDatabases()

const open = async (store: string) => openPostgresLedger({ url: await database(store), onTrouble: () => undefined })

describeStreamLedger('Postgres', open)
describeLedger('Postgres', async (store) => appliedJournal(await open(store)))

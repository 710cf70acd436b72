import { join } from 'node:path'
import { appliedJournal } from '../contract/applied-journal.ts'
import { describeLedger } from '../contract/ledger.contract.ts'
import { describeStreamLedger } from '../contract/stream.contract.ts'
import { openSqliteStreamLedger } from './open-stream-ledger.ts'
import { useDirectory } from './test-directory.ts'

const directory = useDirectory()

const open = (store: string) => openSqliteStreamLedger({ dataDir: join(directory(), store), onTrouble: () => undefined })

describeStreamLedger('SQLite', open)
describeLedger('SQLite behind a stream', async (store) => appliedJournal(await open(store)))

import { join } from 'node:path'
import { describeLedger } from '../contract/ledger.contract.ts'
import { openLedger } from './open-ledger.ts'
import { useDirectory } from './test-directory.ts'

const directory = useDirectory()

describeLedger('SQLite', (store) => openLedger({ dataDir: join(directory(), store), durability: 'process' }))

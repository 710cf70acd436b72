import { openSync, writeSync } from 'node:fs'
import { ended, held, opened } from '../contract/sample-records.ts'
import { openLedger } from './open-ledger.ts'

const CALLERS = 8

/** Makes calls until it is killed; notes the id of each hold and each end that was acknowledged, and prints a line when it begins. */
async function appendForEver(dataDir: string, notes: string, durability: 'process' | 'disk'): Promise<void> {
  const { journal } = await openLedger({ dataDir, durability })
  await journal.append([opened('global')])
  const file = openSync(notes, 'a')
  const acknowledge = (what: string) => writeSync(file, `${what}\n`)
  process.stdout.write('begun\n')
  const makeCalls = async (caller: number) => {
    for (let count = 0; ; count++) {
      const id = `call-${process.pid}-${caller}-${count}`
      await journal.appendOrFail(held(id, ['global']))
      acknowledge(`held ${id}`)
      await journal.append([ended(id, { amounts: [10] })])
      acknowledge(`ended ${id}`)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, (_, caller) => makeCalls(caller)))
}

const [, , dataDir, notes, durability] = process.argv
if (dataDir !== undefined && notes !== undefined) await appendForEver(dataDir, notes, durability === 'disk' ? 'disk' : 'process')

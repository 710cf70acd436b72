import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Settlement } from '../../domain/call.ts'
import { explain } from '../sqlite/storage-error.ts'
import { fromJson, hasFields } from '../ledger/row.ts'
import type { CountedCall } from './unconfirmed.ts'

/** Keeps what could not be counted yet over the death of the process. */
export interface Spool {
  /** @throws Failure store_unavailable where the disk does not take it */
  readonly append: (counted: CountedCall) => void
  /** What processes that died left behind. */
  readonly left: () => readonly CountedCall[]
  /** Everything that was appended, and left, has been counted. */
  readonly clear: () => void
}

/**
 * A file in `data_dir` for each process, named for it: written when there is something that the counter store did not take.
 * @param isAlive whether a process of that id runs on this machine
 */
export function openSpool(
  dataDir: string,
  { pid, node }: { readonly pid: number; readonly node: string },
  isAlive: (pid: number) => boolean,
): Spool {
  const directory = join(dataDir, 'spool')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const own = `${pid}-${node}.jsonl`
  const orphans = readdirSync(directory).filter((name) => name !== own && !isAlive(Number.parseInt(name, 10)))
  return {
    append: (counted) => {
      try {
        appendFileSync(join(directory, own), `${JSON.stringify(counted)}\n`, { mode: 0o600 })
      } catch (error) {
        throw explain(error, `can't write ${join(directory, own)}`)
      }
    },
    left: () => orphans.flatMap((name) => linesOf(readFileSync(join(directory, name), 'utf8'))),
    clear: () => {
      for (const name of [own, ...orphans.splice(0)]) rmSync(join(directory, name), { force: true })
    },
  }
}

/** A last line that was cut off was never acknowledged. */
function linesOf(text: string): readonly CountedCall[] {
  const lines = text.split('\n').slice(0, -1)
  return lines.map((line) => fromJson(line, isCounted))
}

const isSettlement = hasFields<Settlement>('call', 'usage', 'amounts')
const isRecord = hasFields<CountedCall>('hold', 'settlement')

function isCounted(value: unknown): value is CountedCall {
  return isRecord(value) && isSettlement(value.settlement)
}

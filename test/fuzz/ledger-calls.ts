import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'

/** A call as it stands in the ledger. */
export interface LedgerCall {
  readonly id: string
  readonly admittedAt: number
  readonly user: string
  readonly team: string
  readonly key: string
  readonly model: string
  readonly endpoint: string
  readonly ending: string
  readonly usageKind: string
  readonly input: number
  readonly output: number
  readonly overrun: number
}

const COLUMNS = 'id, admitted_at AS admittedAt, user, team, key, model, endpoint, ending, usage_kind AS usageKind, input, output, overrun'

/** Every call of the SQLite ledger in that `data_dir`, in the order of admission. */
export function ledgerCalls(dataDir: string): readonly LedgerCall[] {
  const db = new DatabaseSync(join(dataDir, 'ledger.db'), { readOnly: true })
  try {
    const rows: readonly unknown[] = db.prepare(`SELECT ${COLUMNS} FROM calls ORDER BY admitted_at, id`).all()
    return rows as readonly LedgerCall[]
  } finally {
    db.close()
  }
}

import { systemClock } from '../../engine/system-clock.ts'
import { BatchApplier } from '../ledger/batch-applier.ts'
import { integer } from '../ledger/row.ts'
import { applyOrSetAside } from '../ledger/set-aside.ts'
import type { Steps } from '../ledger/statement.ts'
import type { Database } from './database.ts'
import { sqliteDialect } from './dialect.ts'
import type { Batch } from './journal-reader.ts'
import type { Position } from './segment.ts'
import { isOfRecord } from './storage-error.ts'

/**
 * Applies journal records to the ledger's tables. A batch and the new position in the journal are one transaction: so each
 * record is applied exactly once, and catching up after a crash is the same as going on.
 */
export class Applier {
  readonly #db: Database
  readonly #batches = new BatchApplier(sqliteDialect)

  constructor(db: Database) {
    this.#db = db
  }

  /** Up to where the journal is applied. */
  position(): Position {
    const at = (name: string) => integer(this.#db.first('SELECT value FROM meta WHERE name = ?', name) ?? {}, 'value')
    return { segment: at('segment'), offset: at('offset') }
  }

  /**
   * Applies a batch; what of it can't be applied is set aside.
   * @returns how many alerts are new
   * @throws what SQLite throws where it takes nothing now: then nothing of the batch was applied
   */
  apply(batch: Batch): number {
    try {
      return this.#apply(batch, (records) => this.#batches.apply(records))
    } catch (error) {
      this.#batches.forget()
      if (!isOfRecord(error)) throw error
    }
    const setting = { applier: this.#batches, at: systemClock.now(), isOfRecord }
    return this.#apply(batch, (records) => applyOrSetAside(records, setting))
  }

  #apply({ records, next }: Batch, applied: (records: Batch['records']) => Steps<number>): number {
    return this.#db.transaction('IMMEDIATE', () => {
      const alerts = this.#db.steps(applied(records))
      this.#moveTo(next)
      return alerts
    })
  }

  /** Goes on at that place, whatever stands before it. */
  moveTo(next: Position): void {
    this.#db.transaction('IMMEDIATE', () => this.#moveTo(next))
  }

  #moveTo(next: Position): void {
    this.#db.run("UPDATE meta SET value = ? WHERE name = 'segment'", next.segment)
    this.#db.run("UPDATE meta SET value = ? WHERE name = 'offset'", next.offset)
  }
}

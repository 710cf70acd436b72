import type { EpochMs } from '../../domain/instant.ts'
import { addCall, adding, MEASURE_COLUMNS, MEASURES } from './measures.ts'
import type { End } from './open-calls.ts'
import { bulk, insert, type Steps } from './statement.ts'
import { HOUR } from './utc-grain.ts'

/** Adds to the live sums: the hour, the caller, and each measure. */
export const ADD_LIVE = insert('live_sums', { hour: 'integer', caller: 'integer', ...MEASURE_COLUMNS }, adding('live_sums', 'hour, caller'))
const NOTHING = MEASURES.map(() => 0)

/**
 * What the calls of one batch add to the live sums: a row for each caller and hour of admission, whose key is two numbers. That is all a call
 * costs; the rollups are made of it later, for many calls at once.
 */
export class LiveSums {
  /** By caller: the hour, the caller, and the sums. A batch seldom has calls of more than one hour. */
  readonly #rows = new Map<number, number[][]>()
  /** The latest hour in which one of the calls was admitted; 0: there were none. */
  newestHour: EpochMs = 0

  /** @param caller the id of what it has in common with others */
  add(caller: number, end: End): void {
    const hour = HOUR.floor(end.hold.call.admittedAt)
    if (hour > this.newestHour) this.newestHour = hour
    const ofCaller = this.#rows.get(caller)
    let row = ofCaller?.find(([known]) => known === hour)
    if (row === undefined) {
      row = [hour, caller, ...NOTHING]
      if (ofCaller === undefined) this.#rows.set(caller, [row])
      else ofCaller.push(row)
    }
    addCall(row, 2, end)
  }

  /** Adds them to the ledger's. @returns how many rows that were */
  *write(): Steps<number> {
    const rows = [...this.#rows.values()].flat()
    yield* bulk(ADD_LIVE, rows)
    return rows.length
  }
}

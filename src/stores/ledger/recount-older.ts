import type { EpochMs } from '../../domain/instant.ts'
import type { Price } from '../../domain/usage/price.ts'
import { priceLinesOf } from '../../domain/usage/price-lines.ts'
import { NO_TOKENS } from '../../domain/usage/usage.ts'
import type { Dialect } from './dialect.ts'
import { LineIds } from './line-ids.ts'
import { ADD_LIVE } from './live-sums.ts'
import { MEASURES } from './measures.ts'
import { olderBefore } from './older-calls.ts'
import { PriceLineSums } from './price-line-sums.ts'
import { Rollups } from './rollups.ts'
import { hasFields, integer, type Row, text } from './row.ts'
import { bulk, query, type Steps } from './statement.ts'
import { HOUR } from './utc-grain.ts'

/*
 * Counts the calls of an older version again, while new ones are taken in: by their admission instead of their end, and in price
 * lines. From the last that ended to the first, since what is asked for is mostly recent; in slices, each in a transaction of
 * its own that also moves `older_before`: so whatever happens, each call is counted again exactly once, and what was done
 * is never done again.
 */

/** Few enough that whoever waits for the database's one writer gets in between: a slice takes some hundredths of a second. */
const SLICE_CALLS = 2000

const OLDER = `SELECT ended_calls.caller AS caller, admitted_at, ended_at, usage_kind,
  input, cached_input, cache_write, output, reasoning, cost_nano_usd, provider, model, price
  FROM ended_calls JOIN callers ON callers.id = ended_calls.caller WHERE form = 0 AND ended_at >= ? AND ended_at < ?`

/** How far it is. */
export interface Recounted {
  readonly calls: number
  /** True where there are none left. */
  readonly isDone: boolean
  /** The slice is of calls that ended before it. */
  readonly from: EpochMs
  /** Only calls that ended before it are left. */
  readonly before: EpochMs
}

const DONE: Recounted = { calls: 0, isDone: true, from: 0, before: 0 }

/** As the one process sees it that counts; several may, since each slice begins where the last one of any of them ended. */
export class OlderRecount {
  readonly #dialect: Dialect
  readonly #lineIds: LineIds
  readonly #rollups: Rollups
  readonly #prices = new Map<string, Price>()
  readonly #sliceCalls: number

  /** @param sliceCalls how many calls a slice has, with those that ended in the same instant as its first */
  constructor(dialect: Dialect, sliceCalls: number = SLICE_CALLS) {
    this.#dialect = dialect
    this.#sliceCalls = sliceCalls
    this.#lineIds = new LineIds(dialect)
    this.#rollups = new Rollups(dialect)
  }

  /** The next slice, within a transaction of the caller's in which nobody else writes. */
  *slice(): Steps<Recounted> {
    const to = yield* olderBefore()
    if (to === 0) return DONE
    const from = yield* sliceStart(to, this.#sliceCalls)
    if (from === undefined) {
      yield* query("UPDATE meta SET value = 0 WHERE name = 'older_before'")
      yield* this.#dialect.dropOlderIndex()
      return DONE
    }
    const calls = yield* query(OLDER, from, to)
    yield* this.#count(calls)
    yield* this.#dialect.indexAdmissions({ from, to })
    yield* query("UPDATE meta SET value = ? WHERE name = 'older_before'", from)
    yield* query("UPDATE meta SET value = value + ? WHERE name = 'recounted_calls'", calls.length)
    return { calls: calls.length, isDone: false, from: to, before: from }
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#lineIds.forget()
    this.#rollups.forget()
  }

  *#count(calls: readonly Row[]): Steps<void> {
    const lines = new PriceLineSums()
    const moved = new Map<string, number[]>()
    for (const row of calls) {
      this.#addLines(lines, row)
      addMove(moved, row)
    }
    yield* lines.write(this.#lineIds)
    yield* bulk(ADD_LIVE, [...moved.values()])
    yield* this.#rollups.moveMany(moved.size)
  }

  /** Of these calls only the columns are known, not their tier: where the price of the parts does not explain the cost, it stands in one line. */
  #addLines(lines: PriceLineSums, row: Row): void {
    const price = this.#priceOf(row['price'])
    const tokens = {
      ...NO_TOKENS,
      input: {
        ...NO_TOKENS.input,
        total: integer(row, 'input'),
        cached: integer(row, 'cached_input'),
        cacheWrite: integer(row, 'cache_write'),
      },
      output: { ...NO_TOKENS.output, total: integer(row, 'output'), reasoning: integer(row, 'reasoning') },
      requests: 1,
    }
    const owner = {
      caller: integer(row, 'caller'),
      admittedAt: integer(row, 'admitted_at'),
      provider: text(row, 'provider'),
      model: text(row, 'model'),
      price,
      isEstimated: row['usage_kind'] === 'estimated',
    }
    lines.add(owner, priceLinesOf({ tokens, price, tier: '?', isStated: false, costNanoUsd: integer(row, 'cost_nano_usd') }))
  }

  #priceOf(json: unknown): Price | undefined {
    if (typeof json !== 'string' || json === '') return undefined
    const known = this.#prices.get(json)
    if (known !== undefined) return known
    const price: unknown = JSON.parse(json)
    if (!isPrice(price)) return undefined
    if (this.#prices.size > PRICES_MAX) this.#prices.clear()
    this.#prices.set(json, price)
    return price
  }
}

/** Prices that are kept as objects; each is read again when it is needed. */
const PRICES_MAX = 10_000
const isPrice = hasFields<Price>('inputPico', 'cachedInputPico', 'cacheWritePico', 'outputPico')

/** The end of the call with which a slice begins that ends before that instant; undefined where no older call is left. */
function* sliceStart(to: EpochMs, calls: number): Steps<EpochMs | undefined> {
  const asked = (offset: number) =>
    query(`SELECT ended_at FROM ended_calls WHERE ended_at < ? AND form = 0 ORDER BY ended_at DESC LIMIT 1 OFFSET ${offset}`, to)
  const [start] = yield* asked(calls - 1)
  if (start !== undefined) return integer(start, 'ended_at')
  const [first] = yield* query('SELECT min(ended_at) AS first FROM ended_calls WHERE ended_at < ? AND form = 0', to)
  return typeof first?.['first'] === 'number' ? first['first'] : undefined
}

/** Takes a call off the hour of its end, and adds it to that of its admission: most are the same. */
function addMove(moved: Map<string, number[]>, row: Row): void {
  const ended = HOUR.floor(integer(row, 'ended_at'))
  const admitted = HOUR.floor(integer(row, 'admitted_at'))
  if (ended === admitted) return
  const measures = [1, row['usage_kind'] === 'estimated' ? 1 : 0, ...MEASURES.slice(2).map((name) => integer(row, name))]
  addTo(
    moved,
    [ended, integer(row, 'caller')],
    measures.map((measure) => -measure),
  )
  addTo(moved, [admitted, integer(row, 'caller')], measures)
}

function addTo(moved: Map<string, number[]>, key: readonly [hour: EpochMs, caller: number], measures: readonly number[]): void {
  const known = moved.get(key.join(' '))
  if (known === undefined) moved.set(key.join(' '), [...key, ...measures])
  else for (const [i, measure] of measures.entries()) known[key.length + i] = (known[key.length + i] ?? 0) + measure
}

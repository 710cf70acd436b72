import { plus } from '../../domain/amount.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Price } from '../../domain/usage/price.ts'
import { LINE_PARTS, type LinePart, type LinesOfCall, type LineTerms, shareOf, unitsAt } from '../../domain/usage/price-lines.ts'
import type { LineIds, LineKey } from './line-ids.ts'
import { plusInSql } from './measures.ts'
import { type Bulk, bulk, insert, type Steps } from './statement.ts'
import { DAY } from './utc-grain.ts'

const ADDING = ['quantity', 'cost_nano_usd', 'calls', 'estimated_calls'].map((name) => {
  return `${name} = ${plusInSql(`line_days.${name}`, `excluded.${name}`)}`
})
const ADD_LINE_DAYS: Bulk = insert(
  'line_days',
  {
    day: 'integer',
    caller: 'integer',
    line: 'integer',
    quantity: 'integer',
    cost_nano_usd: 'integer',
    calls: 'integer',
    estimated_calls: 'integer',
  },
  `ON CONFLICT (day, caller, line) DO UPDATE SET ${ADDING.join(', ')}`,
)

/** Whose lines are added. */
export interface LinesOwner {
  /** Its id. */
  readonly caller: number
  readonly admittedAt: EpochMs
  /** Who made what the lines have: the call's own provider and model, or others that one of its parts came from. */
  readonly provider: string
  readonly model: string
  readonly price: Price | undefined
  readonly isEstimated: boolean
}

/** The lines of calls of one caller, day, model, price and terms, by their part. */
interface Sum {
  readonly owner: LinesOwner
  readonly day: EpochMs
  readonly terms: LineTerms
  readonly lines: Map<LinePart, [quantity: number, costNanoUsd: number, calls: number, estimatedCalls: number]>
}

/** What the calls of one batch, or of one slice of older calls, add to the sums of price lines by the UTC day of admission. */
export class PriceLineSums {
  /** By caller; a batch seldom has calls of one caller under more than one price, day and terms. */
  readonly #sums = new Map<number, Sum[]>()

  add(owner: LinesOwner, { terms, lines }: LinesOfCall): void {
    if (lines.length === 0) return
    const sum = this.#sumOf(owner, terms)
    for (const { part, quantity, costNanoUsd } of lines) {
      const line = sum.lines.get(part)
      if (line === undefined) {
        sum.lines.set(part, [quantity, costNanoUsd, 1, owner.isEstimated ? 1 : 0])
        continue
      }
      line[0] = plus(line[0], quantity)
      line[1] = plus(line[1], costNanoUsd)
      line[2] += 1
      if (owner.isEstimated) line[3] += 1
    }
  }

  /** Adds them to the ledger's. */
  *write(ids: LineIds): Steps<void> {
    const sums = [...this.#sums.values()].flat()
    const found = yield* ids.idsOf(sums.flatMap(keysOf))
    const rows = new Map<string, number[]>()
    let at = 0
    for (const { owner, day, lines } of sums) {
      for (const line of lines.values()) addRow(rows, [day, owner.caller, found[at++] ?? 0, ...line])
    }
    yield* bulk(ADD_LINE_DAYS, [...rows.values()])
  }

  #sumOf(owner: LinesOwner, terms: LineTerms): Sum {
    const day = DAY.floor(owner.admittedAt)
    const ofCaller = this.#sums.get(owner.caller)
    const known = ofCaller?.find((sum) => sum.day === day && isSame(sum, owner, terms))
    if (known !== undefined) return known
    const sum: Sum = { owner, day, terms, lines: new Map() }
    if (ofCaller === undefined) this.#sums.set(owner.caller, [sum])
    else ofCaller.push(sum)
    return sum
  }
}

/** Where two prices are the same but not one object, two sums have one row. */
function addRow(rows: Map<string, number[]>, row: number[]): void {
  const name = `${row[0]} ${row[1]} ${row[2]}`
  const known = rows.get(name)
  if (known === undefined) rows.set(name, row)
  else for (let i = 3; i < row.length; i++) known[i] = plus(known[i] ?? 0, row[i] ?? 0)
}

function isSame({ owner, terms }: Sum, other: LinesOwner, { basis, tier, above }: LineTerms): boolean {
  const isOfOne = owner.price === other.price && owner.model === other.model && owner.provider === other.provider
  return isOfOne && terms.basis === basis && terms.tier === tier && terms.above === above
}

function keysOf({ owner, terms, lines }: Sum): readonly LineKey[] {
  const { provider, model, price } = owner
  const { basis, tier, above } = terms
  const units = price === undefined ? undefined : unitsAt(price, above)
  return [...lines.keys()].map((part) => {
    const share = (price === undefined ? undefined : shareOf(price, tier, part))?.join('/') ?? ''
    return { provider, model, part, basis, tier, above, unitPico: units?.[LINE_PARTS.indexOf(part)] ?? 0, share }
  })
}

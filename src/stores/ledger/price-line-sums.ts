import { plus } from '../../domain/amount.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { LinePart, LinesOfCall, LineTerms } from '../../domain/usage/price-lines.ts'
import type { GroupIds, LineGroup, LineIds, UnknownLine } from './line-ids.ts'
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

/** Whose lines are added: those of the call's own model, or of another that had a part in it. */
export interface LinesOwner extends Omit<LineGroup, 'terms'> {
  /** Its id. */
  readonly caller: number
  readonly admittedAt: EpochMs
  readonly isEstimated: boolean
}

type LineSum = [quantity: number, costNanoUsd: number, calls: number, estimatedCalls: number]

/** The lines of calls of one caller, day, model, price and terms, by their part. */
interface Sum {
  readonly owner: LinesOwner
  readonly day: EpochMs
  readonly terms: LineTerms
  readonly lines: Map<LinePart, LineSum>
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
    const callers = [...this.#sums.values()].map((sums) =>
      sums.map((sum) => ({ sum, group: ids.groupOf({ ...sum.owner, terms: sum.terms }) })),
    )
    yield* ids.learn(unknownIn(callers.flat()))
    yield* bulk(ADD_LINE_DAYS, callers.flatMap(rowsOf))
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

/** A sum, with the ids of its lines. */
interface Known {
  readonly sum: Sum
  readonly group: GroupIds
}

function unknownIn(all: readonly Known[]): readonly UnknownLine[] {
  const unknown = new Map<GroupIds, Set<LinePart>>()
  for (const { sum, group } of all) {
    for (const part of sum.lines.keys()) {
      if (!group.ids.has(part)) unknown.set(group, (unknown.get(group) ?? new Set()).add(part))
    }
  }
  return [...unknown].flatMap(([group, parts]) => [...parts].map((part) => ({ group, part })))
}

/** The rows of one caller, none of them twice: two prices that are the same, but not one object, have the same lines. */
function rowsOf(ofCaller: readonly Known[]): readonly (readonly number[])[] {
  const rows: number[][] = []
  for (const { sum, group } of ofCaller) {
    for (const [part, line] of sum.lines) {
      const key = [sum.day, sum.owner.caller, group.ids.get(part) ?? 0]
      const known = ofCaller.length === 1 ? undefined : rows.find((row) => row[2] === key[2] && row[0] === key[0])
      if (known === undefined) rows.push([...key, ...line])
      else addTo(known, line)
    }
  }
  return rows
}

/** A row ends with what is summed up. */
function addTo(row: number[], line: LineSum): void {
  const at = row.length - line.length
  for (const [i, amount] of line.entries()) row[at + i] = plus(row[at + i] ?? 0, amount)
}

function isSame({ owner, terms }: Sum, other: LinesOwner, { basis, tier, above }: LineTerms): boolean {
  const isOfOne = owner.price === other.price && owner.model === other.model && owner.provider === other.provider
  return isOfOne && terms.basis === basis && terms.tier === tier && terms.above === above
}

import type { Amount } from '../../domain/amount.ts'
import type { Ending, Hold, Settlement } from '../../domain/call.ts'
import { assert } from '../../domain/defect.ts'
import { parseAccountKey, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Price } from '../../domain/price.ts'
import type { Attributes } from '../../domain/scope.ts'
import type { Usage } from '../../domain/usage.ts'
import { textOf } from '../ledger/call-kind.ts'
import { knownAttributes, knownPrice } from './hold-text.ts'

/*
 * Calls that ended together, as one text of the stream. What is the same of many calls stands in a line of its own: endpoint and
 * accounts as JSON, and behind tabs the attributes and the price, which are texts that are made and read once. The last line is
 * JSON: an instant, and a row for each call, whose instants count from there. Measured against two records for each call, it takes
 * two fifths of the time to write and of the bytes, and a third of the time to read.
 */

/** A call that ended, with its hold. */
export interface EndedHold {
  readonly hold: Hold
  readonly settlement: Settlement
}

type Row = readonly [
  /** By the number of its line. */
  kind: number,
  id: string,
  admittedAfter: number,
  input: number,
  output: number,
  heldNanoUsd: Amount,
  expiresAfter: number,
  isSpared: 0 | 1,
  held: readonly Amount[],
  endedAfter: number,
  ending: Ending,
  status: number | null,
  usage: Usage,
  costNanoUsd: Amount,
  amounts: readonly Amount[],
  overrun: Amount,
]

const DIVIDER = '\t'

/** @param calls at least one */
export function toCallsText(calls: readonly EndedHold[]): string {
  const kinds = new Kinds()
  const rows: Row[] = []
  const from = calls[0]?.hold.call.admittedAt ?? 0
  for (const call of calls) rows.push(toRow(call, kinds.numberOf(call.hold), from))
  return `${kinds.lines.join('\n')}\n${JSON.stringify([from, rows])}`
}

/** @throws Defect where it is no text of {@link toCallsText} */
export function fromCallsText(text: string): readonly EndedHold[] {
  const lines = text.split('\n')
  const calls: unknown = JSON.parse(lines.pop() ?? '')
  assert(areCalls(calls), 'the text of calls is of its kind')
  const [from, rows] = calls
  const kinds = lines.map(toKind)
  return rows.map((row) => {
    const kind = kinds[row[0]]
    assert(kind !== undefined, 'a call is of a kind')
    return { hold: toHold(row, kind, from), settlement: toSettlement(row, from) }
  })
}

/** What calls have in common. */
interface Kind {
  readonly endpoint: string
  readonly accounts: readonly string[]
  readonly attributes: Attributes
  readonly price: Price | undefined
}

/** The kinds of the calls of a text. Those of one caller share their attributes and price: the same objects are the same kind. */
class Kinds {
  readonly lines: string[] = []
  readonly #known = new Map<Attributes, { readonly hold: Hold; readonly number: number }>()

  numberOf(hold: Hold): number {
    const { attributes } = hold.call
    const known = this.#known.get(attributes)
    if (known !== undefined && isAlike(known.hold, hold)) return known.number
    const number = this.lines.push(toLine(hold)) - 1
    this.#known.set(attributes, { hold, number })
    return number
  }
}

function isAlike(a: Hold, b: Hold): boolean {
  if (a.call.price !== b.call.price || a.call.endpoint !== b.call.endpoint || a.charges.length !== b.charges.length) return false
  for (let i = 0; i < a.charges.length; i++) if (a.charges[i]?.account !== b.charges[i]?.account) return false
  return true
}

function toLine({ call: { endpoint, attributes, price }, charges }: Hold): string {
  const own = JSON.stringify([endpoint, charges.map(({ account }) => account)])
  return own + DIVIDER + textOf(attributes) + DIVIDER + (price === undefined ? '' : textOf(price))
}

function toKind(line: string): Kind {
  const [json = '', attributes = '', price = ''] = line.split(DIVIDER)
  const own: unknown = JSON.parse(json)
  assert(isOwn(own), 'what calls have in common is of its kind')
  const [endpoint, accounts] = own
  return { endpoint, accounts, attributes: knownAttributes(attributes), price: knownPrice(price) }
}

function toRow({ hold, settlement }: EndedHold, kind: number, from: EpochMs): Row {
  const { call, charges, input, output, costNanoUsd, expiresAt, isSpared } = hold
  const { endedAt, ending, status = null, usage, amounts, overrun } = settlement
  return [
    kind,
    call.id,
    call.admittedAt - from,
    input,
    output,
    costNanoUsd,
    expiresAt - from,
    isSpared ? 1 : 0,
    charges.map(({ amount }) => amount),
    endedAt - from,
    ending,
    status,
    usage,
    settlement.costNanoUsd,
    amounts,
    overrun,
  ]
}

function toHold(row: Row, { endpoint, accounts, attributes, price }: Kind, from: EpochMs): Hold {
  const [, id, admittedAfter, input, output, costNanoUsd, expiresAfter, isSpared, held] = row
  return {
    call: { id: toCallId(id), admittedAt: from + admittedAfter, attributes, endpoint, ...(price === undefined ? {} : { price }) },
    charges: accounts.map((account, i) => ({ account: parseAccountKey(account), amount: held[i] ?? 0 })),
    input,
    output,
    costNanoUsd,
    expiresAt: from + expiresAfter,
    isSpared: isSpared === 1,
  }
}

function toSettlement(row: Row, from: EpochMs): Settlement {
  const [, id, , , , , , , , endedAfter, ending, status, usage, costNanoUsd, amounts, overrun] = row
  const answered = status === null ? {} : { status }
  return { call: toCallId(id), endedAt: from + endedAfter, ending, ...answered, usage, costNanoUsd, amounts, overrun }
}

function isOwn(value: unknown): value is readonly [string, readonly string[]] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && Array.isArray(value[1])
}

function areCalls(value: unknown): value is readonly [EpochMs, readonly Row[]] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'number' && Array.isArray(value[1])
}

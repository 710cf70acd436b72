import type { Amount } from '../../domain/amount.ts'
import type { Charge, Ending, Hold, Settlement } from '../../domain/call.ts'
import { assert } from '../../domain/defect.ts'
import { type CallId, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { TokenCounts, Usage } from '../../domain/usage/usage.ts'
import { type CallKind, CallKinds, DIVIDER, toCallKinds } from '../ledger/call-kind.ts'
import { recordedCounts, recordedUsage } from '../../domain/usage/token-counts.ts'

/*
 * Calls that ended together, as one text of the stream: a JSON array of an instant and a row for each call, one behind the other,
 * whose instants count from there, and behind it, each after a tab, what calls have in common. One array of plain values is what
 * JSON.stringify is fastest at: measured, 0.4 us a call, half of what rows take that are put together by hand.
 */

/** A call that ended, with its hold. */
export interface EndedHold {
  readonly hold: Hold
  readonly settlement: Settlement
}

/** What a provider reported, without more, stands there as its counts alone. */
type UsageText = Usage | TokenCounts

type Row = readonly [
  /** The number of what it has in common with other calls. */
  kind: number,
  id: CallId,
  admittedAfter: number,
  input: number,
  output: number,
  heldNanoUsd: Amount,
  expiresAfter: number,
  isSpared: 0 | 1,
  endedAfter: number,
  ending: Ending,
  status: number | null,
  usage: UsageText,
  costNanoUsd: Amount,
  overrun: Amount,
  /** In each account, and then what was charged there. */
  ...held: Amount[],
]
/** Where the amounts begin. */
const AMOUNTS = 14

/** @param calls at least one */
export function toCallsText(calls: readonly EndedHold[]): string {
  const kinds = new CallKinds()
  const from = calls[0]?.hold.call.admittedAt ?? 0
  const values: unknown[] = [from]
  for (const call of calls) addRow(values, call, kinds.numberOf(call.hold), from)
  return JSON.stringify(values) + kinds.text
}

/** @throws Defect where it is no text of {@link toCallsText} */
export function fromCallsText(text: string): readonly EndedHold[] {
  const [json = '', ...kindTexts] = text.split(DIVIDER)
  const values: unknown = JSON.parse(json)
  const kinds = toCallKinds(kindTexts)
  assert(areValues(values) && kinds !== undefined, 'the text of calls is of its kind')
  const [from] = values
  const calls: EndedHold[] = []
  for (let start = 1, end = 1; start < values.length; start = end) {
    const kind = kinds[Number(values[start])]
    assert(kind !== undefined, 'a call is of a kind')
    end = start + AMOUNTS + kind.accounts.length * 2
    const row = values.slice(start, end)
    assert(isRow(row, kind), 'the text of calls is of its kind')
    calls.push({ hold: toHold(row, kind, from), settlement: toSettlement(row, kind, from) })
  }
  return calls
}

function addRow(values: unknown[], { hold, settlement }: EndedHold, kind: number, from: EpochMs): void {
  const { call, charges, input, output, costNanoUsd, expiresAt, isSpared } = hold
  const { endedAt, ending, status = null, usage, amounts, overrun } = settlement
  values.push(kind, call.id, call.admittedAt - from, input, output, costNanoUsd, expiresAt - from, isSpared ? 1 : 0)
  values.push(endedAt - from, ending, status, toUsageText(usage), settlement.costNanoUsd, overrun)
  for (const { amount } of charges) values.push(amount)
  for (const amount of amounts) values.push(amount)
}

function toUsageText(usage: Usage): UsageText {
  if (usage.kind !== 'reported' || usage.billing !== undefined || usage.others !== undefined || usage.raw !== undefined) return usage
  return usage.counts
}

function fromUsageText(text: UsageText): Usage {
  return 'kind' in text ? recordedUsage(text) : { kind: 'reported', counts: recordedCounts(text) }
}

function toHold(row: Row, { endpoint, accounts, attributes, price }: CallKind, from: EpochMs): Hold {
  const [, id, admittedAfter, input, output, costNanoUsd, expiresAfter, isSpared] = row
  const amounts = amountsIn(row)
  return {
    call: { id: toCallId(id), admittedAt: from + admittedAfter, attributes, endpoint, ...(price === undefined ? {} : { price }) },
    charges: accounts.map((account, i): Charge => ({ account, amount: amounts[i] ?? 0 })),
    input,
    output,
    costNanoUsd,
    expiresAt: from + expiresAfter,
    isSpared: isSpared === 1,
  }
}

function toSettlement(row: Row, { accounts }: CallKind, from: EpochMs): Settlement {
  const [, id, , , , , , , endedAfter, ending, status, usage, costNanoUsd, overrun] = row
  const answered = status === null ? {} : { status }
  const amounts = amountsIn(row).slice(accounts.length)
  return { call: toCallId(id), endedAt: from + endedAfter, ending, ...answered, usage: fromUsageText(usage), costNanoUsd, amounts, overrun }
}

function amountsIn(row: readonly unknown[]): readonly Amount[] {
  return row.slice(AMOUNTS).filter((amount) => typeof amount === 'number')
}

function areValues(value: unknown): value is readonly [EpochMs, ...unknown[]] {
  return Array.isArray(value) && value.length > 1 && typeof value[0] === 'number'
}

function isRow(values: readonly unknown[], { accounts }: CallKind): values is Row {
  return values.length === AMOUNTS + accounts.length * 2 && typeof values[1] === 'string'
}

import type { LedgerCall } from './ledger-calls.ts'
import { TEAMS } from './installation.ts'
import type { Bill } from './provider/provider.ts'
import type { FuzzRequest } from './request.ts'
import type { Outcome } from './wire.ts'

/** One request, and what came of it. */
export interface Sent {
  readonly request: Pick<FuzzRequest, 'index' | 'key' | 'user' | 'isPlain' | 'wire' | 'mutations'>
  readonly outcome: Outcome
}

export interface Violation {
  /** Undefined: of no single request. */
  readonly index: number | undefined
  readonly what: string
}

/** What the callers saw that must not be: whatever they send. */
export function outcomeViolations({ request, outcome }: Sent): readonly Violation[] {
  const { status, end, text } = outcome
  const { index, isPlain, wire, key } = request
  const found: string[] = []
  if (status === 500 && text.includes('internal_error')) found.push(`500: ${text.slice(0, 200)}`)
  if (end === 'late' && wire.kind !== 'stall') found.push('no answer in 30 s')
  if (end === 'closed' && status === undefined && isPlain) found.push('the connection was closed without an answer')
  // A tool may bring a model with it that the key may not use.
  const isOfKey = key === 'cheap' && status === 403 && text.includes('model_not_allowed')
  // What the request names may be of another team; `main` may name anything.
  const isOfTeam = key !== 'main' && status === 404 && text.includes('among what the team')
  if (isPlain && !isOfKey && !isOfTeam && status !== undefined && [400, 403, 404, 413, 415].includes(status) && !text.includes('"no"')) {
    found.push(`a valid request was refused: ${status} ${text.slice(0, 200)}`)
  }
  return found.map((what) => ({ index, what }))
}

const total = ({ input, output }: { readonly input: number; readonly output: number }) => input + output

/** Compares what each call was charged with what its provider reported. */
export function chargeViolations(sent: readonly Sent[], bills: readonly Bill[], calls: readonly LedgerCall[]): readonly Violation[] {
  const byId = new Map(calls.map((call) => [call.id, call]))
  const byIndex = new Map(sent.map((one) => [one.request.index, one]))
  const claimed = new Set<string>()
  const violations: Violation[] = []
  const left: Bill[] = []
  const known = new Map<number, number>()
  for (const bill of bills) if (bill.index !== undefined) known.set(bill.index, (known.get(bill.index) ?? 0) + 1)
  for (const bill of bills) {
    const callId = bill.index === undefined || known.get(bill.index) !== 1 ? undefined : byIndex.get(bill.index)?.outcome.callId
    if (callId === undefined) {
      left.push(bill)
      continue
    }
    claimed.add(callId)
    const call = byId.get(callId)
    if (call === undefined) violations.push({ index: bill.index, what: `${callId} is not in the ledger` })
    else violations.push(...judgeCall(bill, call))
  }
  // Where a mark was lost on the way, the caller knows its call, and the provider's bill has no index.
  const markLost = new Set(sent.flatMap(({ request, outcome }) => (known.has(request.index) ? [] : (outcome.callId ?? []))))
  const unclaimed = calls.flatMap((call) => (claimed.has(call.id) ? [] : [markLost.has(call.id) ? { ...call, user: '' } : call]))
  return [...violations, ...judgeRest(left, unclaimed, byIndex), ...identityViolations(sent, byId), ...overrunViolations(sent, bills, byId)]
}

function judgeCall(bill: Bill, call: LedgerCall): readonly Violation[] {
  const { used, index, end, dialect } = bill
  const isOwed = end === 'reported' || (end === 'cut' && dialect === 'bedrock')
  if (!isOwed || (call.input + call.output >= total(used) && call.output >= used.output)) return []
  const charged = `charged ${call.input} + ${call.output} (${call.usageKind}, ${call.ending})`
  return [{ index, what: `${bill.answer} of ${dialect}: used ${used.input} + ${used.output} (${end}), ${charged}` }]
}

/** The provider counts names and marks of the JSON too: of a short request that is the most of it. */
const TEXT_TOKENS_MAX = 1000

/** Where all is shown, the answer is not read on: only input that is no text is sure to be charged. */
function owedAfterHangUp({ used, isShown }: Bill): number {
  if (!isShown) return total(used)
  return used.input > TEXT_TOKENS_MAX ? used.input / 2 : 0
}

/** Callers that hung up never learnt their call's id: theirs are found by user, one after the other. */
function judgeRest(bills: readonly Bill[], calls: readonly LedgerCall[], byIndex: ReadonlyMap<number, Sent>): readonly Violation[] {
  const userOf = (bill: Bill) => (bill.index === undefined ? '' : (byIndex.get(bill.index)?.request.user ?? ''))
  const callsOf = Map.groupBy(calls, ({ user }) => (/^[us]\d+$/.test(user) ? user : ''))
  return [...Map.groupBy(bills, userOf)].flatMap(([user, billed]) => {
    const theirs = callsOf.get(user) ?? []
    const owed = billed.filter(({ end, dialect }) => end === 'reported' || (end === 'cut' && dialect === 'bedrock'))
    const used = owed.reduce((sum, bill) => sum + owedAfterHangUp(bill), 0)
    const charged = theirs.reduce((sum, call) => sum + total(call), 0)
    const indexes = billed.map(({ index }) => index ?? '?').slice(0, 10)
    const what = `callers that hung up (user "${user}", requests ${indexes.join(', ')})`
    const missing = billed.length > theirs.length ? [`${what}: ${billed.length} calls of the provider, ${theirs.length} in the ledger`] : []
    const short = charged < used ? [`${what}: used ${used}, charged ${charged}`] : []
    return [...missing, ...short].map((text) => ({ index: billed[0]?.index, what: text }))
  })
}

/** A call counts for the team of its key, and for the user that its header names. */
function identityViolations(sent: readonly Sent[], byId: ReadonlyMap<string, LedgerCall>): readonly Violation[] {
  return sent.flatMap(({ request: { index, key, user, wire }, outcome }) => {
    const call = outcome.callId === undefined || wire.kind === 'raw' ? undefined : byId.get(outcome.callId)
    if (call === undefined) return []
    const wrong: string[] = []
    if (call.key !== key || call.team !== TEAMS[key]) wrong.push(`counted for ${call.team}/${call.key}, sent with ${key}`)
    if (user !== undefined && call.user !== user) wrong.push(`counted for the user "${call.user}", sent by "${user}"`)
    return wrong.map((what) => ({ index, what }))
  })
}

/** A provider that kept to what it was asked stays within what was held. */
function overrunViolations(sent: readonly Sent[], bills: readonly Bill[], byId: ReadonlyMap<string, LedgerCall>): readonly Violation[] {
  const billOf = new Map(bills.map((bill) => [bill.index, bill]))
  return sent.flatMap(({ request: { index, mutations }, outcome }) => {
    const call = outcome.callId === undefined ? undefined : byId.get(outcome.callId)
    const bill = billOf.get(index)
    if (call === undefined || bill === undefined || call.overrun === 0 || bill.isFault) return []
    const what = `more was used than was held: ${bill.used.input} + ${bill.used.output} of ${bill.answer} at ${bill.dialect}, overrun ${call.overrun}`
    return [{ index, what: `${what} (${mutations.join(' ')})` }]
  })
}

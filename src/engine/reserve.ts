import type { CallBound } from '../domain/usage/bound.ts'
import { refusesUnpriced } from '../domain/budgets/budget.ts'
import type { Call } from '../domain/call.ts'
import type { Attributes } from '../domain/budgets/scope.ts'
import type { BudgetBook } from './budget-book.ts'
import type { EpochMs } from '../domain/instant.ts'
import { dearestPrice, type Price } from '../domain/usage/price.ts'
import { Failure } from './failure.ts'
import type { Clock, Counters, Ids, Prices, ReserveOutcome, ReserveRequest, Standing } from './ports.ts'
import type { LiveCalls } from './sweep.ts'
import type { WaitingLine } from './waiting-line.ts'

/**
 * The most tokens that a call may ask for, input and the maximum output of all choices together: a hundred times the largest
 * batch that a provider takes. So not even thousands of calls in flight fill an account with holds up to where integers end.
 */
const CALL_TOKENS_MAX = 1e12

/** What a caller wants to do. */
export interface Request {
  readonly attributes: Attributes
  /** The model as it is named towards the provider, by which it is priced. */
  readonly modelName: string
  /** Further models that may answer, or a part of it, as they are named towards the provider; absent: none. */
  readonly otherModels?: readonly string[] | undefined
  readonly endpoint: string
  readonly bound: CallBound
  /** A tighter, dearer bound of the input; asked for only where the cheap one would be clamped or refused. */
  readonly refineInput?: (() => number) | undefined
  /** True once the caller is gone: it stops waiting for room. */
  readonly isAbandoned?: () => boolean
}

export type Admitted = {
  readonly kind: 'admitted'
  readonly call: Call
  /** The maximum output per choice that the call may produce. */
  readonly outputMax: number
  /** As far as the hold may be raised while the answer comes, as the room was; `outputMax` where it is not clamped. */
  readonly outputRoom: number
  readonly isClamped: boolean
  readonly standings: readonly Standing[]
}

export type Refused =
  | { readonly kind: 'refused'; readonly reason: 'budget_exceeded'; readonly standings: readonly Standing[] }
  | { readonly kind: 'refused'; readonly reason: 'unpriced'; readonly budget: string; readonly model: string }

export interface ReserveDeps {
  readonly book: BudgetBook
  readonly counters: Counters
  readonly clock: Clock
  readonly ids: Ids
  readonly prices: Prices
  readonly line: WaitingLine
  readonly holdTtlMs: number
  readonly live: LiveCalls
  /** Takes over what other processes changed. */
  readonly refresh: () => Promise<void>
}

/**
 * Admits a call against every budget that applies, or refuses it and leaves all of them untouched. A call that only other
 * calls' holds keep out waits for them, as long as the budgets that are tight allow.
 * @throws Failure store_unavailable, or invalid_request where it asks for more than {@link CALL_TOKENS_MAX}: then nothing is held
 */
export async function admit(deps: ReserveDeps, request: Request): Promise<Admitted | Refused> {
  const { attributes, endpoint } = request
  checkSize(request.bound)
  const arrivedAt = deps.clock.now()
  const price = deps.prices.priceOf(attributes.provider, request.modelName, arrivedAt)
  const refusal = findUnpriced(deps, request, arrivedAt)
  if (refusal !== undefined) return refusal
  const priced = withDearest(deps, request, { price, at: arrivedAt })
  const id = deps.ids.callId()
  for (let now = arrivedAt; ; now = deps.clock.now()) {
    const call: Call = { id, admittedAt: now, attributes, endpoint, price }
    const asked = askedFor(deps, priced, call)
    const cheap = await deps.counters.reserve(asked)
    const outcome = asked.isTrial && cheap.kind === 'refused' ? await reserveRefined(deps, priced, asked) : cheap
    if (outcome.kind === 'held') {
      deps.live.set(id, now + deps.holdTtlMs)
      return admitted(call, request.bound, outcome)
    }
    if (outcome.kind === 'outdated') {
      await deps.refresh()
      continue
    }
    const leftMs = arrivedAt + patienceMs(outcome) - now
    if (leftMs <= 0 || request.isAbandoned?.() === true) return { kind: 'refused', reason: 'budget_exceeded', standings: outcome.standings }
    await deps.line.pause(leftMs)
  }
}

function checkSize({ input, outputMax, choices, requests = 1 }: CallBound): void {
  const tokens = input + outputMax * choices
  if (tokens <= CALL_TOKENS_MAX && requests <= CALL_TOKENS_MAX) return
  throw new Failure(
    'invalid_request',
    `the request asks for up to ${tokens} tokens (its input, and its maximum output times the number of answers): at most ${CALL_TOKENS_MAX} are possible`,
  )
}

/** By the cheap bound, and where there is another, whole: only where it does not fit, that one is asked for, and the call clamped if need be. */
function askedFor({ book, holdTtlMs }: ReserveDeps, { bound, refineInput }: Request, call: Call): ReserveRequest & { isTrial: boolean } {
  const isTrial = refineInput !== undefined
  return {
    call,
    bound: isTrial ? { ...bound, outputMin: bound.outputExpected ?? bound.outputMax } : bound,
    accounts: book.accountsOf(call.attributes, call.admittedAt),
    version: book.version,
    expiresAt: call.admittedAt + holdTtlMs,
    isTrial,
  }
}

function reserveRefined({ counters }: ReserveDeps, { bound, refineInput }: Request, asked: ReserveRequest): Promise<ReserveOutcome> {
  const input = Math.min(bound.input, refineInput?.() ?? Infinity)
  return counters.reserve({ ...asked, bound: { ...bound, input }, isTrial: false })
}

function admitted(call: Call, bound: CallBound, outcome: ReserveOutcome & { readonly kind: 'held' }): Admitted {
  const { outputMax, outputRoom, standings } = outcome
  return { kind: 'admitted', call, outputMax, outputRoom, isClamped: outputMax < bound.outputMax, standings }
}

function patienceMs(outcome: ReserveOutcome & { readonly kind: 'refused' }): number {
  return outcome.isBlockedByHolds ? Math.min(...outcome.standings.map(({ budget }) => budget.waitMs)) : 0
}

/** Of a call's models the first whose cost could not be held, where a budget refuses that. */
function findUnpriced({ book, prices }: ReserveDeps, request: Request, at: EpochMs): Refused | undefined {
  const { attributes, modelName, otherModels = [] } = request
  const isUnpriced = (model: string) => prices.priceOf(attributes.provider, model, at) === undefined
  const model = isUnpriced(modelName) ? modelName : otherModels.find(isUnpriced)
  if (model === undefined) return undefined
  const refusing = book.accountsOf(attributes, at).find(({ budget }) => refusesUnpriced(budget))
  return refusing === undefined ? undefined : { kind: 'refused', reason: 'unpriced', budget: refusing.budget.id, model }
}

/** Held at the dearest price of all models that may answer. */
function withDearest(
  { prices }: ReserveDeps,
  request: Request,
  { price, at }: { readonly price: Price | undefined; readonly at: EpochMs },
): Request {
  if (request.otherModels === undefined) return request
  const others = request.otherModels.map((model) => prices.priceOf(request.attributes.provider, model, at))
  const known = [price, ...others].filter((one) => one !== undefined)
  return known.length === 0 ? request : { ...request, bound: { ...request.bound, price: dearestPrice(known) } }
}

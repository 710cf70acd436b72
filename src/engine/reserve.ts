import type { CallBound } from '../domain/usage/bound.ts'
import { refusesUnpriced } from '../domain/budgets/budget.ts'
import type { Call } from '../domain/call.ts'
import type { Attributes } from '../domain/budgets/scope.ts'
import type { BudgetBook } from './budget-book.ts'
import type { AccountRef, Clock, Counters, Ids, Prices, ReserveOutcome, ReserveRequest, Standing } from './ports.ts'
import type { LiveCalls } from './sweep.ts'
import type { WaitingLine } from './waiting-line.ts'

/** What a caller wants to do. */
export interface Request {
  readonly attributes: Attributes
  /** The model as it is named towards the provider, by which it is priced. */
  readonly modelName: string
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
 * @throws Failure store_unavailable: then nothing is held
 */
export async function admit(deps: ReserveDeps, request: Request): Promise<Admitted | Refused> {
  const { attributes, endpoint } = request
  const arrivedAt = deps.clock.now()
  const price = deps.prices.priceOf(attributes.provider, request.modelName, arrivedAt)
  const unpriced = price === undefined ? findUnpriced(deps.book.accountsOf(attributes, arrivedAt)) : undefined
  if (unpriced !== undefined) return { kind: 'refused', reason: 'unpriced', budget: unpriced.budget.id, model: request.modelName }
  const id = deps.ids.callId()
  for (let now = arrivedAt; ; now = deps.clock.now()) {
    const call: Call = { id, admittedAt: now, attributes, endpoint, price }
    const asked = askedFor(deps, request, call)
    const cheap = await deps.counters.reserve(asked)
    const outcome = asked.isTrial && cheap.kind === 'refused' ? await reserveRefined(deps, request, asked) : cheap
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

function findUnpriced(accounts: readonly AccountRef[]): AccountRef | undefined {
  return accounts.find(({ budget }) => refusesUnpriced(budget))
}

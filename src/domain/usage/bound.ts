import { type Amount, AMOUNT_MAX } from '../amount.ts'
import { assert } from '../defect.ts'
import type { BudgetDefinition } from '../budgets/budget.ts'
import { dearestInputPico, dearestOutputPico, PICO_PER_NANO, type Price, type ServiceTier } from './price.ts'
import { dearestInputMilli, dearestOutputMilli, WEIGHT_ONE } from './weights.ts'

/** The most that a call may use, before it is known what it does use. All in tokens. */
export interface CallBound {
  readonly input: number
  /** The most output of one choice: the request's own maximum, else the model's. */
  readonly outputMax: number
  /** The least maximum that the call can be clamped to; equal to `outputMax` where it can't be clamped. */
  readonly outputMin: number
  /**
   * What an answer is expected to need, where the request sets no maximum of its own: under a hard cap the call is then
   * allowed that, or what a tenth of the room covers, whichever is more. Absent: all of `outputMax`.
   */
  readonly outputExpected?: number
  /** True where the hold is raised while the answer comes: then it begins with what is expected, and not with a share of the room. */
  readonly isRaisable?: boolean
  /** How many answers the request asks for (`n`); each may be as long as the maximum. */
  readonly choices: number
  /** How many requests the call is made of: those of a batch; absent: 1. */
  readonly requests?: number
  /** The most seconds of audio in the input; absent: none. */
  readonly audioSeconds?: number
  /** What is held at where other models may answer, too: the dearest of their prices; absent: the price of the call's own model. */
  readonly price?: Price | undefined
  /** The class that the request asks for; absent: the provider's usual one. */
  readonly tier?: ServiceTier
}

/**
 * What a call may add to an account, as a line in its maximum output: `ceil((fixed + perOutput * outputMax) / scale)`.
 * The line is what lets a store clamp and reserve in one atomic step, in every unit alike.
 */
export interface Demand {
  readonly fixed: number
  readonly perOutput: number
  readonly scale: number
}

/** What of a budget decides the amount of a call in it. */
export type Measure = Pick<BudgetDefinition, 'unit' | 'weights'>

/**
 * What a call may add to an account of such a budget.
 * @param ownPrice the model's, for `usd`. Without one the demand is 0: such a call is let in by budgets only that admit the unpriced.
 */
export function demandIn({ unit, weights }: Measure, bound: CallBound, ownPrice: Price | undefined): Demand {
  switch (unit) {
    case 'tokens':
      if (weights === undefined) return { fixed: bound.input, perOutput: bound.choices, scale: 1 }
      return {
        fixed: bound.input * dearestInputMilli(weights),
        perOutput: bound.choices * dearestOutputMilli(weights),
        scale: WEIGHT_ONE,
      }
    case 'requests':
      return { fixed: bound.requests ?? 1, perOutput: 0, scale: 1 }
    case 'usd': {
      const price = bound.price ?? ownPrice
      if (price === undefined) return { fixed: 0, perOutput: 0, scale: 1 }
      return {
        fixed: fixedPico(bound, price),
        perOutput: bound.choices * dearestOutputPico(price, bound),
        scale: PICO_PER_NANO,
      }
    }
  }
}

function fixedPico(bound: CallBound, price: Price): number {
  const { requestPico = 0, audioSecondPico = 0 } = price
  const { input, requests = 1, audioSeconds = 0 } = bound
  return input * dearestInputPico(price, bound) + requests * requestPico + Math.ceil(audioSeconds * audioSecondPico)
}

/**
 * The demand's amount for that maximum output, in the account's unit; rounded up, so that it bounds the cost. What leaves the
 * safe integers is {@link AMOUNT_MAX}: no hard cap has room for it, see {@link outputThatFits}.
 */
export function amountFor(demand: Demand, outputTokens: number): Amount {
  const amount = Math.ceil((demand.fixed + demand.perOutput * outputTokens) / demand.scale)
  assert(amount >= 0, 'a bound is an amount')
  return Math.min(amount, AMOUNT_MAX)
}

/**
 * The largest maximum output that fits into `room`; negative or `-Infinity` where not even the fixed part fits. A call of
 * more than 2^53 pico-USD (9,007 USD) never fits: beyond, the line is not exact.
 */
export function outputThatFits(demand: Demand, room: number): number {
  const forOutput = Math.min(room * demand.scale, AMOUNT_MAX) - demand.fixed
  if (demand.perOutput === 0) return forOutput >= 0 ? Infinity : -Infinity
  return Math.floor(forOutput / demand.perOutput)
}

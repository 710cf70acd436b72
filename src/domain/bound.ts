import { type Amount, AMOUNT_MAX, isAmount, type Unit } from './amount.ts'
import { assert } from './defect.ts'
import { dearestInputPico, PICO_PER_NANO, type Price } from './price.ts'

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
  /** How many answers the request asks for (`n`); each may be as long as the maximum. */
  readonly choices: number
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

/**
 * What a call may add to an account of that unit.
 * @param price the model's, for `usd`. Without one the demand is 0: such a call is let in by advisory budgets only.
 */
export function demandIn(unit: Unit, bound: CallBound, price: Price | undefined): Demand {
  switch (unit) {
    case 'tokens':
      return { fixed: bound.input, perOutput: bound.choices, scale: 1 }
    case 'requests':
      return { fixed: 1, perOutput: 0, scale: 1 }
    case 'usd':
      if (price === undefined) return { fixed: 0, perOutput: 0, scale: 1 }
      return {
        fixed: bound.input * dearestInputPico(price),
        perOutput: bound.choices * price.outputPico,
        scale: PICO_PER_NANO,
      }
  }
}

/** The demand's amount for that maximum output, in the account's unit; rounded up, so that it bounds the cost. */
export function amountFor(demand: Demand, outputTokens: number): Amount {
  const amount = Math.ceil((demand.fixed + demand.perOutput * outputTokens) / demand.scale)
  assert(isAmount(amount), 'a bound is an amount')
  return amount
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

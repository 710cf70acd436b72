import { type Account, capOf, roomOf } from './account.ts'
import { type Amount, AMOUNT_MAX, isAmount, minus, plus } from '../amount.ts'
import { assert } from '../defect.ts'
import { amountFor, type CallBound, type Demand, outputThatFits } from '../usage/bound.ts'

/** An account that applies to a call, and what the call may add to it. */
export interface Claim {
  readonly account: Account
  readonly demand: Demand
}

/** What a call is allowed: everything was set aside, or nothing was. */
export type Admission =
  | {
      readonly kind: 'held'
      /** The maximum output per choice that the hold covers: less than asked for where the call is clamped. */
      readonly outputMax: number
      /** The maximum that all of the room would cover: up to there the hold may be raised while the answer comes. */
      readonly outputRoom: number
      /** What was set aside, in the order of the claims. */
      readonly amounts: readonly Amount[]
    }
  | {
      readonly kind: 'refused'
      /** The accounts without room, the tightest first; never empty. */
      readonly accounts: readonly Account[]
      /** Those of them that have no room even without the calls in flight. */
      readonly exhausted: readonly Account[]
      /** True where the call would fit if no other call were in flight: waiting may help. */
      readonly isBlockedByHolds: boolean
    }

/**
 * Sets the call's bound aside in every account, or in none. Everything is computed before an account changes. Only hard caps refuse; at exactly the limit a further call is
 * refused, and a limit of 0 refuses everything. Near a cap the maximum output is clamped to what is left, where the tight
 * budgets allow it and at least `bound.outputMin` fits. In an advisory budget less is set aside where the integers end: it refuses nothing.
 * @throws Defect where a hard cap would be passed; then no account has changed
 */
export function reserve(claims: readonly Claim[], bound: CallBound): Admission {
  const outputMax = outputThatAllAllow(claims, bound)
  if (outputMax < bound.outputMin) return refusal(claims, bound)
  const outputRoom = outputMax < bound.outputMax ? outputThatRoomCovers(claims, bound.outputMax) : outputMax
  const amounts = claims.map((claim) => amountThatFits(claim, outputMax))
  for (let i = 0; i < claims.length; i++) {
    const account = claims[i]?.account
    if (account === undefined) continue
    account.held = plus(account.held, amounts[i] ?? 0)
    account.callsInFlight++
  }
  return { kind: 'held', outputMax, outputRoom, amounts }
}

/** A hold as it is after a raise. */
export interface Raised {
  /** The maximum output per choice that it covers; as before where no account has room for more. */
  readonly outputMax: number
  readonly amounts: readonly Amount[]
}

/**
 * Raises a hold as far towards `to` as all hard caps have room for: in every account, or in none.
 * @param held what the call holds in each of the claims' accounts, for a maximum output of `from`
 * @throws Defect where a hard cap would be passed; then no account has changed
 */
export function raise(
  claims: readonly Claim[],
  held: readonly Amount[],
  { from, to }: { readonly from: number; readonly to: number },
): Raised {
  const outputMax = claims.reduce((most, { account, demand }, i) => {
    return account.budget.isHardCap ? Math.min(most, outputThatFits(demand, roomOf(account) + (held[i] ?? 0))) : most
  }, to)
  if (outputMax <= from) return { outputMax: from, amounts: held }
  const amounts = claims.map((claim, i) => amountThatFits(claim, outputMax, held[i]))
  for (const [i, { account }] of claims.entries()) account.held = plus(account.held, (amounts[i] ?? 0) - (held[i] ?? 0))
  return { outputMax, amounts }
}

/**
 * Gives the holds back and charges what was used; never refused, and what goes beyond a hold is an overrun. Sums end at {@link AMOUNT_MAX}.
 * @returns the largest overrun, in that account's own unit; 0: every hold covered its charge
 * @throws Defect where more is given back than was set aside; then no account has changed
 */
export function settle(accounts: readonly Account[], held: readonly Amount[], used: readonly Amount[]): Amount {
  checkSettlement(accounts, held, used)
  let overrun = 0
  for (let i = 0; i < accounts.length; i++) {
    const account = accounts[i]
    const heldAmount = held[i] ?? 0
    const usedAmount = used[i] ?? 0
    if (account === undefined) continue
    const beyond = Math.max(0, usedAmount - heldAmount)
    account.held -= heldAmount
    account.callsInFlight--
    account.used = plus(account.used, usedAmount)
    account.overrun = plus(account.overrun, beyond)
    overrun = Math.max(overrun, beyond)
  }
  return overrun
}

/**
 * What the call holds: all of its demand, and in an advisory budget no more than what keeps `used + held` an amount.
 * Throws before anything has changed: a defect in one account leaves all of them as they were.
 * @param held what of the account it holds already
 */
function amountThatFits({ account, demand }: Claim, outputMax: number, held: Amount = 0): Amount {
  const amount = amountFor(demand, outputMax)
  if (!account.budget.isHardCap) return Math.min(amount, Math.max(0, AMOUNT_MAX - account.used - account.held + held))
  assert(amount <= roomOf(account) + held, 'used + held <= limit in a hard cap')
  return amount
}

/** As {@link amountThatFits}: all sums are amounts, or nothing changes. */
function checkSettlement(accounts: readonly Account[], held: readonly Amount[], used: readonly Amount[]): void {
  for (let i = 0; i < accounts.length; i++) {
    const account = accounts[i]
    const heldAmount = held[i]
    const usedAmount = used[i]
    assert(account !== undefined && heldAmount !== undefined && usedAmount !== undefined, 'a hold and a charge for each account')
    minus(account.held, heldAmount)
    assert(isAmount(usedAmount), 'a charge is an amount')
  }
}

function outputThatAllAllow(claims: readonly Claim[], bound: CallBound): number {
  let outputMax = bound.outputMax
  for (const claim of claims) {
    if (claim.account.budget.isHardCap) outputMax = Math.min(outputMax, outputThatFitsIn(claim, bound, roomOf(claim.account)))
  }
  return outputMax
}

function outputThatRoomCovers(claims: readonly Claim[], outputMax: number): number {
  return claims.reduce(
    (most, { account, demand }) => (account.budget.isHardCap ? Math.min(most, outputThatFits(demand, roomOf(account))) : most),
    outputMax,
  )
}

/** All that the call is to be allowed, less of it, or -1 where the call does not fit. */
function outputThatFitsIn({ account, demand }: Claim, bound: CallBound, room: number): number {
  if (capOf(account) === 0) return -1
  const fits = outputThatFits(demand, room)
  const wanted = outputWanted(demand, bound, room)
  if (fits >= wanted) return wanted
  return account.budget.nearLimit === 'clamp' && fits >= bound.outputMin ? fits : -1
}

/** One call without a maximum of its own must not take all the room, which others need; nor be cut where there is plenty. */
const FAIR_SHARE = 0.1

function outputWanted(demand: Demand, { outputMax, outputExpected = outputMax, isRaisable = false }: CallBound, room: number): number {
  if (outputExpected >= outputMax) return outputMax
  const share = Math.min(outputMax, outputThatFits(demand, Math.floor(room * FAIR_SHARE)))
  if (share === outputMax) return outputMax
  return isRaisable ? outputExpected : Math.max(outputExpected, share)
}

function refusal(claims: readonly Claim[], bound: CallBound): Admission {
  const tight = claims.filter((claim) => isTooTight(claim, bound, roomOf(claim.account)))
  const exhausted = tight.filter((claim) => isTooTight(claim, bound, roomOf(claim.account) + claim.account.held))
  return {
    kind: 'refused',
    accounts: tightestFirst(tight.map(({ account }) => account)),
    exhausted: exhausted.map(({ account }) => account),
    isBlockedByHolds: exhausted.length === 0,
  }
}

function isTooTight(claim: Claim, bound: CallBound, room: number): boolean {
  return claim.account.budget.isHardCap && outputThatFitsIn(claim, bound, room) < bound.outputMin
}

/** By the share of the limit that is left. */
export function tightestFirst(accounts: readonly Account[]): readonly Account[] {
  return accounts.toSorted((a, b) => shareLeft(a) - shareLeft(b))
}

function shareLeft(account: Account): number {
  return capOf(account) === 0 ? -1 : roomOf(account) / capOf(account)
}

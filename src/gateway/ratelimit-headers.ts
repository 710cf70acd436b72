import type { EpochMs } from '../domain/instant.ts'
import { capOf, roomOf } from '../domain/accounts/account.ts'
import type { Standing } from '../engine/ports.ts'
import type { Headers } from '../http/header-names.ts'

/** Structured-field integers have 15 digits (RFC 9651 3.3.1); money is given in micro-USD to stay inside. */
const INTEGER_MAX = 999_999_999_999_999

/**
 * The fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): an item per account that applies,
 * the one with the smallest share left first. `q` quota, `qu` its unit, `w` the window in seconds, `r` what is left, `t`
 * seconds to the reset.
 */
export function ratelimitHeaders(standings: readonly Standing[], now: EpochMs): Headers {
  if (standings.length === 0) return {}
  let policies = ''
  let states = ''
  for (const standing of tightestFirst(standings)) {
    const separator = policies === '' ? '' : ', '
    const { name, policy } = fixedOf(standing)
    policies += separator + policy
    states += separator + stateItem(standing, name, now)
  }
  return { 'ratelimit-policy': policies, ratelimit: states }
}

/** Mostly a handful of accounts, and mostly in order already. */
function tightestFirst(standings: readonly Standing[]): readonly Standing[] {
  const isSorted = standings.every((standing, i) => i === 0 || shareLeft(standings[i - 1] ?? standing) <= shareLeft(standing))
  return isSorted ? standings : standings.toSorted((a, b) => shareLeft(a) - shareLeft(b))
}

/** The parts of an account's items that do not change while its budget does not. */
interface Fixed {
  readonly budget: Standing['budget']
  readonly name: string
  readonly policy: string
}

const known = new WeakMap<Standing, Fixed>()

function fixedOf(standing: Standing): Fixed {
  const found = known.get(standing)
  if (found !== undefined && found.budget === standing.budget) return found
  const fixed = { budget: standing.budget, name: nameOf(standing), policy: makePolicyItem(standing) }
  known.set(standing, fixed)
  return fixed
}

function makePolicyItem(standing: Standing): string {
  const { budget, period } = standing
  const unit = budget.unit === 'usd' ? 'micro-usd' : budget.unit
  const window = period.kind === 'total' ? '' : `;w=${Math.round((period.endsAt - period.startsAt) / 1000)}`
  return `${nameOf(standing)};q=${quantity(standing, capOf(standing))};qu="${unit}"${window}`
}

function stateItem(standing: Standing, name: string, now: EpochMs): string {
  const { period } = standing
  const reset = period.kind === 'total' ? '' : `;t=${Math.max(0, Math.ceil((period.endsAt - now) / 1000))}`
  return `${name};r=${quantity(standing, Math.max(0, roomOf(standing)))}${reset}`
}

function nameOf({ budget, each }: Standing): string {
  const name = each === null ? budget.id : `${budget.id}/${each}`
  return `"${name.replaceAll(/[^\x20-\x7E]/gu, encodeURIComponent).replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

function quantity({ budget }: Standing, amount: number): number {
  return Math.min(INTEGER_MAX, budget.unit === 'usd' ? Math.floor(amount / 1000) : amount)
}

function shareLeft(standing: Standing): number {
  const cap = capOf(standing)
  return cap === 0 ? -1 : roomOf(standing) / cap
}

import type { Budget } from '../../domain/budget.ts'
import type { Hold, Settlement } from '../../domain/call.ts'
import { packEnded } from '../sqlite/packed-record.ts'
import { sharesOf } from './account-row.ts'
import type { RedisCatalog } from './catalog.ts'
import type { Crossings } from './crossings.ts'
import type { StoredHold } from './hold-text.ts'
import type { KeyNames } from './key-names.ts'
import { SCRIPTS } from './script.ts'
import type { Session, StepReply } from './session.ts'

export interface SettleStepDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly crossings: Crossings
}

/** A hold, and how it is stored. */
export interface KnownHold {
  readonly hold: Hold
  readonly stored: StoredHold
}

/**
 * Ends a call in the store, once, and sees to the alerts of what it crossed.
 * @param budgets those of its accounts, in their order
 * @returns the script's reply: `ended`, `unknown` or `changed`
 * @throws Failure store_unavailable: whether it was done is unknown
 */
export async function settleStep(
  { session, names, catalog, crossings }: SettleStepDeps,
  { hold, stored }: KnownHold,
  { budgets, settlement }: { readonly budgets: readonly Budget[]; readonly settlement: Settlement },
): Promise<StepReply> {
  const { call, endedAt, amounts } = settlement
  const keys = [names.holds, names.expiry, names.stream, names.crossed, names.jobs]
  for (const { account } of hold.charges) keys.push(names.account(account))
  const record = packEnded({ kind: 'ended', settlement, alerts: [] })
  const args: (string | number)[] = [catalog.lastRead, call, stored.amounts.join(','), record, endedAt]
  for (const [i, budget] of budgets.entries()) args.push(amounts[i] ?? 0, budget.limit, sharesOf(budget))
  const reply = await session.step(SCRIPTS.settle, keys, args)
  if (reply[0] !== 'ended') return reply
  if (Number(reply[3]) === 1) crossings.judgeSoon(hold.charges.map(({ account }) => account))
  if (reply.length > 4) crossings.tellSoon()
  return reply
}

import { accountPeriod, type Budget } from '../../domain/budgets/budget.ts'
import type { Charge, Hold, Settlement } from '../../domain/call.ts'
import { assert } from '../../domain/defect.ts'
import { type AccountKey, type CallId, toAccountKey, toBudgetId } from '../../domain/ids.ts'
import type { AccountRef, Clock } from '../../engine/ports.ts'
import { overrunOf } from '../bill.ts'
import { endedText } from '../ledger/record-text.ts'
import { partsOf } from './account-row.ts'
import type { RedisAccounts } from './accounts.ts'
import { fromStored, storedHold, toHold, toStored } from './hold-text.ts'
import type { RedisCatalog } from './catalog.ts'
import type { Crossings } from './crossings.ts'
import type { KeyNames } from './key-names.ts'
import { pairsOf, textsOf } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import type { Settlements } from './settlements.ts'
import type { Spool } from './spool.ts'
import type { CountedCall, Unconfirmed } from './unconfirmed.ts'

export interface RecountDeps {
  readonly session: Pick<Session, 'ask' | 'step'>
  readonly names: KeyNames
  readonly catalog: Pick<RedisCatalog, 'budget' | 'read'>
  readonly crossings: Pick<Crossings, 'judgeLater'>
  readonly accounts: Pick<RedisAccounts, 'open'>
  readonly settlements: Pick<Settlements, 'end'>
  readonly clock: Clock
  readonly unconfirmed: Unconfirmed
  readonly spool: Spool
  /** Which of these calls the ledger has, once it has all that the stream has. */
  readonly known: (calls: readonly CallId[]) => Promise<ReadonlyMap<CallId, 'held' | 'ended'>>
  readonly onTrouble: (message: string) => void
}

const AT_ONCE = 500
/** So many share their round trips. */
const IN_STEP = 100

interface Waiting {
  readonly counted: CountedCall
  readonly onCounted?: () => void
}

/**
 * Counts calls of which it is unknown whether the store has counted them: those that were answered while it was away, and
 * those that it lost. What has a hold is settled; of the rest the ledger says whether it was counted, and what was not is charged.
 */
export class Recount {
  readonly #deps: RecountDeps
  readonly #waiting: Waiting[]
  #replaying: Promise<void> | undefined

  constructor(deps: RecountDeps) {
    this.#deps = deps
    this.#waiting = deps.spool.left().map((counted) => ({ counted }))
  }

  /** Whether it ended, and waits to be counted. */
  isWaiting(call: CallId): boolean {
    return this.#waiting.some(({ counted }) => counted.settlement.call === call)
  }

  /** Which of these calls the ledger has. @throws Failure store_unavailable */
  known(calls: readonly CallId[]): Promise<ReadonlyMap<CallId, 'held' | 'ended'>> {
    return this.#deps.known(calls)
  }

  /**
   * Resolves once it is on the disk, or known that it can't be: then it is kept in memory.
   * @param onCounted called when it is counted, by this process
   */
  async later(counted: CountedCall, onCounted: () => void = () => undefined): Promise<void> {
    this.#waiting.push({ counted, onCounted })
    try {
      this.#deps.spool.append(counted)
    } catch (error) {
      this.#deps.onTrouble(error instanceof Error ? error.message : String(error))
    }
  }

  /** @throws Failure store_unavailable: what is not counted by then is counted another time */
  async replay(): Promise<void> {
    if (this.#waiting.length === 0) return
    this.#replaying ??= this.#replayOnce().finally(() => {
      this.#replaying = undefined
    })
    await this.#replaying
  }

  async #replayOnce(): Promise<void> {
    // No more than waits now: calls that come meanwhile, one after the other, would never let it end.
    for (let left = this.#waiting.length; left > 0;) {
      const batch = this.#waiting.slice(0, Math.min(AT_ONCE, left))
      await this.count(batch.map(({ counted }) => counted))
      this.#waiting.splice(0, batch.length)
      for (const { onCounted } of batch) onCounted?.()
      left -= batch.length
    }
    if (this.#waiting.length === 0) this.#deps.spool.clear()
  }

  /** @throws Failure store_unavailable: repeated, it counts what is left */
  async count(calls: readonly CountedCall[]): Promise<void> {
    for (let i = 0; i < calls.length; i += IN_STEP) await this.#countInStep(calls.slice(i, i + IN_STEP))
  }

  async #countInStep(calls: readonly CountedCall[]): Promise<void> {
    const isSettled = await Promise.all(calls.map((counted) => this.#settle(counted)))
    const unheld = calls.filter((_, i) => !isSettled[i])
    if (unheld.length === 0) return
    // Whoever charged one may not have judged what that crossed: of a step that judges none, the answer may be lost.
    for (const { hold } of unheld) this.#deps.crossings.judgeLater(toHold(hold).charges.map(({ account }) => account))
    const known = await this.#deps.known(unheld.map(({ settlement }) => settlement.call))
    await Promise.all(unheld.filter(({ settlement }) => known.get(settlement.call) !== 'ended').map((counted) => this.#charge(counted)))
  }

  /** False where the store has no hold of it. */
  async #settle({ settlement }: CountedCall): Promise<boolean> {
    const { session, names, unconfirmed, settlements } = this.#deps
    for (;;) {
      const text = await session.ask('HGET', names.holds, settlement.call)
      if (typeof text !== 'string') return false
      const hold = toHold(text)
      const ended = await settlements.end({
        hold,
        stored: fromStored(text),
        budgets: await this.#budgetsOf(hold),
        settlement,
        isRemembered: true,
      })
      if (ended.kind === 'unknown') return false
      if (ended.kind !== 'ended') continue
      unconfirmed.add(ended.id, { kind: 'call', counted: { hold: text, settlement } })
      return true
    }
  }

  async #charge(counted: CountedCall): Promise<void> {
    const { slicesOf = '' } = counted
    const { session, names, clock, unconfirmed, crossings } = this.#deps
    const before = toHold(counted.hold)
    let hold = before
    let { settlement } = counted
    for (;;) {
      const stored = toStored(storedHold(hold), hold.expiresAt)
      const keys = [
        names.holds,
        names.charged,
        names.stream,
        names.leases,
        names.lapsed,
        ...hold.charges.map(({ account }) => names.account(account)),
      ]
      const texts = [settlement.call, stored, endedText(settlement), slicesOf]
      const perAccount = hold.charges.flatMap(({ account, amount }, i) => {
        const used = settlement.amounts[i] ?? 0
        // A slice of the account that it moved to was never its own.
        return [amount, used, slicesOf !== '' && account === before.charges[i]?.account ? used : 0]
      })
      const reply = await session.step(SCRIPTS.charge, keys, { numbers: [clock.now(), ...perAccount], texts })
      if (reply[0] === 'unopened') {
        hold = await this.moved(hold)
        settlement = { ...settlement, overrun: overrunOf(hold, settlement.amounts) }
        continue
      }
      if (reply[0] === 'lapsed') return this.#charge({ hold: counted.hold, settlement: lostWithSlices(settlement) })
      if (reply[0] === 'held') return this.count([counted])
      if (reply[0] === 'ended') unconfirmed.add(String(reply[2]), { kind: 'call', counted: { hold: stored, settlement } })
      crossings.judgeLater(hold.charges.map(({ account }) => account))
      return
    }
  }

  /** In its accounts as they are open now; in another than that in which it was admitted nothing is held. @throws Failure store_unavailable */
  async moved(hold: Hold): Promise<Hold> {
    await this.#deps.catalog.read()
    const refs = await this.#openOnes(hold)
    await Promise.all(refs.map((ref) => this.#deps.accounts.open(ref)))
    return { ...hold, charges: hold.charges.map((charge, i) => movedTo(refs[i]?.key ?? charge.account, charge)) }
  }

  /** Its accounts; where one was closed meanwhile, the open one of its budget. */
  async #openOnes(hold: Hold): Promise<readonly AccountRef[]> {
    const { session, names } = this.#deps
    const budgets = await this.#budgetsOf(hold)
    const open = new Set(textsOf(await session.ask('ZRANGE', names.accounts, 0, -1)))
    // A budget that the store lost and got back may not know which of its accounts was closed last, nor which began last.
    const closed = pairsOf(await session.ask('HGETALL', names.closed))
    return hold.charges.map(({ account }, i) => {
      const budget = budgets[i]
      assert(budget !== undefined, 'a budget for each account')
      const { each, startsAt } = partsOf(account)
      const newest = Math.max(budget.startsFrom ?? 0, Number(closed.get(budget.id) ?? 0))
      const startsFrom = open.has(names.account(account)) ? startsAt : Math.max(startsAt, newest)
      const period = accountPeriod({ ...budget, startsFrom }, startsAt)
      const value = each === '' ? null : each
      return { key: toAccountKey(budget.id, value, period.startsAt), budget, each: value, period }
    })
  }

  async #budgetsOf({ charges }: Hold): Promise<readonly Budget[]> {
    const budgets: Budget[] = []
    for (const { account } of charges) {
      const budget = await this.#deps.catalog.budget(toBudgetId(partsOf(account).budget))
      assert(budget !== undefined, `the budget of the account ${account} is known`)
      budgets.push(budget)
    }
    return budgets
  }
}

/** What it used was charged before, as a part of the slices that it was let in from. */
function lostWithSlices({ call, endedAt, status, amounts }: Settlement): Settlement {
  const usage = {
    kind: 'estimated',
    counts: { input: { total: 0 }, output: { total: 0 } },
    why: 'charged with the slice of its process',
  } as const
  return { call, endedAt, ending: 'lost', status, usage, costNanoUsd: 0, amounts: amounts.map(() => 0), overrun: 0 }
}

/** In another account than that in which it was admitted nothing was held: all that it uses there is overrun. */
function movedTo(account: AccountKey, charge: Charge): Charge {
  return account === charge.account ? charge : { account, amount: 0 }
}

import type { OpenHold } from '../../domain/call.ts'
import type { AccountKey } from '../../domain/ids.ts'
import { Failure } from '../../engine/failure.ts'
import type { Clock, OpenState } from '../../engine/ports.ts'
import { toFace } from './account-row.ts'
import { storedHold, toStored } from './hold-text.ts'
import type { KeyNames } from './key-names.ts'
import { type RedisClient, type RedisReply, textsOf } from './redis-client.ts'
import { WHOAMI } from './script.ts'
import type { Known } from './session.ts'
import type { Turn } from './turn.ts'

export interface RebuildDeps {
  readonly client: RedisClient
  readonly names: KeyNames
  readonly clock: Clock
  readonly node: string
  readonly turn: Turn
  /** What the ledger has, once it has taken in all that is left of the stream. */
  readonly openState: () => Promise<OpenState>
  readonly onTrouble: (message: string) => void
}

/** So long every process that is alive has found out and put back what it has in flight; hard caps admit nothing until then. */
const GRACE_MS = 2500
const TRIES = 100
const PAUSE_MS = 100

/** Joins the store as it is, or makes it anew from the ledger where it is empty, another one, or behind. */
export class Rebuild {
  readonly #deps: RebuildDeps

  constructor(deps: RebuildDeps) {
    this.#deps = deps
  }

  /**
   * @param known what this process knows of the store that it worked with
   * @returns the epoch of a store that counts
   * @throws Failure store_unavailable
   */
  async rejoin(known: Known): Promise<string> {
    for (let tries = 0; tries < TRIES; tries++) {
      const epoch = await this.#usable(known)
      if (epoch !== undefined) return epoch
      if (await this.#deps.turn.isMine()) return await this.#inTurn(known)
      await new Promise<void>((resolve) => this.#deps.clock.after(PAUSE_MS, resolve))
    }
    throw new Failure('store_unavailable', 'another process makes the counters again from the ledger, and does not come to an end')
  }

  /** Hard caps admit again. */
  async reopen(): Promise<void> {
    const { client, names, clock } = this.#deps
    const [state, openAt] = textsOf(await client.call('HMGET', names.meta, 'state', 'openAt'))
    if (state === 'rebuilding' && Number(openAt) <= clock.now()) await client.call('HSET', names.meta, 'state', 'open')
  }

  async #inTurn(known: Known): Promise<string> {
    try {
      return (await this.#usable(known)) ?? (await this.#rebuild())
    } finally {
      await this.#deps.turn.pass()
    }
  }

  /** The epoch, where the store has all that it ever counted. */
  async #usable(known: Known): Promise<string | undefined> {
    const { client, names, node } = this.#deps
    const reply = await client.call('HMGET', names.meta, 'epoch', 'state', 'run')
    const [epoch, state, run]: readonly RedisReply[] = Array.isArray(reply) ? reply : []
    if (typeof epoch !== 'string' || (state !== 'open' && state !== 'rebuilding') || run !== (await this.#run())) return undefined
    if (epoch !== known.epoch) return epoch
    return Number((await client.call('HGET', names.nodes, node)) ?? 0) >= known.step ? epoch : undefined
  }

  /** A server that was started again, or another one that took its place, may have lost what it was told last. */
  async #run(): Promise<string> {
    const [run] = textsOf(await this.#deps.client.run(WHOAMI, [this.#deps.names.meta], []))
    return run ?? ''
  }

  async #rebuild(): Promise<string> {
    const { client, names, clock, node, openState, onTrouble } = this.#deps
    const run = await this.#run()
    const hasCounted = (await client.call('HGET', names.meta, 'epoch')) !== null
    // From here on no step of any process passes.
    await client.call('HSET', names.meta, 'epoch', `none-${node}-${clock.now()}`, 'state', 'lost')
    const state = await openState()
    await this.#clear()
    await this.#write(state)
    const isFresh = !hasCounted && state.accounts.length === 0
    if (!isFresh)
      onTrouble(`the counters were made again from the ledger: ${state.accounts.length} accounts, ${state.holds.length} calls in flight`)
    const epoch = `${node}-${clock.now()}`
    const openAt = clock.now() + (isFresh ? 0 : GRACE_MS)
    const fields = { epoch, stream: epoch, run, version: clock.now(), state: isFresh ? 'open' : 'rebuilding', openAt, drained: '' }
    await client.call('HSET', names.meta, ...Object.entries(fields).flat())
    return epoch
  }

  async #clear(): Promise<void> {
    const { client, names } = this.#deps
    for (const account of textsOf(await client.call('ZRANGE', names.accounts, 0, -1))) await client.call('DEL', account)
    const { nodes, holds, expiry, jobs, accounts, crossed, charged, budgets, keys, stream } = names
    for (const key of [nodes, holds, expiry, jobs, accounts, crossed, charged, budgets, keys, stream]) await client.call('DEL', key)
  }

  async #write({ budgets, keys, accounts, holds }: OpenState): Promise<void> {
    const { client, names } = this.#deps
    for (const budget of budgets) await client.call('HSET', names.budgets, budget.id, JSON.stringify(budget))
    for (const key of keys) await client.call('HSET', names.keys, key.id, JSON.stringify(key))
    const held = heldIn(holds)
    for (const { account, budget: id, each, unit, period, used, overrun, granted, alertedAt } of accounts) {
      const budget = budgets.find((one) => one.id === id)
      if (budget === undefined) throw new Failure('store_unavailable', `the ledger does not know the budget ${id} of its account`)
      const face = toFace({ budget: { ...budget, unit }, each, period })
      const { amount, calls } = held.get(account) ?? { amount: 0, calls: 0 }
      const sums = { u: used, h: amount, n: calls, g: granted, o: overrun, a: alertedAt, s: face }
      await client.call('HSET', names.account(account), ...Object.entries(sums).flat())
      await client.call('ZADD', names.accounts, period.endsAt, names.account(account))
    }
    for (const hold of holds) await this.#writeHold(hold)
  }

  async #writeHold(hold: OpenHold): Promise<void> {
    const { client, names } = this.#deps
    await client.call('HSET', names.holds, hold.call.id, toStored(storedHold(hold)))
    await client.call('ZADD', names.expiry, hold.expiresAt, hold.call.id)
    if (hold.job !== undefined) await client.call('HSET', names.jobs, hold.call.id, hold.job)
  }
}

function heldIn(holds: readonly OpenHold[]): ReadonlyMap<AccountKey, { amount: number; calls: number }> {
  const held = new Map<AccountKey, { amount: number; calls: number }>()
  for (const { account, amount } of holds.flatMap(({ charges }) => charges)) {
    const sum = held.get(account) ?? { amount: 0, calls: 0 }
    sum.amount += amount
    sum.calls++
    held.set(account, sum)
  }
  return held
}

import type { OpenHold } from '../../domain/call.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import type { AccountKey, BudgetId } from '../../domain/ids.ts'
import { Failure } from '../../engine/failure.ts'
import type { Clock, OpenState } from '../../engine/ports.ts'
import { toFace } from './account-row.ts'
import { storedHold, toStored } from './hold-text.ts'
import { ageOfStream, type NextStream } from './drain.ts'
import { LEASE_MS } from './leases.ts'
import type { KeyNames } from './key-names.ts'
import { type RedisClient, type RedisReply, textsOf, toDoubles } from './redis-client.ts'
import { FENCED, REOPEN, RESTORE, WHOAMI } from './script.ts'
import type { Known, StoreIdentity } from './session.ts'
import { Sightings } from './sightings.ts'
import type { Turn } from './turn.ts'

export interface RebuildDeps {
  readonly client: RedisClient
  readonly names: KeyNames
  readonly clock: Clock
  /** Milliseconds that never jump. */
  readonly monotonic: () => number
  readonly node: string
  readonly turn: Turn
  /** What the ledger has, once it has taken in all that is left of the stream; from then on it follows that other one. */
  readonly openState: (stream: NextStream) => Promise<OpenState>
  /** The epoch of the stream that the ledger followed last. */
  readonly lastStream: () => Promise<string>
  readonly onTrouble: (message: string) => void
}

/** So long every process that is alive has found out and put back what it has in flight; hard caps admit nothing until then. */
const GRACE_MS = 2500
const TRIES = 100
const PAUSE_MS = 100

/** Joins the store as it is, or makes it anew from the ledger where it is empty, another one, or behind. */
export class Rebuild {
  readonly #deps: RebuildDeps
  readonly #sightings: Sightings

  constructor(deps: RebuildDeps) {
    this.#deps = deps
    this.#sightings = new Sightings(deps.monotonic)
  }

  /**
   * @param known what this process knows of the store that it worked with
   * @returns a store that counts
   * @throws Failure store_unavailable
   */
  async rejoin(known: Known): Promise<StoreIdentity> {
    for (let tries = 0; tries < TRIES; tries++) {
      const store = await this.#usable(known)
      if (store !== undefined) return store
      if (await this.#deps.turn.isMine()) return await this.#inTurn(known)
      await new Promise<void>((resolve) => this.#deps.clock.after(PAUSE_MS, resolve))
    }
    throw new Failure('store_unavailable', 'another process makes the counters again from the ledger, and does not come to an end')
  }

  /** Whether it is the store that this process knows, and not one that took its place. */
  async isIntact(known: Known): Promise<boolean> {
    return (await this.#usable(known))?.epoch === known.epoch
  }

  /** Lets hard caps admit again, once every process had the time to put back what it has. */
  async reopen(): Promise<void> {
    const { client, names, clock } = this.#deps
    const meta = await this.#meta()
    const [openAt = '', graceMs = ''] = textsOf(await client.call('HMGET', names.about, 'openAt', 'graceMs'))
    if (meta === undefined) return
    const seenMs = this.#sightings.see('openAt', openAt)
    if (Number(openAt) > clock.now() || seenMs < Number(graceMs)) return
    await client.run(REOPEN, [names.meta, names.about], [meta.epoch])
  }

  async #inTurn(known: Known): Promise<StoreIdentity> {
    try {
      return (await this.#usable(known)) ?? (await this.#rebuild(known))
    } finally {
      await this.#deps.turn.pass()
    }
  }

  /** The store, where it has all that it ever counted. */
  async #usable(known: Known): Promise<StoreIdentity | undefined> {
    const { client, names, node } = this.#deps
    const meta = await this.#meta()
    if (meta === undefined || (meta.state !== 'open' && meta.state !== 'rebuilding')) return undefined
    const run = await this.#run()
    if ((await client.call('HGET', names.about, 'run')) !== run) return undefined
    const { epoch } = meta
    if (epoch !== known.epoch) return { epoch, run }
    return Number((await client.call('GET', names.node(node))) ?? 0) >= known.step ? { epoch, run } : undefined
  }

  async #meta(): Promise<{ readonly epoch: string; readonly state: string } | undefined> {
    const meta = await this.#deps.client.call('GET', this.#deps.names.meta)
    const [epoch, , state] = typeof meta === 'string' ? meta.split(' ') : []
    return epoch === undefined || state === undefined ? undefined : { epoch, state }
  }

  /** A server that was started again, or another one that took its place, may have lost what it was told last. */
  async #run(): Promise<string> {
    const [run] = textsOf(await this.#deps.client.run(WHOAMI, [this.#deps.names.meta], []))
    return run ?? ''
  }

  async #rebuild(known: Known): Promise<StoreIdentity> {
    const { client, names, clock, node, openState, lastStream, onTrouble } = this.#deps
    const run = await this.#run()
    const hasCounted = (await this.#meta()) !== undefined
    // Whoever begins after this one finds another stream than that before it comes to the ledger; so does this one then.
    const after = await lastStream()
    // From here on no step of any process passes.
    const mark = `none-${node}-${clock.now()} 0 lost`
    await client.call('SET', names.meta, mark)
    const epoch = `${node}-${Math.max(clock.now(), ageOfStream(after) + 1)}`
    const state = await openState({ epoch, after })
    const write: Write = (command, key, ...args) => client.run(FENCED, [names.meta, key], [mark, command, ...args])
    await this.#clear(write)
    await this.#write(state, mark, write)
    // Only the ledger tells a store that never was from one that is gone: it followed none.
    const isFresh = !hasCounted && known.epoch === undefined && after === '' && state.accounts.length === 0
    if (!isFresh) {
      onTrouble(`the counters were made again from the ledger: ${state.accounts.length} accounts, ${state.holds.length} calls in flight`)
    }
    const hasLeases = state.budgets.some(({ enforcement }) => enforcement === 'leased')
    const graceMs = hasLeases ? LEASE_MS : GRACE_MS
    const openAt = isFresh ? 0 : clock.now() + graceMs
    await write('HSET', names.about, 'run', run, 'stream', epoch, 'drained', '', 'openAt', openAt, 'graceMs', graceMs)
    this.#sightings.see('openAt', String(openAt))
    await write('SET', names.meta, `${epoch} ${clock.now()} ${isFresh ? 'open' : 'rebuilding'}`)
    return { epoch, run }
  }

  async #clear(write: Write): Promise<void> {
    const { client, names } = this.#deps
    for (const account of textsOf(await client.call('ZRANGE', names.accounts, 0, -1))) await write('DEL', account)
    // Whose slices were charged stays known: the ledger has these charges.
    const { about, holds, jobs, accounts, faces, closed, charged, leases, budgets, keys, stream } = names
    for (const key of [about, holds, jobs, accounts, faces, closed, charged, leases, budgets, keys, stream]) await write('DEL', key)
  }

  async #write({ budgets, keys, accounts, holds }: OpenState, mark: string, write: Write): Promise<void> {
    const { client, names } = this.#deps
    for (const [i, budget] of budgets.entries()) await write('HSET', names.budgets, budget.id, `${i} ${JSON.stringify(budget)}`)
    for (const [i, key] of keys.entries()) await write('HSET', names.keys, key.id, `${i} ${JSON.stringify(key)}`)
    const owners = new Map(budgets.map((budget) => [budget.id, budget]))
    const held = heldIn(holds)
    for (let i = 0; i < accounts.length; i += AT_ONCE) {
      const rows = accounts.slice(i, i + AT_ONCE).map((account) => restoredRow(account, owners, held))
      const sums = Buffer.concat(rows.map(({ sums }) => sums))
      const keys = rows.map(({ account }) => names.account(account))
      await client.run(RESTORE, [names.meta, names.accounts, names.faces, ...keys], [mark, sums, ...rows.map(({ face }) => face)])
    }
    for (const hold of holds) {
      await write('HSET', names.holds, hold.call.id, toStored(storedHold(hold), hold.expiresAt))
      if (hold.job !== undefined) await write('HSET', names.jobs, hold.call.id, hold.job)
    }
  }
}

const AT_ONCE = 500

/** One command of the rebuild; it fails once another process began another one. */
type Write = (command: string, key: string, ...args: readonly (string | number)[]) => Promise<RedisReply>

interface RestoredRow {
  readonly account: AccountKey
  readonly face: string
  /** When it ends, and its sums, as the scripts keep them. */
  readonly sums: Buffer
}

function restoredRow(
  { account, budget: id, each, unit, period, used, overrun, granted, alertedAt }: OpenState['accounts'][number],
  owners: ReadonlyMap<BudgetId, Budget>,
  held: ReturnType<typeof heldIn>,
): RestoredRow {
  const budget = owners.get(id)
  if (budget === undefined) throw new Failure('store_unavailable', `the ledger does not know the budget ${id} of its account`)
  const { amount, calls } = held.get(account) ?? { amount: 0, calls: 0 }
  const face = toFace({ budget: { ...budget, unit }, each, period })
  return { account, face, sums: toDoubles([period.endsAt, used, amount, calls, granted, overrun, alertedAt]) }
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

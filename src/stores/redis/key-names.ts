import type { AccountKey } from '../../domain/ids.ts'

/**
 * Where what stands. All names have one hash tag, so that a transition over any accounts is one script in one slot, on one
 * server and on a Cluster alike.
 */
export interface KeyNames {
  /** `epoch version state`: which store it is, of which budgets, and whether hard caps admit (`open`, `rebuilding`, `lost`). */
  readonly meta: string
  /** Hash: run, the server's; stream, the epoch of the stream; drained, the id up to which the ledger has it; openAt, and graceMs, how long before it was made anew. */
  readonly about: string
  /** How many steps of a node were counted. */
  readonly node: (node: string) => string
  /** Hash: every call's hold. */
  readonly holds: string
  /** Hash: the provider's job of each deferred call. */
  readonly jobs: string
  /** Sorted set: when the period of each open account ends. */
  readonly accounts: string
  /** Hash: the end of the last account of each budget that was closed. */
  readonly closed: string
  /** Sorted set: calls that were charged without a hold, by when. */
  readonly charged: string
  /** Hash: the slice of each process in each account, and when it expires. */
  readonly leases: string
  /** Sorted set: processes whose slices were charged, since they were not heard of, by when: nothing is charged to these slices again. */
  readonly lapsed: string
  /** Sorted set: the processes that have slices, by when they were heard of. */
  readonly alive: string
  readonly budgets: string
  readonly keys: string
  /** Stream: the ledger's records in their order. */
  readonly stream: string
  /** Strings that expire: who rebuilds, who drains, and whose turn it is. */
  readonly lock: (name: string) => string
  /** Hash: what each open account is. */
  readonly faces: string
  /** One account's sums. */
  readonly account: (key: AccountKey) => string
  /** The account key in such a name. */
  readonly accountIn: (name: string) => string
}

/** @param prefix with a hash tag, such as `{bursar}` */
export function createKeyNames(prefix: string): KeyNames {
  const ofAccount = `${prefix}:a:`
  return {
    meta: `${prefix}:meta`,
    about: `${prefix}:about`,
    node: (node) => `${prefix}:node:${node}`,
    faces: `${prefix}:faces`,
    holds: `${prefix}:holds`,
    jobs: `${prefix}:jobs`,
    accounts: `${prefix}:accounts`,
    closed: `${prefix}:closed`,
    charged: `${prefix}:charged`,
    leases: `${prefix}:leases`,
    lapsed: `${prefix}:lapsed`,
    alive: `${prefix}:alive`,
    budgets: `${prefix}:budgets`,
    keys: `${prefix}:keys`,
    stream: `${prefix}:stream`,
    lock: (name) => `${prefix}:lock:${name}`,
    account: (key) => ofAccount + key,
    accountIn: (name) => name.slice(ofAccount.length),
  }
}

import type { Call, Hold } from '../../domain/call.ts'
import { type AccountKey, parseAccountKey, toBudgetId, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Clock } from '../../engine/ports.ts'
import { billOf, settlementOf } from '../bill.ts'
import { endedText } from '../ledger/record-text.ts'
import { fromFace, partsOf } from './account-row.ts'
import type { RedisCatalog } from './catalog.ts'
import type { Crossings } from './crossings.ts'
import { storedHold, toStored } from './hold-text.ts'
import { LEASE_MS } from './leases.ts'
import type { KeyNames } from './key-names.ts'
import { pairsOf } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { Sightings } from './sightings.ts'

export interface LapsesDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly crossings: Pick<Crossings, 'judgeLater'>
  readonly clock: Clock
  /** What becomes of the slice of a process that died: what it let in from it is not known. */
  readonly onLost: 'charge' | 'release'
  /** For how long what a process holds stands that it does not renew. */
  readonly holdTtlMs: number
  /** Milliseconds that never jump. */
  readonly monotonic: () => number
}

/** A slice whose time is over. */
interface Lapsed {
  readonly what: string
  readonly slice: number
  /** When its process was heard of last: what it let in, it let in before. */
  readonly renewedAt: EpochMs
}

/**
 * Ends the slices of processes that are not heard of any more. A process stops deciding by a slice after seconds; what it let in by it
 * may end later, and is counted then by it or by whoever finds what it left: so a slice stands for as long as any hold.
 */
export class Lapses {
  readonly #deps: LapsesDeps
  readonly #sightings: Sightings

  constructor(deps: LapsesDeps) {
    this.#deps = deps
    this.#sightings = new Sightings(deps.monotonic)
  }

  /** @throws Failure store_unavailable: what is left lapses another time */
  async end(): Promise<void> {
    const { session, names, clock } = this.#deps
    const standsMs = Math.max(LEASE_MS, this.#deps.holdTtlMs)
    const leases = pairsOf(await session.ask('HGETALL', names.leases))
    for (const [lease, what] of leases) {
      const [slice = 0, expiresAt = 0] = what.split(' ').map(Number)
      const seenMs = this.#sightings.see(lease, what)
      const renewedAt = expiresAt - LEASE_MS
      if (renewedAt + standsMs <= clock.now() && seenMs >= standsMs) await this.#lapse(lease, { what, slice, renewedAt })
    }
    this.#sightings.forgetOthers()
  }

  async #lapse(lease: string, { what, slice, renewedAt }: Lapsed): Promise<void> {
    const { session, names, crossings, clock, onLost } = this.#deps
    const name = lease.slice(lease.indexOf('\n') + 1)
    const account = parseAccountKey(names.accountIn(name))
    const texts = onLost === 'release' ? ['', ''] : await this.#lostCall(lease, { account, slice, renewedAt })
    // Before it is done: the answer may be lost.
    if (onLost === 'charge') crossings.judgeLater([account])
    await session.step(SCRIPTS.lapse, [names.leases, names.stream, names.lapsed, name], {
      numbers: [slice, clock.now()],
      texts: [lease, what, ...texts],
    })
  }

  /** A call that stands for all that the process may have let in: the hold, as it is stored, and the settlement's record. */
  async #lostCall(
    lease: string,
    { account, slice, renewedAt }: Omit<Lapsed, 'what'> & { readonly account: AccountKey },
  ): Promise<readonly [hold: string, settlement: string]> {
    const { session, names, catalog, clock } = this.#deps
    const at = clock.now()
    const [node = ''] = lease.split('\n')
    const { budget: id, each, startsAt } = partsOf(account)
    const budget = await catalog.budget(toBudgetId(id))
    const face = await session.ask('HGET', names.faces, names.account(account))
    const attributes = { provider: 'lease', model: 'lease', tags: {} }
    const call: Call = {
      id: toCallId(`lease_${node}_${at}_${id}_${startsAt}_${encodeURIComponent(each)}`),
      // A slice is renewed after its account has ended, for calls that are in flight there.
      admittedAt: face === null ? renewedAt : Math.min(renewedAt, fromFace(face).period.endsAt - 1),
      attributes,
      endpoint: 'lease',
    }
    const hold: Hold = {
      call,
      charges: [{ account, amount: slice }],
      input: budget?.unit === 'tokens' ? slice : 0,
      output: 0,
      costNanoUsd: budget?.unit === 'usd' ? slice : 0,
      expiresAt: at,
      isSpared: false,
    }
    const settlement = settlementOf({ call: call.id, endedAt: at, ending: 'lost' }, billOf(hold, [], 'held'), 0)
    return [toStored(storedHold(hold), at), endedText(settlement)]
  }
}

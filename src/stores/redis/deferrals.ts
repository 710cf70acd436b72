import type { CallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Flight } from './flight.ts'
import type { OwnHolds } from './own-holds.ts'
import { isAfter } from './unconfirmed.ts'

interface Deferral {
  readonly flight: Flight
  readonly job: string
  readonly expiresAt: EpochMs
  isTried: boolean
  /** The entry of the stream that says so; undefined: the store does not know of the job. */
  toldAt: string | undefined
  /** It is being told: twice at once, one could take back what the other did. */
  telling: Promise<void> | undefined
}

/**
 * The calls of this process that are left to their providers, until the ledger knows of their jobs: a batch is running, so what the
 * store did not take, or has lost, is told again.
 */
export class Deferrals {
  readonly #ownHolds: Pick<OwnHolds, 'ensure' | 'moveExpiry'>
  readonly #deferrals = new Map<CallId, Deferral>()
  #isForgotten = false

  constructor(ownHolds: Pick<OwnHolds, 'ensure' | 'moveExpiry'>) {
    this.#ownHolds = ownHolds
  }

  /** @throws Failure store_unavailable: it is told later, with {@link tell} */
  async add(flight: Flight, job: string, expiresAt: EpochMs): Promise<void> {
    const deferral = { flight, job, expiresAt, isTried: false, toldAt: undefined, telling: undefined }
    this.#deferrals.set(flight.call.id, deferral)
    await this.#tell(deferral)
  }

  /** Tells what the store does not know yet. @throws Failure store_unavailable */
  async tell(): Promise<void> {
    if (this.#isForgotten) return
    for (const deferral of this.#deferrals.values()) if (deferral.toldAt === undefined) await this.#tell(deferral)
  }

  /** The ledger has everything up to that entry of the stream. */
  confirm(id: string): void {
    for (const [call, { toldAt }] of this.#deferrals) if (toldAt !== undefined && !isAfter(toldAt, id)) this.#deferrals.delete(call)
  }

  calls(): readonly CallId[] {
    return [...this.#deferrals.keys()]
  }

  /** The store was made anew: it knows of none of them, and has another stream. None is told before {@link putBack}. */
  forget(): void {
    this.#isForgotten = true
    for (const deferral of this.#deferrals.values()) deferral.toldAt = undefined
  }

  /** @param hasEnded whether the ledger has a call's end. @throws Failure store_unavailable */
  async putBack(hasEnded: (call: CallId) => boolean): Promise<void> {
    for (const call of this.calls()) if (hasEnded(call)) this.#deferrals.delete(call)
    this.#isForgotten = false
    await this.tell()
  }

  #tell(deferral: Deferral): Promise<void> {
    deferral.telling ??= this.#tellNow(deferral).finally(() => {
      deferral.telling = undefined
    })
    return deferral.telling
  }

  async #tellNow(deferral: Deferral): Promise<void> {
    const { flight, job, expiresAt, isTried } = deferral
    const call = flight.call.id
    deferral.isTried = true
    const isHeld = await this.#ownHolds.ensure(flight, isTried)
    const toldAt = isHeld ? await this.#ownHolds.moveExpiry(call, expiresAt, job) : undefined
    if (toldAt !== undefined) deferral.toldAt = toldAt
    // The store was made anew, and its hold is not put back yet.
    else if (isHeld && !isTried) await this.#tellNow(deferral)
    else this.#deferrals.delete(call)
  }
}

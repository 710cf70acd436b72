import type { Journal, Ledger, SetAsideRecords } from './ports.ts'

export interface SetAsideWatchDeps {
  readonly ledger: Pick<Ledger, 'setAside'>
  readonly journal: Pick<Journal, 'trouble'>
  readonly log: (message: string) => void
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number
}

const LOOK_MS = 10_000

/** Looks now and then whether the ledger has set records aside, and says so whenever there are more. */
export class SetAsideWatch {
  readonly #deps: SetAsideWatchDeps
  #nextAt = -Infinity
  #count = 0

  constructor(deps: SetAsideWatchDeps) {
    this.#deps = deps
  }

  /** As far as is known; 0: none. */
  get count(): number {
    return this.#count
  }

  /** What an operator should hear of it; undefined: nothing. */
  warning(): string | undefined {
    if (this.#count === 0) return undefined
    return `${this.#count} records could not be applied to the ledger and were set aside: "bursar doctor" lists them`
  }

  /** Meant to run every second. @throws Failure store_unavailable where the ledger can't be read */
  async tick(): Promise<void> {
    const now = this.#deps.monotonic()
    if (now < this.#nextAt || this.#deps.journal.trouble() !== undefined) return
    this.#nextAt = now + LOOK_MS
    const found = await this.#deps.ledger.setAside({ limit: 1 })
    if (found.count > this.#count) this.#deps.log(messageOf(found))
    this.#count = found.count
  }
}

function messageOf({ count, records: [newest] }: SetAsideRecords): string {
  const latest = newest === undefined ? '' : `, the latest (${newest.kind}) because: ${newest.reason}`
  return `${count} records could not be applied to the ledger and were set aside${latest}. "bursar doctor" lists them`
}

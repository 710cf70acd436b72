import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import type { Journal } from '../../engine/ports.ts'
import type { KeyNames } from './key-names.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { toEntryText } from './stream-entry.ts'
import type { Unconfirmed } from './unconfirmed.ts'

export interface RedisJournalDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly unconfirmed: Unconfirmed
  /** What keeps the ledger from following the stream. */
  readonly ledgerTrouble: () => string | undefined
}

/** The stream as a journal, for records that change no counter; those of calls are written by the steps that count them. */
export class RedisJournal implements Journal {
  readonly #deps: RedisJournalDeps
  readonly #backlog: LedgerRecord[] = []
  #isFlushing = false

  constructor(deps: RedisJournalDeps) {
    this.#deps = deps
  }

  async appendOrFail(record: LedgerRecord): Promise<void> {
    await this.#write([record])
  }

  async append(records: readonly LedgerRecord[]): Promise<void> {
    this.#backlog.push(...records)
    try {
      await this.flush()
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      // It is in the backlog; `trouble` says what keeps it there.
    }
  }

  trouble(): string | undefined {
    return this.#deps.session.trouble() ?? this.#deps.ledgerTrouble()
  }

  /** Writes what waits. @throws Failure store_unavailable: then it waits on */
  async flush(): Promise<void> {
    if (this.#isFlushing) return
    this.#isFlushing = true
    try {
      while (this.#backlog.length > 0) {
        const batch = this.#backlog.slice(0, BATCH)
        await this.#write(batch)
        this.#backlog.splice(0, batch.length)
      }
    } finally {
      this.#isFlushing = false
    }
  }

  async #write(records: readonly LedgerRecord[]): Promise<void> {
    const { session, names, unconfirmed } = this.#deps
    const [, , id] = await session.step(SCRIPTS.append, [names.stream], { texts: records.map(toEntryText) })
    // A try to deliver counts each time that it is written.
    for (const record of records) if (record.kind !== 'delivery') unconfirmed.add(String(id), { kind: 'record', record })
  }
}

const BATCH = 500

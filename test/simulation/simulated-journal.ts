import type { LedgerRecord } from '../../src/domain/record.ts'
import { Failure } from '../../src/engine/failure.ts'
import type { Journal } from '../../src/engine/ports.ts'
import type { VirtualTime } from './virtual-clock.ts'

interface Pending {
  readonly records: readonly LedgerRecord[]
  readonly mustNotOutliveFailure: boolean
  readonly resolve: () => void
  readonly reject: (failure: Failure) => void
}

/** The disk of one machine: what was written is there for the next process, what was not is gone with this one. */
export interface SimulatedDisk {
  readonly records: LedgerRecord[]
  /** Why nothing can be written; undefined: it can. */
  trouble: string | undefined
  delayMs: number
}

/** A journal on such a disk: appends wait together for one write. */
export class SimulatedJournal implements Journal {
  readonly #disk: SimulatedDisk
  readonly #time: VirtualTime
  #pending: Pending[] = []
  #isWriting = false
  #isDead = false

  constructor(disk: SimulatedDisk, time: VirtualTime) {
    this.#disk = disk
    this.#time = time
  }

  append(records: readonly LedgerRecord[]): Promise<void> {
    return this.#add(records, false)
  }

  appendOrFail(record: LedgerRecord): Promise<void> {
    return this.#add([record], true)
  }

  trouble(): string | undefined {
    return this.#disk.trouble
  }

  /**
   * The process died: of what it was writing, some may be on the disk, and nobody hears of it.
   * @returns what is lost though it was acknowledged, as far as a full disk allowed
   */
  crash(written: number): readonly LedgerRecord[] {
    this.#isDead = true
    const records = this.#pending.flatMap((pending) => pending.records)
    this.#pending = []
    if (this.#disk.trouble !== undefined) return records
    this.#disk.records.push(...records.slice(0, Math.floor(records.length * written)))
    return []
  }

  #add(records: readonly LedgerRecord[], mustNotOutliveFailure: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ records, mustNotOutliveFailure, resolve, reject })
      this.#writeSoon()
    })
  }

  #writeSoon(): void {
    if (this.#isWriting || this.#isDead) return
    this.#isWriting = true
    this.#time.schedule(this.#disk.delayMs, () => {
      this.#isWriting = false
      if (!this.#isDead) this.#write()
    })
  }

  #write(): void {
    const { trouble } = this.#disk
    const pending = this.#pending
    this.#pending = trouble === undefined ? [] : pending.filter(({ mustNotOutliveFailure }) => !mustNotOutliveFailure)
    for (const { records, mustNotOutliveFailure, resolve, reject } of pending) {
      if (trouble === undefined) this.#disk.records.push(...records)
      if (trouble !== undefined && mustNotOutliveFailure) reject(new Failure('store_unavailable', trouble))
      else resolve()
    }
    if (this.#pending.length > 0) this.#time.schedule(RETRY_MS, () => this.#writeSoon())
  }
}

const RETRY_MS = 100

import type { Budget } from '../../domain/budgets/budget.ts'
import type { BudgetId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { KeyRow, LedgerRecord } from '../../domain/record.ts'
import type { Catalog, CatalogState } from '../../engine/ports.ts'
import { fromJson, hasFields } from '../ledger/row.ts'
import type { KeyNames } from './key-names.ts'
import { type RedisReply, textsOf } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { toEntryText } from './stream-entry.ts'
import type { Unconfirmed } from './unconfirmed.ts'

/** Budgets of one script: few enough that other steps get in between. */
const CHUNK = 200

/** The budgets and keys in Redis, and what this process read of them last. */
export class RedisCatalog implements Catalog {
  readonly #session: Session
  readonly #names: KeyNames
  readonly #unconfirmed: Unconfirmed
  #budgets: ReadonlyMap<string, Budget> = new Map()

  constructor({ session, names, unconfirmed }: { session: Session; names: KeyNames; unconfirmed: Unconfirmed }) {
    this.#session = session
    this.#names = names
    this.#unconfirmed = unconfirmed
  }

  async version(): Promise<number> {
    const meta = await this.#session.ask('GET', this.#names.meta)
    return Number(String(meta).split(' ')[1])
  }

  /** The version is read first: what is read after it is at least as new, so nothing that changed stays unseen. */
  async read(): Promise<CatalogState> {
    const version = await this.version()
    const [budgets, keys] = await Promise.all([
      this.#session.ask('HVALS', this.#names.budgets).then((rows) => inOrder(rows).map((json) => fromJson(json, isBudget))),
      this.#session.ask('HVALS', this.#names.keys).then((rows) => inOrder(rows).map((json) => fromJson(json, isKey))),
    ])
    const there = new Set(budgets.map(({ id }) => id))
    const lost = [...this.#budgets.values()].filter(({ id }) => !there.has(id))
    if (lost.length > 0) return this.#restore(lost)
    this.#budgets = new Map(budgets.map((budget) => [budget.id, budget]))
    this.#session.version = version
    return { version, budgets, keys }
  }

  /** A budget is archived and never deleted: what is not there any more was lost with the store, and no call may pass without it. */
  async #restore(lost: readonly Budget[]): Promise<CatalogState> {
    const rows = lost.map((budget) => ({ row: budget, record: { kind: 'revised', budget, at: 0 } as const }))
    await this.#put(this.#names.budgets, rows, { onlyMissing: true })
    return this.read()
  }

  /** The budget of that id as this process read it last. */
  known(id: BudgetId): Budget | undefined {
    return this.#budgets.get(id)
  }

  /** The budget of that id as this process read it last, or reads it now; archived ones too. */
  async budget(id: BudgetId): Promise<Budget | undefined> {
    const known = this.#budgets.get(id)
    if (known === undefined) await this.read()
    return this.#budgets.get(id)
  }

  async putBudgets(budgets: readonly Budget[], edit: { readonly at: EpochMs; readonly version: number }): Promise<number | undefined> {
    let { version } = edit
    for (let i = 0; i < budgets.length; i += CHUNK) {
      const rows = budgets.slice(i, i + CHUNK).map((budget) => ({ row: budget, record: { kind: 'revised', budget, at: edit.at } as const }))
      const next = await this.#put(this.#names.budgets, rows, { version })
      if (next === undefined) return undefined
      version = next
    }
    this.#budgets = new Map([...this.#budgets, ...budgets.map((budget) => [budget.id, budget] as const)])
    this.#session.version = version
    return version
  }

  async putKey(key: KeyRow): Promise<void> {
    await this.#put(this.#names.keys, [{ row: key, record: { kind: 'key', key } }])
  }

  /** Puts back what a store that was made anew has lost; what is newer there stays as it is put. */
  async putBack(record: Extract<LedgerRecord, { kind: 'revised' | 'key' }>): Promise<void> {
    if (record.kind === 'key') {
      await this.#put(this.#names.keys, [{ row: record.key, record }])
      return
    }
    const { budget } = record
    // Accounts that were closed since must not begin again.
    const startsFrom = Math.max(budget.startsFrom ?? 0, this.#budgets.get(budget.id)?.startsFrom ?? 0)
    const row = startsFrom === 0 ? budget : { ...budget, startsFrom }
    await this.#put(this.#names.budgets, [{ row, record: { ...record, budget: row } }])
  }

  async #put(
    hash: string,
    rows: readonly { readonly row: { readonly id: string }; readonly record: LedgerRecord }[],
    { version, onlyMissing = false }: { readonly version?: number; readonly onlyMissing?: boolean } = {},
  ): Promise<number | undefined> {
    const texts = rows.flatMap(({ row, record }) => [row.id, JSON.stringify(row), toEntryText(record)])
    const [kind, , next, id] = await this.#session.step(SCRIPTS.put, [hash, this.#names.stream], {
      texts: [version === undefined ? (onlyMissing ? '2' : '') : '1', ...texts],
      ...(version === undefined ? {} : { version }),
    })
    if (kind === 'outdated') return undefined
    if (id !== '') for (const { record } of rows) this.#unconfirmed.add(String(id), { kind: 'record', record })
    return Number(next)
  }
}

/** What each row says, behind its place. */
function inOrder(reply: RedisReply): readonly string[] {
  const rows = textsOf(reply).map((row) => ({ place: Number.parseInt(row, 10), json: row.slice(row.indexOf(' ') + 1) }))
  return rows.toSorted((a, b) => a.place - b.place).map(({ json }) => json)
}

const isBudget = hasFields<Budget>('id', 'unit', 'limit', 'period')
const isKey = hasFields<KeyRow>('id', 'hash', 'attributes')

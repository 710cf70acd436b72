import { assert } from '../../domain/defect.ts'
import type { Close } from '../../domain/accounts/close.ts'
import { type AccountKey, parseAccountKey } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { AccountRef, Standing } from '../../engine/ports.ts'
import { fromFace, toAccount, toFace } from './account-row.ts'
import type { RedisCatalog } from './catalog.ts'
import type { KeyNames } from './key-names.ts'
import { type RedisReply, textsOf } from './redis-client.ts'
import { ACCOUNTS, SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { toEntryText } from './stream-entry.ts'

export interface RedisAccountsDeps {
  readonly session: Pick<Session, 'ask' | 'query' | 'step'>
  readonly names: KeyNames
  readonly catalog: Pick<RedisCatalog, 'version' | 'budget'>
}

const ROWS_AT_ONCE = 1000

/** The accounts in Redis as such: what stands in them, their opening and their end. */
export class RedisAccounts {
  readonly #deps: RedisAccountsDeps

  constructor(deps: RedisAccountsDeps) {
    this.#deps = deps
  }

  async standings(): Promise<readonly Standing[]> {
    const { session, names } = this.#deps
    return this.#standingsOf(textsOf(await session.ask('ZRANGE', names.accounts, 0, -1)))
  }

  async ended(at: EpochMs): Promise<readonly Standing[]> {
    const { session, names } = this.#deps
    return this.#standingsOf(textsOf(await session.ask('ZRANGE', names.accounts, '-inf', at, 'BYSCORE')))
  }

  /** False where it was closed: then it never opens again. */
  async open(ref: AccountRef): Promise<boolean> {
    const { session, names, catalog } = this.#deps
    for (;;) {
      if (await this.tryOpen(ref, await catalog.version())) return true
      const closedUpTo = Number((await session.ask('HGET', names.closed, ref.budget.id)) ?? 0)
      if (ref.period.startsAt < closedUpTo) return false
    }
  }

  async cut(key: AccountKey, endsAt: EpochMs): Promise<void> {
    const { session, names } = this.#deps
    const name = names.account(key)
    const json = await session.ask('HGET', names.faces, name)
    if (json === null) return
    const face = fromFace(json)
    const cut = JSON.stringify({ ...face, period: { ...face.period, endsAt } })
    const text = toEntryText({ kind: 'cut', account: key, endsAt })
    await session.step(SCRIPTS.cut, [names.accounts, names.faces, names.stream, name], { numbers: [endsAt], texts: [cut, text] })
  }

  async close(key: AccountKey, closedAt: EpochMs): Promise<Close | undefined> {
    const { session, names } = this.#deps
    for (;;) {
      const [standing] = await this.#standingsOf([names.account(key)])
      if (standing === undefined || standing.callsInFlight > 0) return undefined
      const close = closeOf(standing, closedAt)
      const reply = await session.step(SCRIPTS.close, [names.accounts, names.faces, names.stream, names.closed, names.account(key)], {
        numbers: [close.used, close.granted, close.overrun, close.period.endsAt],
        texts: [toEntryText({ kind: 'closed', close }), close.budget],
      })
      if (reply[0] === 'closed') return close
      if (reply[0] === 'unknown') return undefined
    }
  }

  /** False where by newer budgets it may not exist. */
  async tryOpen(ref: AccountRef, version: number): Promise<boolean> {
    const { session, names } = this.#deps
    const { key, budget, each, period } = ref
    const text = toEntryText({ kind: 'opened', account: key, budget: budget.id, each, unit: budget.unit, period })
    const keys = [names.accounts, names.faces, names.stream, names.closed, names.account(key)]
    const [kind] = await session.step(SCRIPTS.open, keys, {
      numbers: [period.endsAt, period.startsAt],
      texts: [toFace(ref), text, budget.id],
      version,
    })
    return kind === 'open'
  }

  async #standingsOf(accounts: readonly string[]): Promise<readonly Standing[]> {
    const { session, names } = this.#deps
    const standings: Standing[] = []
    for (let i = 0; i < accounts.length; i += ROWS_AT_ONCE) {
      const chunk = accounts.slice(i, i + ROWS_AT_ONCE)
      const rows = await session.query(ACCOUNTS, [names.faces, ...chunk])
      for (const [at, name] of chunk.entries()) {
        const standing = await this.#standingOf(parseAccountKey(names.accountIn(name)), rows.slice(at * 2, at * 2 + 2))
        if (standing !== undefined) standings.push(standing)
      }
    }
    return standings
  }

  async #standingOf(key: AccountKey, [face, sums]: readonly RedisReply[]): Promise<Standing | undefined> {
    if (typeof face !== 'string') return undefined
    const { budget: id, each, unit, limit, period } = fromFace(face)
    const budget = await this.#deps.catalog.budget(id)
    assert(budget !== undefined, `the budget ${id} of an open account is known`)
    return toAccount({ key, budget: budget.unit === unit ? budget : { ...budget, unit, limit }, each, period }, sums)
  }
}

function closeOf({ key, budget, each, period, granted, used, overrun }: Standing, closedAt: EpochMs): Close {
  const { id, name, unit, limit } = budget
  return { account: key, budget: id, name, each, unit, period, limit, granted, used, overrun, closedAt }
}

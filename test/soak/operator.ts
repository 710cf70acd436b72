import { api } from '../e2e/bursar.ts'

/** Budgets whose accounts end, and begin anew, in turn. */
const RESET_IN_TURN = ['per-user', 'tight', 'per-key'] as const

/** Whoever looks after Bursar meanwhile: asks for reports, ends accounts, gives a key new secrets. */
export class Operator {
  readonly #url: string
  #turns = 0
  #key: string | undefined

  constructor(url: string) {
    this.#url = url
  }

  /** One of each. */
  async look(): Promise<void> {
    const url = this.#url
    const now = Date.now()
    const range = `from=${new Date(now - 3_600_000).toISOString()}&to=${new Date(now).toISOString()}`
    for (const path of ['status', `usage?${range}&group_by=team,user`, `usage?${range}&interval=hour`, 'top?by=user', 'alerts', 'history'])
      await api(url, path)
    await (await fetch(`${url}/metrics`)).text()
    this.#key ??= (await this.#post<{ id: string }>('keys', { name: 'rotated' })).id
    await this.#post(`keys/${this.#key}/rotate`, {})
  }

  /** Ends the accounts of one budget. */
  async reset(): Promise<void> {
    const budget = RESET_IN_TURN[this.#turns++ % RESET_IN_TURN.length] ?? 'tight'
    await this.#post(`budgets/${budget}/reset`, { reason: 'the soak' })
  }

  #post<T>(path: string, body: object): Promise<T> {
    return api<T>(this.#url, path, { method: 'POST', body: JSON.stringify(body) })
  }
}

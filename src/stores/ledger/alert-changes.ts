import type { Alert } from '../../domain/accounts/alert.ts'
import type { DeliveryAttempt } from '../../domain/record.ts'
import { text } from './row.ts'
import { type Bulk, bulk, insert, type Steps } from './statement.ts'

const ALERTED_ACCOUNTS: Bulk = {
  sql: `UPDATE accounts SET alerted_at = given.threshold FROM GIVEN
    WHERE accounts.key = given.account AND accounts.alerted_at < given.threshold`,
  columns: { account: 'text', threshold: 'real' },
}
const ADD_ALERTS = insert('alerts', { id: 'text', account: 'text', threshold: 'real', record: 'text' }, 'ON CONFLICT DO NOTHING', 'id')
const ADD_DELIVERIES = insert(
  'deliveries',
  { alert: 'text', channel: 'text', state: 'text', attempts: 'integer', next_at: 'integer', last_error: 'text' },
  'ON CONFLICT DO NOTHING',
)
const TRY_DELIVERIES: Bulk = {
  sql: `UPDATE deliveries SET state = given.state, attempts = deliveries.attempts + given.attempts, next_at = given.next_at,
    last_error = given.last_error FROM GIVEN
    WHERE deliveries.alert = given.alert AND deliveries.channel = given.channel AND deliveries.state <> 'delivered'`,
  columns: { alert: 'text', channel: 'text', state: 'text', attempts: 'integer', next_at: 'integer', last_error: 'text' },
}

/** Attempts of a batch to bring one alert to one channel. */
interface Tries {
  readonly last: DeliveryAttempt
  readonly count: number
}

/** The alerts of one batch, and what became of deliveries. */
export class AlertChanges {
  readonly #alerts: Alert[] = []
  readonly #tries = new Map<string, Tries>()

  add(alerts: readonly Alert[]): void {
    this.#alerts.push(...alerts)
  }

  /** What comes after the delivery has arrived changes nothing any more. */
  tried(attempt: DeliveryAttempt): void {
    const key = `${attempt.alert}\0${attempt.channel}`
    const before = this.#tries.get(key)
    if (before?.last.outcome !== 'delivered') this.#tries.set(key, { last: attempt, count: (before?.count ?? 0) + 1 })
  }

  /**
   * An alert is stored once per account and threshold, and its deliveries with it.
   * @returns how many are new
   */
  *write(): Steps<number> {
    const highest = new Map<string, number>()
    for (const { account, threshold } of this.#alerts) highest.set(account, Math.max(threshold, highest.get(account) ?? threshold))
    yield* bulk(ALERTED_ACCOUNTS, [...highest])
    const alerts = this.#alerts.map((alert) => [alert.id, alert.account, alert.threshold, JSON.stringify(alert)])
    const added = yield* bulk(ADD_ALERTS, alerts)
    const isNew = new Set(added.map((row) => text(row, 'id')))
    const owed = this.#alerts.filter(({ id }) => isNew.has(id))
    yield* bulk(ADD_DELIVERIES, deliveriesOf(owed))
    const tries = [...this.#tries.values()].map(({ last, count }) => {
      const { alert, channel, outcome, nextAt, error } = last
      return [alert, channel, outcome === 'retry' ? 'pending' : outcome, count, nextAt, error]
    })
    yield* bulk(TRY_DELIVERIES, tries)
    return isNew.size
  }
}

function deliveriesOf(alerts: readonly Alert[]): readonly (readonly (string | number)[])[] {
  return alerts.flatMap(({ id, at, channels }) => channels.map((channel) => [id, channel, 'pending', 0, at, '']))
}

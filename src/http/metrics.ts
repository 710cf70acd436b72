import { Counter, Gauge, Registry } from 'prom-client'
import { capOf } from '../domain/account.ts'
import type { EndedCall } from '../domain/call.ts'
import type { Standing } from '../engine/ports.ts'
import { displayAmount } from './amounts.ts'

/** What the process shows to Prometheus. Users, keys and `each` values are no labels: their number has no bound. */
export interface Metrics {
  readonly refused: (code: string) => void
  readonly ended: (call: EndedCall) => void
  readonly text: () => Promise<string>
  readonly contentType: string
}

/** @param standings the open accounts, read when Prometheus asks */
export function createMetrics(
  standings: () => readonly Standing[],
  state: { callsInFlight: () => number; trouble: () => boolean },
): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const calls = new Counter({
    name: 'bursar_calls_total',
    help: 'Calls that ended.',
    labelNames: ['provider', 'ending', 'usage'],
    registers,
  })
  const refusals = new Counter({ name: 'bursar_refusals_total', help: 'Requests that Bursar refused.', labelNames: ['code'], registers })
  const tokens = new Counter({ name: 'bursar_tokens_total', help: 'Tokens charged.', labelNames: ['provider', 'kind'], registers })
  const cost = new Counter({ name: 'bursar_cost_usd_total', help: 'Cost charged, in USD.', labelNames: ['provider'], registers })
  const overruns = new Counter({
    name: 'bursar_overruns_total',
    help: 'Calls that used more than their bound.',
    labelNames: ['provider'],
    registers,
  })
  const unpriced = new Counter({
    name: 'bursar_unpriced_calls_total',
    help: 'Calls without a known price.',
    labelNames: ['provider'],
    registers,
  })
  addGauges(registers, standings, state)
  const record = (provider: string, ending: string, usage: string): ((ended: EndedCall) => void) => {
    // Labels are looked up once for all calls that share them.
    const [call, input, output] = [
      calls.labels({ provider, ending, usage }),
      tokens.labels({ provider, kind: 'input' }),
      tokens.labels({ provider, kind: 'output' }),
    ]
    return ({ tokens: used, costNanoUsd, overrun, call: { price } }) => {
      call.inc()
      input.inc(used.input)
      output.inc(used.output)
      if (costNanoUsd > 0) cost.inc({ provider }, displayAmount('usd', costNanoUsd))
      if (overrun > 0) overruns.inc({ provider })
      if (price === undefined) unpriced.inc({ provider })
    }
  }
  const recorders = new Map<string, (ended: EndedCall) => void>()
  const counterOf = ({ call, ending, usage }: EndedCall) => {
    const { provider } = call.attributes
    const id = `${provider} ${ending} ${usage.kind}`
    const known = recorders.get(id) ?? record(provider, ending, usage.kind)
    recorders.set(id, known)
    return known
  }
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    refused: (code) => refusals.inc({ code }),
    ended: (ended) => counterOf(ended)(ended),
  }
}

/** Gauges come from the state that decides, and only of accounts without `each` values. */
function addGauges(
  registers: Registry[],
  standings: () => readonly Standing[],
  state: { callsInFlight: () => number; trouble: () => boolean },
): void {
  const gauge = (name: string, help: string, value: (standing: Standing) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['budget', 'unit'],
      registers,
      collect() {
        this.reset()
        for (const standing of standings().filter(({ each }) => each === null)) {
          this.set({ budget: standing.budget.id, unit: standing.budget.unit }, value(standing))
        }
      },
    })
  gauge('bursar_budget_used_ratio', 'Share of the limit that is used.', (standing) =>
    capOf(standing) === 0 ? 1 : standing.used / capOf(standing),
  )
  gauge('bursar_budget_held_ratio', 'Share of the limit that calls in flight hold.', (standing) =>
    capOf(standing) === 0 ? 0 : standing.held / capOf(standing),
  )
  const single = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  single('bursar_calls_in_flight', 'Calls that hold budget now.', state.callsInFlight)
  single('bursar_store_trouble', '1 while records cannot be made durable.', () => (state.trouble() ? 1 : 0))
}

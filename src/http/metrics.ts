import { Counter, Gauge, Registry } from 'prom-client'
import { capOf } from '../domain/accounts/account.ts'
import type { EndedCall } from '../domain/call.ts'
import { NOT_UNDERSTOOD } from '../domain/usage/usage.ts'
import type { Standing } from '../engine/ports.ts'
import { displayAmount } from '../domain/amount.ts'

/** What the process shows to Prometheus. Users, keys and `each` values are no labels: their number has no bound. */
export interface Metrics {
  readonly refused: (code: string) => void
  readonly ended: (call: EndedCall) => void
  readonly text: () => Promise<string>
  readonly contentType: string
}

/** What is read of the process when Prometheus asks. */
interface ProcessState {
  readonly callsInFlight: () => number
  readonly trouble: () => boolean
  readonly recordsSetAside: () => number
  /** Calls by the API whose input was not known whole. */
  readonly unknownInputs: () => readonly { readonly api: string; readonly calls: number }[]
}

/** @param standings the open accounts, read when Prometheus asks */
export function createMetrics(standings: () => Promise<readonly Standing[]>, state: ProcessState): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const refusals = new Counter({ name: 'bursar_refusals_total', help: 'Requests that Bursar refused.', labelNames: ['code'], registers })
  const tallies: Tally[] = []
  addCallCounters(registers, tallies)
  addGauges(registers, standings, state)
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    refused: (code) => refusals.inc({ code }),
    ended: (ended) => count(tallies, ended),
  }
}

/** What calls with the same labels add up to; there are few. Plain sums: a counter of the library hashes its labels on every call. */
interface Tally {
  readonly provider: string
  readonly ending: string
  readonly usage: string
  calls: number
  input: number
  output: number
  costUsd: number
  overruns: number
  unpriced: number
  notUnderstood: number
}

function count(tallies: Tally[], { call, ending, usage, tokens, costNanoUsd, overrun }: EndedCall): void {
  const tally = tallyOf(tallies, call.attributes.provider, ending, usage.kind)
  tally.calls++
  tally.input += tokens.input.total
  tally.output += tokens.output.total
  tally.costUsd += displayAmount('usd', costNanoUsd)
  if (overrun > 0) tally.overruns++
  if (call.price === undefined) tally.unpriced++
  if (usage.kind === 'estimated' && usage.why === NOT_UNDERSTOOD) tally.notUnderstood++
}

function tallyOf(tallies: Tally[], provider: string, ending: Tally['ending'], usage: Tally['usage']): Tally {
  for (const tally of tallies) if (tally.provider === provider && tally.ending === ending && tally.usage === usage) return tally
  const tally = { provider, ending, usage, calls: 0, input: 0, output: 0, costUsd: 0, overruns: 0, unpriced: 0, notUnderstood: 0 }
  tallies.push(tally)
  return tally
}

function addCallCounters(registers: Registry[], tallies: readonly Tally[]): void {
  const counter = (name: string, help: string, labelNames: string[], add: (to: Counter, tally: Tally) => void) =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const tally of tallies) add(this, tally)
      },
    })
  counter('bursar_calls_total', 'Calls that ended.', ['provider', 'ending', 'usage'], (to, { provider, ending, usage, calls }) =>
    to.inc({ provider, ending, usage }, calls),
  )
  counter('bursar_tokens_total', 'Tokens charged.', ['provider', 'kind'], (to, { provider, input, output }) => {
    to.inc({ provider, kind: 'input' }, input)
    to.inc({ provider, kind: 'output' }, output)
  })
  counter('bursar_cost_usd_total', 'Cost charged, in USD.', ['provider'], (to, { provider, costUsd }) => to.inc({ provider }, costUsd))
  counter('bursar_overruns_total', 'Calls that used more than their bound.', ['provider'], (to, { provider, overruns }) =>
    to.inc({ provider }, overruns),
  )
  counter(
    'bursar_usage_not_understood_total',
    'Calls whose provider reported usage in a form that is not understood: they were estimated.',
    ['provider'],
    (to, { provider, notUnderstood }) => to.inc({ provider }, notUnderstood),
  )
  counter('bursar_unpriced_calls_total', 'Calls without a known price.', ['provider'], (to, { provider, unpriced }) =>
    to.inc({ provider }, unpriced),
  )
}

/** More series than these would cost every scrape more than they say. */
const BUDGETS_MAX = 1000

function fullest(standings: readonly Standing[]): readonly Standing[] {
  if (standings.length <= BUDGETS_MAX) return standings
  const share = (standing: Standing) => (capOf(standing) === 0 ? 1 : standing.used / capOf(standing))
  return standings.toSorted((a, b) => share(b) - share(a)).slice(0, BUDGETS_MAX)
}

/** Gauges come from the state that decides, only of accounts without `each` values, and of the {@link BUDGETS_MAX} fullest. */
function addGauges(registers: Registry[], standings: () => Promise<readonly Standing[]>, state: ProcessState): void {
  const gauge = (name: string, help: string, value: (standing: Standing) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['budget', 'unit'],
      registers,
      async collect() {
        const found = (await standings()).filter(({ each }) => each === null)
        this.reset()
        for (const standing of fullest(found)) {
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
  unknownInputsOf(registers, state)
  single('bursar_calls_in_flight', 'Calls that hold budget now.', state.callsInFlight)
  single('bursar_records_set_aside', 'Records that could not be applied to the ledger.', state.recordsSetAside)
  single('bursar_store_trouble', '1 while records cannot be made durable.', () => (state.trouble() ? 1 : 0))
}

function unknownInputsOf(registers: Registry[], { unknownInputs }: ProcessState): Counter {
  return new Counter({
    name: 'bursar_unknown_input_total',
    help: 'Requests with a part, reference or option that is not known: their input held all that the model can read.',
    labelNames: ['api'],
    registers,
    collect() {
      this.reset()
      for (const { api, calls } of unknownInputs()) this.inc({ api }, calls)
    },
  })
}

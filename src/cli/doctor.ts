import type { Command } from 'commander'
import { z } from 'zod'
import { Failure } from '../engine/failure.ts'
import { type Io, print } from './io.ts'
import type { Server } from './server.ts'
import { amount, table } from './table.ts'

const diagnosis = z.object({
  differences: z.array(z.object({ account: z.string(), what: z.string(), calls: z.number(), other: z.number() })),
  unpriced: z.array(z.object({ provider: z.string(), model: z.string(), calls: z.number(), tokens: z.number() })),
  set_aside: z.object({
    count: z.number(),
    records: z.array(z.object({ position: z.number(), at: z.string(), kind: z.string(), reason: z.string(), record: z.string() })),
  }),
  distrusted: z.array(z.object({ provider: z.string(), model: z.string(), output: z.number(), at: z.string() })),
  calls_in_flight: z.number(),
  older_calls: z.object({ counted: z.number(), left: z.number() }).optional(),
  trouble: z.string().nullable(),
})

const boundRow = z.object({
  day: z.string(),
  provider: z.string(),
  model: z.string(),
  calls: z.number(),
  passed: z.number(),
  worst_excess: z.number(),
  spared: z.number(),
  held: z.number(),
  used: z.number(),
})
const overshoot = z.object({ budget: z.string(), account: z.string().nullable(), unit: z.string(), amount: z.number() })
const unknownInput = z.object({ provider: z.string(), model: z.string(), what: z.string(), calls: z.number() })
const boundsAnswer = z.object({ rows: z.array(boundRow), overshoot: z.array(overshoot), unknown_input: z.array(unknownInput) })
type BoundRow = z.infer<typeof boundRow>

/** `bursar doctor` */
export function addDoctor(program: Command, io: Io, server: () => Server): void {
  program
    .command('doctor')
    .description('recompute every sum from the ledger; exits 1 on any difference')
    .option('--bounds', 'how calls kept to what was held for them, in the last 30 days')
    .option('--trust <provider/model>', 'rely on the maxima of a model again that once produced more than it was told')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar doctor\n  $ bursar doctor --bounds')
    .action(async (options: { json?: boolean; bounds?: boolean; trust?: string }) => {
      if (options.trust !== undefined) return await trust(io, server(), options, options.trust)
      if (options.bounds === true) {
        const report = boundsAnswer.parse(await server().get('doctor/bounds'))
        print(io, options, report, () => formatBounds(report))
        return
      }
      const found = diagnosis.parse(await server().get('doctor'))
      print(io, options, found, () => format(found))
      const isIll = found.differences.length > 0 || found.set_aside.count > 0 || found.trouble !== null
      if (isIll) throw new Failure('store_unavailable', found.trouble ?? illnessOf(found))
    })
}

/** The provider's name has no slash, and the model's may have some. */
async function trust(io: Io, server: Server, options: { readonly json?: boolean }, name: string): Promise<void> {
  const slash = name.indexOf('/')
  const asked = { provider: name.slice(0, slash), model: name.slice(slash + 1) }
  if (slash < 1 || asked.model === '')
    throw new Failure('invalid_request', `"${name}" is no PROVIDER/MODEL: "bursar doctor" shows what is distrusted`)
  const trusted = trustAnswer.parse(await server.post('doctor/trust', asked))
  print(io, options, trusted, () => `${name} is trusted again: its calls hold what they are told at most\n`)
}

const trustAnswer = z.object({ provider: z.string(), model: z.string() })

function formatDistrusted({ distrusted }: z.infer<typeof diagnosis>): string {
  if (distrusted.length === 0) return ''
  const rows = distrusted.map(({ provider, model, output, at }) => [
    `  ${provider}/${model}`,
    `${amount('tokens', output)} tokens of output`,
    at,
  ])
  const list = table(rows, ['left', 'right', 'left'])
  return `\nthese models produced more than they were told: their calls hold all that they may come to, until "bursar doctor --trust"\n${list}`
}

function format(found: z.infer<typeof diagnosis>): string {
  return formatDifferences(found) + formatDistrusted(found) + formatSetAside(found) + formatOlder(found) + formatUnpriced(found)
}

function illnessOf({ differences, set_aside: aside }: z.infer<typeof diagnosis>): string {
  if (differences.length > 0) return `${differences.length} sums differ from the ledger's calls`
  return `${aside.count} records could not be applied to the ledger: docs/operations.md says what to do with them`
}

function formatSetAside({ set_aside: { count, records } }: z.infer<typeof diagnosis>): string {
  if (count === 0) return ''
  const rows = records.map(({ position, at, kind, reason }) => [`  ${position}`, at, kind, reason])
  return `\n${count} records could not be applied, and are in no sum (with --json, what they say)\n${table(rows, ['right', 'left', 'left', 'left'])}`
}

/** How far a ledger of an older version is brought up to date, while it is. */
function formatOlder({ older_calls: older }: z.infer<typeof diagnosis>): string {
  if (older === undefined) return ''
  const all = older.counted + older.left
  const share = Math.floor((100 * older.counted) / all)
  return `price lines: ${share} % of older calls (${amount('requests', older.counted)} of ${amount('requests', all)}); reports count the others by their end until then\n`
}

/** Their calls count in tokens and requests, and as 0 in USD. */
function formatUnpriced({ unpriced }: z.infer<typeof diagnosis>): string {
  if (unpriced.length === 0) return ''
  const rows = unpriced.map(({ provider, model, calls, tokens }) => [
    `  ${provider}/${model}`,
    `${amount('requests', calls)} ${calls === 1 ? 'call' : 'calls'}`,
    `${amount('tokens', tokens)} tokens`,
  ])
  const list = table(rows, ['left', 'right', 'right'])
  return `\nno price is known for these models of the last 30 days: they cost 0 USD in every report until "prices" in the config has them\n${list}`
}

function formatDifferences({ differences, calls_in_flight: inFlight }: z.infer<typeof diagnosis>): string {
  const flight = inFlight === 0 ? '' : ` (${inFlight} calls in flight are not in the sums)`
  if (differences.length === 0) return `every account, close and report adds up to the ledger's calls${flight}\n`
  const rows = differences.map(({ account, what, calls, other }) => [what, account, `calls add up to ${calls}`, `found ${other}`])
  return table(rows, ['left', 'left', 'right', 'right'])
}

/** A line for each model over all days, and for each day over all models; what went beyond a hard cap. */
function formatBounds({ rows, overshoot, unknown_input: unknown }: z.infer<typeof boundsAnswer>): string {
  if (rows.length === 0) return `no call of the last 30 days reported what it used\n${formatOvershoot(overshoot)}${formatUnknown(unknown)}`
  const byModel = tableOf('model', rows, ({ provider, model }) => `${provider}/${model}`)
  const byDay = tableOf('day', rows, ({ day }) => day)
  return `${byModel}\n${byDay}\n${formatOvershoot(overshoot)}${formatUnknown(unknown)}`
}

/** Of the process that was asked, since it started. */
function formatUnknown(unknown: readonly z.infer<typeof unknownInput>[]): string {
  if (unknown.length === 0) return ''
  const rows = unknown.map(({ provider, model, what, calls }) => [`  ${provider}/${model}`, what, amount('requests', calls)])
  return `\ncalls since the start whose input held all that the model can read, since this was not known\n${table(rows, ['left', 'left', 'right'])}`
}

function formatOvershoot(found: z.infer<typeof boundsAnswer>['overshoot']): string {
  if (found.length === 0) return 'overshoot: 0, every hard cap held\n'
  const rows = found.map(({ budget, account, unit, amount: by }) => [
    `  ${budget}${account === null ? '' : ` (${account})`}`,
    amount(unit, by),
    unit,
  ])
  return `overshoot: calls that used more than they held passed these hard caps\n${table(rows, ['left', 'right', 'left'])}`
}

function tableOf(of: string, rows: readonly BoundRow[], name: (row: BoundRow) => string): string {
  const lines = [...Map.groupBy(rows, name)].map(([group, its]) => lineOf(group, its))
  const head = [of, 'calls', 'passed their hold', 'by at most', 'spared a refusal', 'held', 'used', 'held / used']
  return table([head, ...lines], ['left', ...head.slice(1).map(() => 'right' as const)])
}

function lineOf(name: string, rows: readonly BoundRow[]): string[] {
  const sum = (part: 'calls' | 'passed' | 'spared' | 'held' | 'used') => rows.reduce((total, row) => total + row[part], 0)
  return [
    name,
    amount('requests', sum('calls')),
    String(sum('passed')),
    amount('tokens', Math.max(...rows.map((row) => row.worst_excess))),
    amount('requests', sum('spared')),
    amount('tokens', sum('held')),
    amount('tokens', sum('used')),
    `${(sum('held') / Math.max(1, sum('used'))).toFixed(1)} x`,
  ]
}

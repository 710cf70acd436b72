import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { endure, type SoakOptions } from './endurance.ts'
import { complaints, reportLines } from './report.ts'

/* Memory that stays as it is, however long a gateway runs: `npm run soak -- --help`. */

const HELP = `Calls a gateway at a bounded rate, in all the ways that calls begin and end, and looks at what it keeps in memory.
It ends with exit code 0 where that is flat, and with 1 where it grows, or where the soak was too short to tell.

  --minutes N     0.5 to 1440; default 60
  --rate N        calls a second, 1 to 1000; default 60
  --store NAME    sqlite or redis (starts a redis-server); default sqlite
  --every N       seconds between two looks, 1 to 600; default 10
  --compiled      lets Node compile what runs often, as it does for users: machine code then grows for the first quarter of an hour
  --snapshots DIR writes the heap there as it was after the warm-up and at the end, for the memory tab of Chrome's DevTools
  --verbose       a line for each look`

const print = (text: string) => process.stdout.write(`${text}\n`)

function read(): Omit<SoakOptions, 'signal'> | undefined {
  const text = (defaultValue: string) => ({ type: 'string', default: defaultValue }) as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    options: {
      minutes: text('60'),
      rate: text('60'),
      store: text('sqlite'),
      every: text('10'),
      snapshots: { type: 'string' },
      compiled: flag,
      verbose: flag,
      help: flag,
    },
  })
  if (values.help) return undefined
  const { store, snapshots } = values
  if (store !== 'sqlite' && store !== 'redis') throw new Error('--store: expected sqlite or redis')
  if (snapshots !== undefined) mkdirSync(snapshots, { recursive: true })
  return {
    seconds: within('--minutes', values.minutes, [0.5, 1440]) * 60,
    rate: within('--rate', values.rate, [1, 1000]),
    everySeconds: within('--every', values.every, [1, 600]),
    store,
    isCompiled: values.compiled,
    ...(snapshots === undefined ? {} : { snapshots }),
    ...(values.verbose ? { onSample: (sample) => print(JSON.stringify(sample)) } : {}),
  }
}

function within(name: string, text: string, [least, most]: readonly [number, number]): number {
  const value = Number(text)
  if (!(value >= least && value <= most)) throw new Error(`${name}: expected a number from ${least} to ${most}`)
  return value
}

try {
  const options = read()
  if (options === undefined) print(HELP)
  else {
    const aborting = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => aborting.abort())
    const endurance = await endure({ ...options, signal: aborting.signal })
    for (const line of reportLines(endurance)) print(line)
    process.exitCode = complaints(endurance).length === 0 ? 0 : 1
  }
} catch (error) {
  process.stderr.write(`the soak can't be run: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

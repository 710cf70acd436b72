import { parseArgs } from 'node:util'
import { prove, type ProofOptions } from './proof.ts'
import { brokenPromises, reportLines } from './report.ts'

/* No overshoot, and each call charged once, shown on a user's own Redis and PostgreSQL: `npm run prove -- --help`. */

const HELP = `Proves on your own servers that no hard cap is passed and that each call is charged once, while processes are
killed and cut off. It counts under keys, and in a database, of its own, and removes them at the end.

  --redis URL       redis://…, rediss://… or redis+sentinel://…; default: starts a redis-server
  --database URL    postgres://… of a user who may create databases; default: SQLite
  --processes N     1 to 16; default 4
  --callers N       1 to 2000, dealt out among the processes; default 200
  --seconds N       2 to 600; default 20`

const print = (text: string) => process.stdout.write(`${text}\n`)

function read(): Omit<ProofOptions, 'signal'> | undefined {
  const text = (defaultValue: string) => ({ type: 'string', default: defaultValue }) as const
  const { values } = parseArgs({
    options: {
      redis: { type: 'string' },
      database: { type: 'string' },
      processes: text('4'),
      callers: text('200'),
      seconds: text('20'),
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    ...(values.redis === undefined ? {} : { redis: values.redis }),
    ...(values.database === undefined ? {} : { database: values.database }),
    processes: within('--processes', values.processes, [1, 16]),
    callers: within('--callers', values.callers, [1, 2000]),
    seconds: within('--seconds', values.seconds, [2, 600]),
  }
}

function within(name: string, text: string, [least, most]: readonly [number, number]): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`${name}: expected a whole number from ${least} to ${most}`)
  return value
}

try {
  const options = read()
  if (options === undefined) print(HELP)
  else {
    const aborting = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => aborting.abort())
    const proof = await prove({ ...options, signal: aborting.signal })
    for (const line of reportLines(proof)) print(line)
    process.exitCode = brokenPromises(proof).length === 0 ? 0 : 1
  }
} catch (error) {
  const isInterrupted = error instanceof Error && error.name === 'AbortError'
  const why = error instanceof Error ? error.message : String(error)
  process.stderr.write(isInterrupted ? 'interrupted; what it had made is removed\n' : `the proof can't be run: ${why}\n`)
  process.exitCode = 1
}

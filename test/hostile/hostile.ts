import { parseArgs } from 'node:util'
import { endure, typical } from './endurance.ts'

/* One hostile key beside honest callers: `npm run hostile -- --help`. */

const HELP = `One key attacks a Bursar of its own in all the ways that are known, beside honest callers (50 calls a second and 10 streams), in
windows with and without attacks, in turns. It ends with exit code 1 where an honest call fails or is miscounted, an attack gets a
wrong answer, or the honest calls' p99 more than doubles.

  --minutes N   how long the attacks last; default 5
  --window N    seconds of a window; default 15`

const print = (text: string) => process.stdout.write(`${text}\n`)
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    window: { type: 'string', default: '15' },
    help: { type: 'boolean', default: false },
  },
})

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1440)) throw new Error(`--${name}: expected a number above 0`)
  return value
}

async function run(): Promise<void> {
  const { alone, attacked, attacks, faults } = await endure({
    attackMs: positive('minutes', values.minutes) * 60_000,
    windowMs: positive('window', values.window) * 1000,
    onWindow: (kind, { calls, streams, p50Ms, p99Ms, streamP99Ms, failures }) => {
      const times = `p50 ${p50Ms} ms, p99 ${p99Ms} ms, streams' first byte p99 ${streamP99Ms} ms`
      print(`${kind.padEnd(9)} ${calls} calls, ${streams} streams: ${times}, ${failures.length} failed`)
    },
  })
  const [before, under] = [typical(alone), typical(attacked)]
  const ratio = under.p99Ms / before.p99Ms
  print(
    `${attacks} attacks; honest calls alone: p50 ${before.p50Ms} ms, p99 ${before.p99Ms} ms; under attack: p50 ${under.p50Ms} ms, p99 ${under.p99Ms} ms (${ratio.toFixed(2)} times)`,
  )
  for (const fault of faults.slice(0, 50)) print(fault)
  if (ratio > 2) print('the p99 more than doubled')
  process.exitCode = faults.length > 0 || ratio > 2 ? 1 : 0
}

if (values.help) print(HELP)
else await run()

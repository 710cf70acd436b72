import { parseArgs } from 'node:util'
import type { Violation } from './judge.ts'
import { startRedis } from '../services/start-redis.ts'
import { fuzz, type FuzzReport } from './fuzz-run.ts'
import { MUTATIONS } from './request.ts'

/* Requests that no API asks for, against a running Bursar: `npm run fuzz -- --help`. */

const HELP = `Sends requests that follow from a seed to a Bursar of its own, in front of a provider that reads them as that provider does.
It ends with exit code 0 where the process is up, its sums agree, and each answer was charged at least what the provider reports.

  --requests N    default 20000
  --seed N        default: from the clock; it is printed
  --redis         counts in a Redis of its own
  --concurrency N requests at once; default 32
  --only INDEX    sends that request alone, and shows what each side saw
  --skip A,B      leaves out these mutations: to find the one that matters`

const print = (text: string) => process.stdout.write(`${text}\n`)
const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { requests: text, seed: text, concurrency: text, only: text, skip: text, redis: { type: 'boolean' }, help: { type: 'boolean' } },
})

function wholeNumber(name: string, given: string | undefined, otherwise: number): number {
  const value = Number(given ?? otherwise)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name}: expected a whole number`)
  return value
}

const SHOWN_OF_A_KIND = 3

/** What is told alike but for its numbers, names and mutations. */
function kindOf({ what }: Violation): string {
  return what
    .replaceAll(/\[[^\]]*\]$|\([^)]*\)$/g, '')
    .replaceAll(/"[^"]*"|call_\w+|\d+/g, '#')
    .slice(0, 60)
}

function report({ sent, perSecond, answers, calls, bills, violations }: FuzzReport, seed: number): void {
  print(
    `${sent} requests, ${perSecond} a second; answers: ${JSON.stringify(answers)}; ${calls} calls in the ledger, ${bills} at the provider`,
  )
  for (const [, alike] of Map.groupBy(violations, kindOf)) {
    for (const { index, what } of alike.slice(0, SHOWN_OF_A_KIND)) {
      print(`${index === undefined ? '-' : `--seed ${seed} --only ${index}`}  ${what}`)
    }
    if (alike.length > SHOWN_OF_A_KIND) print(`  … and ${alike.length - SHOWN_OF_A_KIND} more of this kind`)
  }
  print(violations.length === 0 ? 'no violation' : `${violations.length} violations`)
  if (violations.length > 0) print('to shrink one: add --skip with some of the mutations that --only prints, as long as it still fails')
}

async function run(): Promise<void> {
  const seed = wholeNumber('seed', values.seed, Date.now() % 1_000_000)
  const only = values.only === undefined ? undefined : wholeNumber('only', values.only, 0)
  const skip = new Set((values.skip ?? '').split(',').filter((name) => name !== ''))
  const unknown = [...skip].filter((name) => !MUTATIONS.some((mutation) => mutation.name === name))
  if (unknown.length > 0) throw new Error(`--skip: no such mutation: ${unknown.join(', ')}`)
  const requests = only === undefined ? wholeNumber('requests', values.requests, 20_000) : 1
  print(`seed ${seed}`)
  const redis = values.redis === true ? await startRedis() : undefined
  try {
    const done = await fuzz({
      seed,
      requests,
      skip,
      concurrency: wholeNumber('concurrency', values.concurrency, 32),
      onProgress: (sent, found) => print(`${sent} sent, ${found} violations seen by callers`),
      ...(redis === undefined ? {} : { store: `, redis: "${redis.url}"` }),
      ...(only === undefined ? {} : { from: only, onTrace: print }),
    })
    report(done, seed)
    process.exitCode = done.violations.length === 0 ? 0 : 1
  } finally {
    await redis?.stop()
  }
}

if (values.help === true) print(HELP)
else await run()

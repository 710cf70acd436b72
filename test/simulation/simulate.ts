import { parseArgs } from 'node:util'
import { simulate } from './simulation.ts'
import type { StoreKind } from './swarm.ts'

/* Lives of a deployment, each from one seed, under every fault: `npm run simulate -- --help`. */

const STORES: readonly StoreKind[] = ['redis', 'memory', 'leased']

const HELP = `Lives as many lives as told, each from its own seed, and prints what became of them.
It ends with exit code 0 where every promise was kept in all of them; one that was not prints the line that lives it again.

  --seeds N     how many; default 1
  --seed N      the first; default 1
  --store NAME  ${STORES.join(', ')}; default redis
  --loud        tells what happens`

interface Wish {
  readonly first: number
  readonly count: number
  readonly store: StoreKind
  readonly isLoud: boolean
}

function read(): Wish | undefined {
  const text = (defaultValue: string) => ({ type: 'string', default: defaultValue }) as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({ options: { seeds: text('1'), seed: text('1'), store: text('redis'), loud: flag, help: flag } })
  if (values.help) return undefined
  const store = STORES.find((kind) => kind === values.store)
  if (store === undefined) throw new Error(`--store: expected one of ${STORES.join(', ')}`)
  return { first: toCount('--seed', values.seed), count: toCount('--seeds', values.seeds), store, isLoud: values.loud }
}

function toCount(name: string, text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1) throw new Error(`${name}: expected a whole number from 1 on`)
  return count
}

/** @returns how many failed */
async function live({ first, count, store, isLoud }: Wish): Promise<number> {
  const startedAt = performance.now()
  const sums = { admitted: 0, refused: 0, unavailable: 0, events: 0, faults: 0 }
  let failed = 0
  for (let seed = first; seed < first + count; seed++) {
    const outcome = await simulate(seed, store, isLoud)
    for (const name of ['admitted', 'refused', 'unavailable', 'events', 'faults'] as const) sums[name] += outcome[name]
    if (outcome.failure !== undefined) {
      failed++
      console.log(`${outcome.failure.name}: ${outcome.failure.message.replaceAll('\n', '/')}`)
      if (outcome.failure.name !== 'Violation') console.log(outcome.failure.stack)
      console.log(`  again: npm run simulate -- --store ${store} --seed ${seed} --loud`)
    }
    if (count === 1) console.log(`seed ${seed}: ${outcome.hash}`)
  }
  const seconds = (performance.now() - startedAt) / 1000
  console.log(
    `${count} lives in ${seconds.toFixed(1)} s (${(count / seconds).toFixed(1)} a second), ${failed} failed: ` +
      `${sums.admitted} calls admitted, ${sums.refused} refused, ${sums.unavailable} without a store; ${sums.faults} faults and edits, ${sums.events} events`,
  )
  return failed
}

try {
  const wish = read()
  if (wish === undefined) console.log(HELP)
  else process.exitCode = (await live(wish)) === 0 ? 0 : 1
} catch (error) {
  console.error(`nothing can be lived: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

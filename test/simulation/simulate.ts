import { parseArgs } from 'node:util'
import { simulate } from './simulation.ts'
import type { StoreKind } from './swarm.ts'

/**
 * Lives as many lives as told, each from its own seed, and prints what became of them. A failure prints the line that lives it again.
 * Usage: npm run simulate -- --seeds 10000 [--seed FIRST] [--store redis|memory|leased] [--loud]
 */
const STORES: readonly StoreKind[] = ['redis', 'memory', 'leased']

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    store: { type: 'string', default: 'redis' },
    loud: { type: 'boolean', default: false },
  },
})

const first = Number(values.seed)
const count = Number(values.seeds)
const store = STORES.find((kind) => kind === values.store)
if (store === undefined) throw new Error(`--store is one of ${STORES.join(', ')}`)
const startedAt = performance.now()
const sums = { admitted: 0, refused: 0, unavailable: 0, events: 0, faults: 0 }
let failed = 0

for (let seed = first; seed < first + count; seed++) {
  const outcome = await simulate(seed, store, values.loud)
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
process.exitCode = failed === 0 ? 0 : 1

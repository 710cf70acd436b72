import { loadavg } from 'node:os'

/* All benchmarks, one after the other, or the one that is named. They print ratios, and no figure fails them. */
console.log(
  `load average before the first: ${loadavg()
    .map((load) => load.toFixed(2))
    .join(' ')}`,
)
const [only] = process.argv.slice(2)
if (only === undefined || only === 'engine') await import('./engine.ts')
if (only === undefined || only === 'ledger') await import('./ledger.ts')
if (only === undefined || only === 'gateway') await import('./gateway.ts')
if (only === undefined || only === 'redis') await import('./redis.ts')

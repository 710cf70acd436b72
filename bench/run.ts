import { loadavg } from 'node:os'

/* All benchmarks, one after the other. They print ratios, and no figure fails them. */
console.log(
  `load average before the first: ${loadavg()
    .map((load) => load.toFixed(2))
    .join(' ')}`,
)
await import('./engine.ts')
await import('./gateway.ts')

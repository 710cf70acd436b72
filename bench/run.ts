/* All benchmarks, one after the other. They print ratios, and fail on nothing. */
await import('./engine.ts')
await import('./gateway.ts')

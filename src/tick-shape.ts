import { executionAsyncResource } from 'node:async_hooks'

/** One of the objects that `process.nextTick` makes for each callback. */
let kept: object | undefined

/**
 * Keeps one such object for good. V8 remembers in one slot for each of its computed properties which shape of object to add it
 * to, and forgets a shape of which no object is left: a garbage collection while nothing waits for a tick, as after a start,
 * makes each later `nextTick` five to nine times as dear, for as long as the process lives.
 */
export function keepTickShape(): void {
  process.nextTick(() => {
    kept ??= executionAsyncResource()
  })
}

import type { Clock } from '../../src/engine/ports.ts'

/** A clock that stands still until it is moved; moving it runs what became due, in order. */
export interface ManualClock extends Clock {
  readonly advance: (ms: number) => void
  /** Sets the time, also backwards; runs nothing. */
  readonly jumpTo: (at: number) => void
}

export function createManualClock(startsAt: number): ManualClock {
  let at = startsAt
  let due: { readonly at: number; readonly run: () => void }[] = []
  return {
    now: () => at,
    after: (delayMs, run) => {
      const timer = { at: at + delayMs, run }
      due.push(timer)
      return () => {
        due = due.filter((other) => other !== timer)
      }
    },
    jumpTo: (time) => {
      at = time
    },
    advance: (ms) => {
      const until = at + ms
      for (;;) {
        const next = due.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        at = Math.max(at, next.at)
        due = due.filter((timer) => timer !== next)
        next.run()
      }
      at = until
    },
  }
}

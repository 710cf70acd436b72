import type { Clock } from '../../engine/ports.ts'

/** A clock that stands where it is set, though what is to run later runs in real time. */
export class SettableClock implements Clock {
  at: number

  constructor(at: number) {
    this.at = at
  }

  readonly now = (): number => this.at

  readonly after = (delayMs: number, run: () => void): (() => void) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  }
}

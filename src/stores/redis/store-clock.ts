import type { Clock } from '../../engine/ports.ts'
import type { KeyNames } from './key-names.ts'
import { type RedisClient, textsOf } from './redis-client.ts'
import { WHOAMI } from './script.ts'

/** The store's clock, as a process reads it. */
export interface StoreClock extends Clock {
  /** Compares it with the store's again. @throws Failure store_unavailable */
  readonly sync: () => Promise<void>
}

/**
 * One clock for all processes: the store's, carried on between two looks by this machine's monotonic time. So a machine whose
 * clock is wrong, or jumps, neither charges another period nor frees a hold.
 * @param monotonic milliseconds that never jump
 */
export async function openStoreClock(client: RedisClient, names: KeyNames, base: Clock, monotonic: () => number): Promise<StoreClock> {
  let offset = 0
  const sync = async () => {
    const asked = monotonic()
    const [, time] = textsOf(await client.run(WHOAMI, [names.meta], []))
    offset = Number(time) - (asked + monotonic()) / 2
  }
  await sync()
  return { now: () => Math.floor(monotonic() + offset), after: (delayMs, run) => base.after(delayMs, run), sync }
}

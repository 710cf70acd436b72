import { randomBytes } from 'node:crypto'
import { type CallId, makeCallId } from '../domain/ids.ts'
import type { Ids } from './ports.ts'

/**
 * Ids that sort by time: milliseconds, a counter, and 80 random bits of the process, all in base 36. Nothing is drawn per call.
 */
export function createCallIds(now: () => number): Ids {
  const process = BigInt(`0x${randomBytes(10).toString('hex')}`)
    .toString(36)
    .padStart(16, '0')
  let count = 0
  let at = -1
  let time = ''
  return {
    callId: (): CallId => {
      count = (count + 1) % COUNT_END
      const instant = now()
      if (instant !== at) time = inBase36(instant, 9)
      at = instant
      return makeCallId(`${time}${PAIRS[Math.floor(count / PAIRS.length)]}${PAIRS[count % PAIRS.length]}${process}`)
    },
  }
}

function inBase36(value: number, digits: number): string {
  return value.toString(36).padStart(digits, '0')
}

const COUNT_END = 36 ** 4
/** All numbers of two digits: writing one in base 36 takes longer than all else of an id. */
const PAIRS = Array.from({ length: 36 ** 2 }, (_, number) => inBase36(number, 2))

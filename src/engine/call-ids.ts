import { randomBytes } from 'node:crypto'
import { type CallId, toCallId } from '../domain/ids.ts'
import type { Ids } from './ports.ts'

/**
 * Ids that sort by time: milliseconds, a counter, and 80 random bits of the process, all in base 36. Nothing is drawn per call.
 */
export function createCallIds(now: () => number): Ids {
  const process = BigInt(`0x${randomBytes(10).toString('hex')}`)
    .toString(36)
    .padStart(16, '0')
  let count = 0
  return {
    callId: (): CallId => {
      count = (count + 1) % COUNT_END
      return toCallId(`call_${now().toString(36).padStart(9, '0')}${count.toString(36).padStart(4, '0')}${process}`)
    },
  }
}

const COUNT_END = 36 ** 4

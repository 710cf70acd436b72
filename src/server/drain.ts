import type { Server } from 'node:http'
import type { Engine } from '../engine/engine.ts'
import type { OpenRequests } from './open-requests.ts'

const DRAIN_MS = 60_000
/** For calls to be settled, once their answers are cut. */
const SETTLE_MS = 5000
/** For what is answered and still on its way. */
const CLOSE_MS = 2000
const LOOKS_MAX = 100
const SHORT_LOOK_MS = 1

/**
 * Open calls end in their own time, as long as there is, while new ones are told to come again. Answers whose caller hung up are read
 * on for as long.
 */
export async function drain(open: OpenRequests, engine: Pick<Engine, 'callsInFlight'>, closing: AbortController): Promise<void> {
  const endsAt = performance.now() + DRAIN_MS
  await open.areEnded(DRAIN_MS)
  const areEnded = async (until: number) => {
    while (engine.callsInFlight() > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await areEnded(endsAt)
  closing.abort()
  await areEnded(performance.now() + SETTLE_MS)
}

/**
 * A connection that the system has made and nobody has accepted is reset where its listener closes. So it closes right after a look
 * at the network that was short and found none.
 */
async function untilNoneConnects(listener: Server): Promise<void> {
  let connected = 0
  const count = () => connected++
  listener.on('connection', count)
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const [before, startedAt] = [connected, performance.now()]
    await new Promise((resolve) => setImmediate(resolve))
    if (connected === before && performance.now() - startedAt < SHORT_LOOK_MS) break
  }
  listener.off('connection', count)
}

/** Connections that are kept for a next request are closed; those that are not answered to their end get a moment. */
export async function closeListener(listener: Server): Promise<void> {
  await untilNoneConnects(listener)
  const closed = new Promise<void>((resolve) => {
    listener.close(() => resolve())
  })
  const idle = setInterval(() => listener.closeIdleConnections(), 50)
  const deadline = setTimeout(() => listener.closeAllConnections(), CLOSE_MS)
  await closed
  clearInterval(idle)
  clearTimeout(deadline)
}

import { setTimeout as delay } from 'node:timers/promises'
import { Agent, type Dispatcher } from 'undici'
import { planCall, type PlannedCall } from './calls.ts'

/** What became of calls, by the status that was answered; those that hung up themselves, and those whose answer broke off. */
export type Outcome = number | 'hung up' | 'broken'

export interface Traffic {
  /** Calls for so long at that rate, and returns when all of them have ended. */
  readonly flow: (ms: number) => Promise<void>
  readonly outcomes: ReadonlyMap<Outcome, number>
  readonly calls: () => number
  readonly close: () => Promise<void>
}

const TICK_MS = 10
const AT_ONCE_MAX = 64
/** What a machine that stood still did not send is not sent at once afterwards. */
const BEHIND_MS_MAX = 100

/** @param rate calls a second; fewer where the gateway does not keep up */
export function createTraffic(url: string, rate: number): Traffic {
  const agent = new Agent({ connections: AT_ONCE_MAX, keepAliveTimeout: 30_000 })
  const outcomes = new Map<Outcome, number>()
  const open = new Set<Promise<void>>()
  let calls = 0
  const callOnce = async () => {
    calls++
    const outcome = await outcomeOf(agent, url, planCall())
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  const begin = () => {
    const call = callOnce().finally(() => open.delete(call))
    open.add(call)
  }
  return {
    outcomes,
    calls: () => calls,
    flow: async (ms) => {
      const endsAt = performance.now() + ms
      let due = 0
      for (let last = performance.now(); last < endsAt;) {
        await delay(TICK_MS)
        const now = performance.now()
        due += (Math.min(now - last, BEHIND_MS_MAX) * rate) / 1000
        last = now
        for (; due >= 1; due--) if (open.size < AT_ONCE_MAX) begin()
      }
      while (open.size > 0) await Promise.all(open)
    },
    close: () => agent.destroy(),
  }
}

async function outcomeOf(agent: Dispatcher, url: string, { path, key, user, body, hangsUpAfterMs }: PlannedCall): Promise<Outcome> {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    ...(user === undefined ? {} : { 'x-bursar-user': user }),
  }
  const signal = hangsUpAfterMs === undefined ? null : AbortSignal.timeout(hangsUpAfterMs)
  try {
    const answer = await agent.request({ origin: url, path, method: 'POST', headers, body, signal })
    await answer.body.text()
    return answer.statusCode
  } catch {
    return signal?.aborted === true ? 'hung up' : 'broken'
  }
}

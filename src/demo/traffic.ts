import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { OUTPUT_TOKENS_MAX, type Pace } from './scenario.ts'

/** What became of a team's calls, counted from outside. */
export interface Tally {
  answered: number
  /** By a budget. */
  refused: number
  /** Anything else that is no answer: the demo has none, if all is well. */
  failed: number
  /** Milliseconds since 1970. */
  firstRefusalAt: number | undefined
  /** What the first refusal said. */
  refusal: string | undefined
}

export interface Traffic {
  readonly url: string
  readonly key: string
  readonly name: string
  readonly pace: Pace
  readonly tally: Tally
  /** A call was answered, refused or failed. */
  readonly onCallEnded?: (() => void) | undefined
  /** False ends it. */
  readonly goesOn: () => boolean
}

export function createTally(): Tally {
  return { answered: 0, refused: 0, failed: 0, firstRefusalAt: undefined, refusal: undefined }
}

/** Calls of one team through the gateway, until they are to end. */
export async function runTraffic(traffic: Traffic): Promise<void> {
  await Promise.all(Array.from({ length: traffic.pace.callers }, (_, caller) => runCaller(traffic, caller)))
}

const STREAM_EVERY = 6

async function runCaller(traffic: Traffic, caller: number): Promise<void> {
  const { callers, everyMs } = traffic.pace
  let dueAtMs = performance.now() + (caller / callers) * everyMs
  for (let number = 0; traffic.goesOn(); number++) {
    await sleep(Math.max(0, dueAtMs - performance.now()))
    if (!traffic.goesOn()) return
    // Whoever is late goes on from now: nothing is caught up with in a burst.
    dueAtMs = Math.max(dueAtMs, performance.now()) + everyMs
    await call(traffic, caller, number % STREAM_EVERY === 0).catch(() => traffic.tally.failed++)
    traffic.onCallEnded?.()
  }
}

async function call({ url, key, name, pace, tally }: Traffic, caller: number, isStream: boolean): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'x-bursar-user': `${name}-${caller % 3}` },
    body: JSON.stringify({
      model: pace.model,
      messages: [{ role: 'user', content: 'Try again, but better.' }],
      max_completion_tokens: OUTPUT_TOKENS_MAX,
      stream: isStream,
    }),
  })
  const text = await response.text()
  if (response.ok) tally.answered++
  else countRefusal(tally, text)
}

const refusal = z.object({ error: z.object({ code: z.literal('budget_exceeded'), message: z.string() }) })

function countRefusal(tally: Tally, text: string): void {
  try {
    const { error } = refusal.parse(JSON.parse(text))
    tally.refused++
    tally.firstRefusalAt ??= Date.now()
    tally.refusal ??= error.message
  } catch {
    tally.failed++
  }
}

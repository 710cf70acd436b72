import { END_OF_TIME, type EpochMs } from '../domain/instant.ts'
import type { DeliveryAttempt } from '../domain/record.ts'
import type { Channel, Clock, DueDelivery, Journal } from '../engine/ports.ts'
import { ChannelError } from './channels/channel-error.ts'
import type { DeliveryMemory } from './delivery-memory.ts'
import { plainLine } from './plain-line.ts'
import { nextStep } from './retry.ts'

const ERROR_LENGTH_MAX = 500

/** Takes one line about a failed try; it holds no secret. */
export type DeliveryLog = (line: string) => void

export interface LaneDeps {
  readonly channel: Channel
  readonly journal: Journal
  readonly clock: Clock
  readonly memory: DeliveryMemory
  readonly log: DeliveryLog
  /** In [0, 1). */
  readonly random: () => number
}

/** The deliveries of one channel: sent one at a time, in the order in which they were added. */
export interface DeliveryLane {
  readonly add: (delivery: DueDelivery) => void
  /** Sends what is waiting until nothing is, the receiver asks for a pause, or it is stopped. Never throws; does nothing while it runs. */
  readonly run: () => Promise<void>
  /** When it should run again; the end of time where nothing waits. */
  readonly nextAt: () => EpochMs
  /** Lets the delivery in flight end, and begins no other. */
  readonly stop: () => void
}

export function createDeliveryLane(deps: LaneDeps): DeliveryLane {
  const waiting: DueDelivery[] = []
  let pausedUntil: EpochMs = 0
  let isRunning = false
  let isStopped = false
  const next = () => (isStopped || deps.clock.now() < pausedUntil ? undefined : waiting.shift())
  return {
    add: (delivery) => void waiting.push(delivery),
    run: async () => {
      if (isRunning) return
      isRunning = true
      for (let delivery = next(); delivery !== undefined; delivery = next()) pausedUntil = await attempt(deps, delivery)
      isRunning = false
    },
    nextAt: () => (waiting.length === 0 || isRunning ? END_OF_TIME : pausedUntil),
    stop: () => {
      isStopped = true
    },
  }
}

/**
 * Sends once and writes down what came of it; the failure is not thrown but recorded.
 * @returns until when the receiver asked for silence; 0: it did not
 */
async function attempt(deps: LaneDeps, delivery: DueDelivery): Promise<EpochMs> {
  const error = await failureOf(deps.channel, delivery)
  const record = attemptOf(deps, delivery, error)
  deps.memory.tried(delivery, record.outcome === 'retry' ? record.nextAt : undefined)
  tell(deps.log, record, delivery.attempts + 1)
  await deps.journal.append([{ kind: 'delivery', attempt: record }])
  return record.outcome === 'retry' && error?.retryAfterMs !== undefined ? record.nextAt : 0
}

async function failureOf(channel: Channel, { alert }: DueDelivery): Promise<ChannelError | undefined> {
  try {
    await channel.send(alert)
    return undefined
  } catch (error) {
    if (error instanceof ChannelError) return error
    // The message of an error that is not the channel's own may hold a secret; its name can't.
    const name = error instanceof Error ? error.name : typeof error
    return new ChannelError(`the channel failed in an unexpected way (${name})`, { isRetryable: true })
  }
}

function attemptOf(
  { clock, random }: LaneDeps,
  { alert, channel, attempts }: DueDelivery,
  error: ChannelError | undefined,
): DeliveryAttempt {
  const base = { alert: alert.id, channel, at: clock.now() }
  if (error === undefined) return { ...base, outcome: 'delivered', error: '', nextAt: 0 }
  const { isRetryable, retryAfterMs } = error
  const message = plainLine(error.message, ERROR_LENGTH_MAX)
  const step = nextStep({ attempts: attempts + 1, at: base.at, error: message, isRetryable, retryAfterMs }, random())
  return { ...base, outcome: step.outcome, error: step.error, nextAt: step.outcome === 'retry' ? step.nextAt : 0 }
}

function tell(log: DeliveryLog, { alert, channel, outcome, error, nextAt }: DeliveryAttempt, attempts: number): void {
  if (outcome === 'delivered') return
  const further = outcome === 'dead' ? 'nothing further is tried' : `next try at ${new Date(nextAt).toISOString()}`
  log(`${plainLine(alert, ERROR_LENGTH_MAX)} did not reach channel ${channel} (try ${attempts}): ${error}; ${further}`)
}

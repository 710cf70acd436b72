import { END_OF_TIME, type EpochMs } from '../domain/instant.ts'
import type { Channel, Clock, DueDelivery, Journal, Ledger } from '../engine/ports.ts'
import { ChannelError } from './channels/channel-error.ts'
import { createDeliveryLane, type DeliveryLane, type DeliveryLog } from './delivery-lane.ts'
import { createDeliveryMemory } from './delivery-memory.ts'

/** Deliveries asked for at once, beyond those that are already known. */
const BATCH_COUNT = 100
/** The longest sleep: a retry that an earlier process left behind is due at an instant that this one does not know. */
const SLEEP_MAX_MS = 5000

export interface DeliveryDeps {
  readonly ledger: Pick<Ledger, 'dueDeliveries'>
  readonly journal: Journal
  readonly clock: Clock
  readonly channels: readonly Channel[]
  readonly log: DeliveryLog
  /** In [0, 1); default `Math.random`. */
  readonly random?: () => number
}

export interface DeliveryWorker {
  /** There may be something to deliver: call it once at the start and after every alert. Returns at once. */
  readonly wake: () => void
  /** Begins nothing further and resolves when what is in flight has ended and is recorded. */
  readonly stop: () => Promise<void>
  /** Resolves when no delivery is in flight and the ledger's answer has been dealt with; for tests. */
  readonly idle: () => Promise<void>
}

/**
 * Brings alerts to their channels until they arrive: the channels in parallel, each one delivery at a time, the oldest first.
 * What is owed is the ledger's to say, so nothing is forgotten over a restart. At least once: a process that dies between the
 * receiver's yes and the record of it leaves a repetition, with the same alert id. Channel trouble never reaches a caller.
 */
export function createDeliveryWorker(deps: DeliveryDeps): DeliveryWorker {
  const outbox = createOutbox(deps)
  const inFlight = new Set<Promise<void>>()
  let cancelSleep = (): void => undefined
  let isStopped = false
  let isLooking = false
  let isWokenAgain = false

  const track = (work: Promise<void>): void => {
    const tracked = work.finally(() => {
      inFlight.delete(tracked)
      sleep()
    })
    inFlight.add(tracked)
  }
  const sleep = (): void => {
    cancelSleep()
    const now = deps.clock.now()
    if (!isStopped) cancelSleep = deps.clock.after(Math.min(Math.max(outbox.nextAt() - now, 0), SLEEP_MAX_MS), wake)
  }
  const look = async (): Promise<void> => {
    isWokenAgain = false
    const lanes = await outbox.fill()
    if (!isStopped) for (const lane of lanes) track(lane.run())
    isLooking = false
    if (isWokenAgain) wake()
  }
  const wake = (): void => {
    isWokenAgain = true
    if (isLooking || isStopped) return
    isLooking = true
    track(look())
  }
  const idle = async (): Promise<void> => {
    while (inFlight.size > 0) await Promise.all(inFlight)
  }
  return {
    wake,
    idle,
    stop: async () => {
      isStopped = true
      cancelSleep()
      outbox.stop()
      await idle()
    },
  }
}

interface Outbox {
  /** Asks the ledger what is due and gives it to the lanes. Never throws. @returns all lanes */
  readonly fill: () => Promise<readonly DeliveryLane[]>
  /** When it should be filled again, or a lane can go on. */
  readonly nextAt: () => EpochMs
  readonly stop: () => void
}

function createOutbox(deps: DeliveryDeps): Outbox {
  const memory = createDeliveryMemory()
  const lanes = new Map<string, DeliveryLane>()
  const laneOf = (name: string): DeliveryLane => {
    const channel = deps.channels.find((candidate) => candidate.name === name) ?? missingChannel(name)
    const lane = lanes.get(name) ?? createDeliveryLane({ ...deps, channel, memory, random: deps.random ?? Math.random })
    lanes.set(name, lane)
    return lane
  }
  let isMoreDue = false
  let askAgainAt: EpochMs = 0
  return {
    fill: async () => {
      const at = deps.clock.now()
      const countMax = BATCH_COUNT + memory.size()
      const due = await dueOrNone(deps, at, countMax)
      isMoreDue = due !== undefined && due.length >= countMax
      askAgainAt = due === undefined ? at + SLEEP_MAX_MS : 0
      if (due !== undefined && !isMoreDue) memory.forget(due, at)
      for (const delivery of due ?? []) {
        const taken = memory.take(delivery, at)
        if (taken !== undefined) laneOf(delivery.channel).add(taken)
      }
      return [...lanes.values()]
    },
    nextAt: () => {
      const first = Math.min(isMoreDue ? 0 : END_OF_TIME, memory.nextAt(), ...[...lanes.values()].map((lane) => lane.nextAt()))
      return Math.max(first, askAgainAt)
    },
    stop: () => {
      for (const lane of lanes.values()) lane.stop()
    },
  }
}

/** Undefined where the ledger could not be asked: then it is asked again after the next sleep. */
async function dueOrNone({ ledger, log }: DeliveryDeps, at: EpochMs, countMax: number): Promise<readonly DueDelivery[] | undefined> {
  try {
    return await ledger.dueDeliveries(at, countMax)
  } catch (error) {
    log(`the ledger could not say which alerts are to be delivered (${error instanceof Error ? error.name : typeof error})`)
    return undefined
  }
}

/** Deliveries to a channel that is not configured wait for it as for one that is down, and end in sight. */
function missingChannel(name: string): Channel {
  const message = `there is no channel ${name}: add it to alerts.channels`
  return { name, send: () => Promise.reject(new ChannelError(message, { isRetryable: true })) }
}

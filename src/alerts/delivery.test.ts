import * as fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { Alert } from '../domain/accounts/alert.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { DeliveryAttempt } from '../domain/record.ts'
import type { Channel, Clock, DeliveryStatus, DueDelivery, Journal } from '../engine/ports.ts'
import { ChannelError } from './channels/channel-error.ts'
import { type HttpReceiver, startHttpReceiver } from './channels/http-receiver.ts'
import { createSlackChannel } from './channels/slack.ts'
import { createDeliveryWorker, type DeliveryWorker } from './delivery.ts'
import { RETRY_DELAYS_MS } from './retry.ts'
import { sampleAlert } from './sample-alert.ts'

class ManualClock implements Clock {
  time: EpochMs = Date.UTC(2026, 10, 22, 10)
  #timers: { readonly at: EpochMs; readonly run: () => void }[] = []

  readonly now = () => this.time
  readonly after = (delayMs: number, run: () => void) => {
    const timer = { at: this.time + delayMs, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }
  readonly nextTimerAt = () => (this.#timers.length === 0 ? this.time : Math.min(...this.#timers.map(({ at }) => at)))
  /** Runs what is due at `at`, once. */
  readonly moveTo = (at: EpochMs) => {
    this.time = Math.max(this.time, at)
    const due = this.#timers.filter((timer) => timer.at <= this.time)
    this.#timers = this.#timers.filter((timer) => timer.at > this.time)
    for (const timer of due) timer.run()
  }
}

/** A ledger in memory: what is owed follows from the alerts and the records of tries. */
class Books {
  readonly alerts: Alert[] = []
  readonly attempts: DeliveryAttempt[] = []
  /** True: records are taken, and not applied. */
  isLagging = false
  isBroken = false
  questions = 0

  readonly journal: Journal = {
    appendOrFail: () => Promise.reject(new Error('not used')),
    append: async (records) => {
      for (const record of records) if (record.kind === 'delivery' && !this.isLagging) this.attempts.push(record.attempt)
    },
    trouble: () => undefined,
  }

  statusOf(alert: string, channel: string): DeliveryStatus {
    const tries = this.attempts.filter((attempt) => attempt.alert === alert && attempt.channel === channel)
    const last = tries.at(-1)
    const state = last === undefined || last.outcome === 'retry' ? 'pending' : last.outcome
    return { channel, state, attempts: tries.length, nextAt: last?.nextAt ?? 0, lastError: last?.error ?? '' }
  }

  readonly dueDeliveries = async (at: EpochMs, limit: number): Promise<readonly DueDelivery[]> => {
    this.questions += 1
    if (this.isBroken) throw new Error('the disk is gone')
    return this.alerts
      .flatMap((alert) => alert.channels.map((channel) => ({ alert, ...this.statusOf(alert.id, channel) })))
      .filter(({ state, nextAt }) => state === 'pending' && nextAt <= at)
      .sort((a, b) => Math.max(a.nextAt, a.alert.at) - Math.max(b.nextAt, b.alert.at))
      .slice(0, limit)
      .map(({ alert, channel, attempts }) => ({ alert, channel, attempts }))
  }
}

/** A channel in memory; `answer` may throw. */
function channelNamed(
  name: string,
  answer: (alert: Alert) => Promise<void> | void = () => undefined,
): Channel & { readonly sent: string[] } {
  const sent: string[] = []
  return {
    name,
    sent,
    send: async (alert) => {
      sent.push(alert.id)
      await answer(alert)
    },
  }
}

const down = () => {
  throw new ChannelError('down', { isRetryable: true })
}
const alertNamed = (id: string, channels: readonly string[], at = Date.UTC(2026, 10, 22, 9)) => sampleAlert({ id, channels, at })

function setUp(channels: readonly Channel[], { books = new Books(), clock = new ManualClock() } = {}) {
  const lines: string[] = []
  const worker = createDeliveryWorker({
    ledger: books,
    journal: books.journal,
    clock,
    channels,
    log: (line) => lines.push(line),
    random: () => 0.5,
  })
  return { books, clock, worker, lines }
}

/** Lets the worker sleep until it wakes by itself, as often as it takes. */
async function runUntil(clock: ManualClock, worker: DeliveryWorker, isDone: () => boolean): Promise<void> {
  for (let wakes = 0; wakes < 1000 && !isDone(); wakes++) {
    clock.moveTo(clock.nextTimerAt())
    await worker.idle()
  }
}

/** A promise that a test resolves, to hold a send in flight. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

describe('a delivery', () => {
  test('is sent to every channel of the alert, and recorded', async () => {
    const [slack, email] = [channelNamed('slack'), channelNamed('email')]
    const { books, worker, lines } = setUp([slack, email])
    books.alerts.push(alertNamed('a', ['slack', 'email']))
    worker.wake()
    await worker.idle()
    expect([slack.sent, email.sent]).toEqual([['a'], ['a']])
    expect(books.statusOf('a', 'slack')).toMatchObject({ state: 'delivered', attempts: 1, lastError: '' })
    expect(lines).toEqual([])
  })

  test('that failed comes again after 5 s by itself, and then no more', async () => {
    let isDown = true
    const slack = channelNamed('slack', () => (isDown ? down() : undefined))
    const { books, clock, worker, lines } = setUp([slack])
    books.alerts.push(alertNamed('a', ['slack']))
    worker.wake()
    await worker.idle()
    expect(books.statusOf('a', 'slack')).toMatchObject({ state: 'pending', nextAt: clock.time + 5000, lastError: 'down' })
    expect(lines).toEqual(['a did not reach channel slack (try 1): down; next try at 2026-11-22T10:00:05.000Z'])
    isDown = false
    clock.moveTo(clock.time + 4999)
    await worker.idle()
    expect(slack.sent).toHaveLength(1)
    clock.moveTo(clock.time + 1)
    await worker.idle()
    expect(books.statusOf('a', 'slack').state).toBe('delivered')
    clock.moveTo(clock.time + 1e9)
    await worker.idle()
    expect(slack.sent).toHaveLength(2)
  })

  test('is taken up by the next process where the last one left it', async () => {
    const before = setUp([channelNamed('slack', down)])
    before.books.alerts.push(alertNamed('a', ['slack']))
    before.worker.wake()
    await before.worker.idle()
    await before.worker.stop()

    const slack = channelNamed('slack')
    const { books, clock, worker } = setUp([slack], { books: before.books, clock: before.clock })
    worker.wake()
    await worker.idle()
    expect(slack.sent).toEqual([])
    await runUntil(clock, worker, () => slack.sent.length > 0)
    expect(clock.time).toBeLessThanOrEqual(Date.UTC(2026, 10, 22, 10, 0, 10))
    expect(books.statusOf('a', 'slack')).toMatchObject({ state: 'delivered', attempts: 2 })
  })

  test('whose record was lost in a crash is repeated with the same id', async () => {
    const slack = channelNamed('slack')
    const before = setUp([slack])
    before.books.alerts.push(alertNamed('a', ['slack']))
    before.books.isLagging = true
    before.worker.wake()
    await before.worker.idle()
    before.books.isLagging = false
    const { worker } = setUp([slack], { books: before.books })
    worker.wake()
    await worker.idle()
    expect(slack.sent).toEqual(['a', 'a'])
  })

  test('is not sent again while its record is on the way, and is remembered no longer than that', async () => {
    const slack = channelNamed('slack')
    const { books, clock, worker } = setUp([slack])
    books.alerts.push(alertNamed('a', ['slack']))
    books.isLagging = true
    for (let wakes = 0; wakes < 5; wakes++) {
      worker.wake()
      clock.moveTo(clock.time + 60_000)
      await worker.idle()
    }
    expect(slack.sent).toEqual(['a'])
  })

  test('whose failed try is not in the ledger yet still waits for its time, and counts that try', async () => {
    const slack = channelNamed('slack', down)
    const { books, clock, worker } = setUp([slack])
    books.alerts.push(alertNamed('a', ['slack']))
    books.isLagging = true
    worker.wake()
    await worker.idle()
    worker.wake()
    await worker.idle()
    expect(slack.sent).toHaveLength(1)
    books.isLagging = false
    clock.moveTo(clock.time + 5000)
    await worker.idle()
    expect(books.statusOf('a', 'slack').nextAt).toBe(clock.time + RETRY_DELAYS_MS[1]!)
  })

  test('is dead and visible as such after the last try, about three days later', async () => {
    const slack = channelNamed('slack', down)
    const { books, clock, worker, lines } = setUp([slack])
    books.alerts.push(alertNamed('a', ['slack']))
    worker.wake()
    await worker.idle()
    const began = clock.time
    for (let status = books.statusOf('a', 'slack'); status.state === 'pending'; status = books.statusOf('a', 'slack')) {
      clock.moveTo(status.nextAt)
      await worker.idle()
    }
    expect(books.statusOf('a', 'slack')).toMatchObject({ state: 'dead', attempts: 12, lastError: 'gave up after 12 tries; the last: down' })
    expect((clock.time - began) / 3_600_000).toBeCloseTo(75.7, 1)
    expect(lines.at(-1)).toContain('nothing further is tried')
  })

  test('that failed for good is dead at once, and the other channels are not concerned', async () => {
    const email = channelNamed('email')
    const gone = channelNamed('slack', () => {
      throw new ChannelError('the webhook is gone; make a new one', { isRetryable: false })
    })
    const { books, worker } = setUp([gone, email])
    books.alerts.push(alertNamed('a', ['slack', 'email']))
    worker.wake()
    await worker.idle()
    expect(books.statusOf('a', 'slack')).toMatchObject({ state: 'dead', attempts: 1, lastError: 'the webhook is gone; make a new one' })
    expect(books.statusOf('a', 'email').state).toBe('delivered')
  })

  test('to a channel that is not configured stays owed, with a reason', async () => {
    const { books, worker } = setUp([])
    books.alerts.push(alertNamed('a', ['pager']))
    worker.wake()
    await worker.idle()
    expect(books.statusOf('a', 'pager')).toMatchObject({
      state: 'pending',
      lastError: 'there is no channel pager: add it to alerts.channels',
    })
  })

  test('records nothing of an unexpected error but its name', async () => {
    const broken = channelNamed('slack', () => {
      throw new TypeError('secret https://hooks.example/T000')
    })
    const { books, worker, lines } = setUp([broken])
    books.alerts.push(alertNamed('a', ['slack']))
    worker.wake()
    await worker.idle()
    expect(books.statusOf('a', 'slack').lastError).toBe('the channel failed in an unexpected way (TypeError)')
    expect(lines.join()).not.toContain('hooks.example')
  })
})

describe('the worker', () => {
  test('sends one at a time per channel, the oldest first', async () => {
    let [inFlight, inFlightMax] = [0, 0]
    const slack = channelNamed('slack', async () => {
      inFlightMax = Math.max(inFlightMax, ++inFlight)
      await Promise.resolve()
      inFlight -= 1
    })
    const { books, worker } = setUp([slack])
    for (const age of [3, 1, 5, 2, 4]) books.alerts.push(alertNamed(`age-${age}`, ['slack'], Date.UTC(2026, 10, 22, 9 - age)))
    worker.wake()
    worker.wake()
    await worker.idle()
    expect(slack.sent).toEqual(['age-5', 'age-4', 'age-3', 'age-2', 'age-1'])
    expect(inFlightMax).toBe(1)
  })

  test('serves the other channels while one hangs, however much waits for that one', async () => {
    const { opened, open } = gate()
    const delivered = gate()
    const hanging = channelNamed('slack', () => opened)
    const email = channelNamed('email', delivered.open)
    const { books, worker } = setUp([hanging, email])
    for (let i = 0; i < 350; i++) books.alerts.push(alertNamed(`slack-${i}`, ['slack'], i))
    worker.wake()
    books.alerts.push(alertNamed('b', ['email']))
    const waking = setInterval(worker.wake, 1)
    await delivered.opened
    clearInterval(waking)
    expect(hanging.sent).toEqual(['slack-0'])
    open()
    await worker.idle()
    expect(new Set(hanging.sent).size).toBe(350)
    expect(hanging.sent).toHaveLength(350)
  })

  test('leaves a receiver alone for as long as it asked, with all of its deliveries', async () => {
    let isBusy = true
    const slack = channelNamed('slack', () => {
      if (isBusy) throw new ChannelError('429', { isRetryable: true, retryAfterMs: 60_000 })
    })
    const { books, clock, worker } = setUp([slack])
    books.alerts.push(alertNamed('a', ['slack']), alertNamed('b', ['slack']))
    worker.wake()
    await worker.idle()
    isBusy = false
    const askedAt = clock.time
    await runUntil(clock, worker, () => slack.sent.length > 1)
    expect(clock.time - askedAt).toBe(60_000)
    expect([...slack.sent].sort()).toEqual(['a', 'a', 'b'])
    expect([books.statusOf('a', 'slack').state, books.statusOf('b', 'slack').state]).toEqual(['delivered', 'delivered'])
  })

  test('asks again later where the ledger can not answer, and does not spin', async () => {
    const slack = channelNamed('slack')
    const { books, clock, worker, lines } = setUp([slack])
    books.alerts.push(alertNamed('a', ['slack']))
    books.isBroken = true
    worker.wake()
    await worker.idle()
    expect(books.questions).toBe(1)
    expect(clock.nextTimerAt() - clock.time).toBe(5000)
    expect(lines).toEqual(['the ledger could not say which alerts are to be delivered (Error)'])
    books.isBroken = false
    await runUntil(clock, worker, () => slack.sent.length > 0)
    expect(books.statusOf('a', 'slack').state).toBe('delivered')
  })

  test('does not spin either where a retry is due while the ledger can not answer', async () => {
    const { books, clock, worker } = setUp([channelNamed('slack', down)])
    books.alerts.push(alertNamed('a', ['slack']))
    worker.wake()
    await worker.idle()
    books.isBroken = true
    clock.moveTo(clock.time + 5000)
    await worker.idle()
    expect(clock.nextTimerAt() - clock.time).toBe(5000)
  })

  test('stops after the delivery in flight, and records it', async () => {
    const { opened, open } = gate()
    const begun = gate()
    const slack = channelNamed('slack', () => {
      begun.open()
      return opened
    })
    const { books, clock, worker } = setUp([slack])
    books.alerts.push(alertNamed('a', ['slack']), alertNamed('b', ['slack']))
    worker.wake()
    await begun.opened
    const stopped = worker.stop()
    open()
    await stopped
    worker.wake()
    clock.moveTo(clock.time + 1e9)
    await worker.idle()
    expect(slack.sent).toEqual(['a'])
    expect(books.statusOf('a', 'slack').state).toBe('delivered')
    expect(books.statusOf('b', 'slack').state).toBe('pending')
  })

  test('loses no delivery and repeats none that arrived, whatever the channels answer and however often it is restarted', async () => {
    const answer = fc.constantFrom('arrives', 'fails', 'fails', 'waits', 'is gone')
    const step = fc.constantFrom('sleep', 'sleep', 'sleep', 'wake', 'restart')
    await fc.assert(
      fc.asyncProperty(
        fc.array(answer, { maxLength: 60 }),
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        async (answers, steps, count) => {
          const arrived: string[] = []
          const script = [...answers]
          const make = (name: string) =>
            channelNamed(name, ({ id }) => {
              const next = script.shift() ?? 'arrives'
              if (next === 'arrives') arrived.push(`${name} ${id}`)
              else
                throw new ChannelError(next, { isRetryable: next !== 'is gone', ...(next === 'waits' ? { retryAfterMs: 3_600_000 } : {}) })
            })
          const channels = [make('slack'), make('email')]
          const { books, clock, worker: first } = setUp(channels)
          let worker = first
          for (let i = 0; i < count; i++) books.alerts.push(alertNamed(`alert-${i}`, ['slack', 'email']))
          const statuses = () =>
            books.alerts.flatMap(({ id }) => ['slack', 'email'].map((name) => ({ key: `${name} ${id}`, ...books.statusOf(id, name) })))
          worker.wake()
          for (const step of steps) {
            if (step === 'restart') {
              await worker.stop()
              worker = setUp(channels, { books, clock }).worker
            }
            if (step === 'sleep') clock.moveTo(clock.nextTimerAt())
            else worker.wake()
          }
          for (let hops = 0; hops < 100 && statuses().some(({ state }) => state === 'pending'); hops++) {
            await worker.idle()
            clock.moveTo(Math.max(clock.nextTimerAt(), ...statuses().map(({ nextAt }) => nextAt)))
          }
          await worker.stop()
          const delivered = statuses().filter(({ state }) => state === 'delivered')
          expect(statuses().filter(({ state }) => state === 'pending')).toEqual([])
          expect([...arrived].sort()).toEqual(delivered.map(({ key }) => key).sort())
          const reasons = statuses().flatMap(({ state, lastError }) => (state === 'dead' ? [lastError] : []))
          expect(reasons.filter((reason) => !/^is gone$|^gave up after 12 tries/.test(reason))).toEqual([])
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('with a real receiver', () => {
  let receiver: HttpReceiver | undefined
  afterEach(() => receiver?.close())

  test('that was down at first, over a restart, exactly one message arrives once it is back', async () => {
    const gone = await startHttpReceiver((response) => response.end('ok'))
    await gone.close()
    const slack = createSlackChannel({ name: 'slack', url: `http://127.0.0.1:${gone.port}/services/x`, allowPrivateUrls: true })
    const before = setUp([slack])
    before.books.alerts.push(alertNamed('a', ['slack']))
    before.worker.wake()
    await before.worker.idle()
    await runUntil(before.clock, before.worker, () => before.books.attempts.length >= 2)
    await before.worker.stop()

    receiver = await startHttpReceiver((response) => response.end('ok'), gone.port)
    const { books, clock, worker } = setUp([slack], { books: before.books, clock: before.clock })
    worker.wake()
    await runUntil(clock, worker, () => books.statusOf('a', 'slack').state === 'delivered')
    clock.moveTo(clock.time + 1e9)
    await worker.idle()
    await worker.stop()
    expect(books.statusOf('a', 'slack')).toMatchObject({ state: 'delivered', attempts: 3 })
    expect(receiver.requests).toHaveLength(1)
  })
})

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import type { Budget } from '../../domain/budgets/budget.ts'
import { toCallId } from '../../domain/ids.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import { alertsIn, CountingProcess, reported } from '../contract/counting-process.ts'
import { type RecordedStream, recordStream } from '../contract/recorded-stream.ts'
import { AT, budget } from '../contract/sample-records.ts'
import { SettableClock } from '../contract/settable-clock.ts'
import { connectRedis } from './connect-redis.ts'
import { createKeyNames } from './key-names.ts'
import type { RedisStore } from './open-redis-store.ts'
import { SCRIPTS } from './script.ts'
import { type ProcessOptions, startCounting } from '../../../test/services/redis-under-test.ts'

const url = inject('redisUrl')

function leased(id: string, limit: number, more: Partial<Budget> = {}): Budget {
  return { ...budget(id, limit), enforcement: 'leased', ...more }
}

function usedIn(records: readonly LedgerRecord[]): number {
  return records.reduce((sum, record) => sum + (record.kind === 'ended' ? (record.settlement.amounts[0] ?? 0) : 0), 0)
}

describe.skipIf(url === undefined)('leased budgets', () => {
  let prefix: string
  let stream: RecordedStream
  let stores: RedisStore[]
  const clock = new SettableClock(AT)

  const start = async (
    onLost: 'charge' | 'release' = 'charge',
    { holdTtlMs = 0, between }: Pick<ProcessOptions, 'holdTtlMs' | 'between'> = {},
  ): Promise<CountingProcess> => {
    const options = { prefix, stream, clock, onLost, holdTtlMs, ...(between === undefined ? {} : { between }) }
    const store = await startCounting({ kind: 'single', urls: [url ?? ''] }, options)
    stores.push(store)
    const process = new CountingProcess({ ...store })
    await process.refresh()
    return process
  }

  beforeEach(() => {
    prefix = `{bursar-leases-${randomBytes(6).toString('hex')}}`
    stream = recordStream()
    stores = []
    clock.at = AT
  })

  afterEach(async () => {
    await Promise.all(stores.map(({ close }) => close()))
  })

  const all = async (): Promise<readonly LedgerRecord[]> => {
    await stores[0]?.ledger.openState()
    return stream.records
  }

  test('a call that a slice has room for holds nothing of its own in the store, and is charged once when it has ended', async () => {
    const process = await start()
    await process.put(leased('global', 100_000), leased('team:a', 100_000))
    await process.reserve('call-0', { input: 100 })
    await process.reserve('call-1', { input: 100 })
    expect((await all()).filter(({ kind }) => kind === 'held')).toEqual([])
    const { used, held } = await process.standing('global')
    expect({ used, isHeld: held >= 200 }).toEqual({ used: 0, isHeld: true })
    await process.settle('call-0', reported(60))
    await process.settle('call-1', reported(70))
    expect(await process.settle('call-1', reported(70))).toBeUndefined()
    expect((await process.standing('global')).used).toBe(130)
    expect((await process.standing('team:a')).used).toBe(130)
    expect(usedIn(await all())).toBe(130)
    for (let i = 0; i < 3; i++) await process.access.counters.tend()
    expect(await process.standing('global')).toMatchObject({ used: 130, held: 0, callsInFlight: 0 })
  })

  test('four processes never pass a cap together, whatever they hold, and fill it to the last call', async () => {
    const LIMIT = 60_000
    const processes = [await start(), await start(), await start(), await start()]
    await processes[0]!.put(leased('global', LIMIT))
    for (const process of processes) await process.refresh()
    let admitted = 0
    let most = 0
    const load = { isOver: false }
    const watch = (async () => {
      while (!load.isOver) {
        for (const { used, held } of await processes[0]!.access.counters.standings()) most = Math.max(most, used + held)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    })()
    const caller = async (process: CountingProcess, name: string) => {
      for (let i = 0; i < 60; i++) {
        const id = `${name}-${i}`
        if ((await process.reserve(id, { input: 100 })).kind !== 'held') continue
        admitted++
        if (i % 10 === 0) await process.access.counters.tend()
        await process.settle(id, reported(100))
      }
    }
    await Promise.all(processes.flatMap((process, p) => Array.from({ length: 6 }, (_, c) => caller(process, `${p}-${c}`))))
    for (let round = 0; round < 3; round++) for (const { access } of processes) await access.counters.tend()
    for (let i = 0; i < 700; i++) {
      const process = processes[i % 4]!
      if ((await process.reserve(`last-${i}`, { input: 100 })).kind !== 'held') break
      admitted++
      await process.settle(`last-${i}`, reported(100))
      if (i % 40 === 0) for (const { access } of processes) await access.counters.tend()
    }
    load.isOver = true
    await watch
    expect(most).toBeLessThanOrEqual(LIMIT)
    for (let round = 0; round < 3; round++) for (const { access } of processes) await access.counters.tend()
    expect(await processes[0]!.standing('global')).toMatchObject({ used: admitted * 100, held: 0 })
    expect(usedIn(await all())).toBe(admitted * 100)
    expect(admitted).toBeGreaterThanOrEqual(590)
  })

  test('a call that is let in while its slice is made smaller is held in it', async () => {
    const process = await start()
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 1000 })
    const other = await start()
    await other.reserve('call-1', { input: 7000 })
    // Beside that call the other process has a slice that it did not fit into.
    const others = (await process.standing('global')).held - 2000
    const growing = process.reserve('call-2', { input: 1500 })
    const outcome = await process.reserve('call-3', { input: 900 })
    const isGrown = (await growing).kind === 'held'
    const { used, held } = await process.standing('global')
    expect({ used, kind: outcome.kind, isGrown }).toEqual({ used: 0, kind: 'held', isGrown: false })
    expect(held).toBeGreaterThanOrEqual(others + 1000 + 900)
    expect(held).toBeLessThanOrEqual(10_000)
  })

  test('a slice that is made smaller gives back what none of its calls needs', async () => {
    const process = await start()
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 1000 })
    const other = await start()
    await other.reserve('call-1', { input: 7000 })
    for (let i = 0; i < 2; i++) await process.reserve('call-2', { input: 1500 })
    for (let i = 0; i < 3; i++) await process.access.counters.tend()
    for (let i = 0; i < 3; i++) await other.access.counters.tend()
    expect((await process.standing('global')).held).toBe(1000 + 7000)
  })

  test.each(['charge', 'release'] as const)('the slice of a process that died comes back by its time (%s)', async (onLost) => {
    const dying = await start(onLost)
    await dying.put(leased('global', 10_000))
    await dying.reserve('call-0', { input: 100 })
    const other = await start(onLost)
    const slice = (await other.standing('global')).held
    expect(slice).toBeGreaterThanOrEqual(100)
    await other.access.counters.tend()
    expect((await other.standing('global')).held).toBe(slice)
    clock.at += 11_000
    await other.access.counters.tend()
    await other.access.counters.tend()
    const used = onLost === 'charge' ? slice : 0
    expect(await other.standing('global')).toMatchObject({ used, held: 0, callsInFlight: 0 })
    expect(usedIn(await all())).toBe(used)
  })

  test('a slice is not set while what was used of it is on its way to the store, which may have to be sent again', async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
    const process = await start('charge', {
      between: (client) => ({
        call: (command, ...args) => client.call(command, ...args),
        close: () => client.close(),
        run: async (script, ...args) => {
          if (script === SCRIPTS.commit) await arrived
          return client.run(script, ...args)
        },
      }),
    })
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 100 })
    const settling = process.settle('call-0', reported(100))
    const tending = (async () => {
      for (let i = 0; i < 3; i++) await process.access.counters.tend()
    })()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const other = await start()
    expect((await other.standing('global')).held).toBeGreaterThanOrEqual(100)
    arrive()
    await Promise.all([settling, tending])
    expect(await other.standing('global')).toMatchObject({ used: 100, held: 0 })
  })

  test('the slice of a process that is cut off stands as long as a hold, for what it let in by it', async () => {
    const process = await start('charge', { holdTtlMs: 60_000 })
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 100 })
    const { held: slice } = await process.standing('global')
    const other = await start('charge', { holdTtlMs: 60_000 })
    await other.access.counters.tend()
    clock.at += 30_000
    for (let i = 0; i < 2; i++) await other.access.counters.tend()
    await process.settle('call-0', reported(60))
    expect(await other.standing('global')).toMatchObject({ used: 60, held: slice - 60 })
    await other.access.counters.tend()
    clock.at += 60_000
    for (let i = 0; i < 2; i++) await other.access.counters.tend()
    expect(await other.standing('global')).toMatchObject({ used: slice, held: 0, callsInFlight: 0 })
    expect(usedIn(await all())).toBe(slice)
  })

  test('the slice of an account that has ended is charged as of its period', async () => {
    const dying = await start()
    await dying.put(leased('global', 10_000, { period: { kind: 'hour', timezone: 'UTC' } }))
    await dying.reserve('call-0', { input: 100 })
    const { period } = await dying.standing('global')
    clock.at = period.endsAt + 5000
    await dying.access.counters.tend()
    const other = await start()
    await other.access.counters.tend()
    clock.at += 11_000
    for (let i = 0; i < 2; i++) await other.access.counters.tend()
    const lost = (await all()).flatMap((record) => (record.kind === 'held' ? [record.hold.call.admittedAt] : []))
    expect(lost).toEqual([period.endsAt - 1])
  })

  test('what an advisory budget lets in is in its slice, also what is raised', async () => {
    const process = await start()
    await process.put(leased('global', 100, { isHardCap: false }))
    await process.reserve('call-0', { input: 100 })
    for (const input of [500, 3000]) await process.reserve(`call-${input}`, { input })
    expect((await process.standing('global')).held).toBeGreaterThanOrEqual(3600)
    await process.reserve('call-raised', { input: 10, outputMax: 90_000, outputExpected: 50, outputMin: 50 })
    expect((await process.standing('global')).held).toBeGreaterThanOrEqual(3600 + 90_010)
    await process.put(leased('global', 100, { isHardCap: false }), leased('team:a', 40_000))
    await process.reserve('call-spared', { input: 10, outputMax: 30_000, outputExpected: 50, outputMin: 50 })
    const { held } = await process.standing('global')
    const covered = await process.access.counters.raise(toCallId('call-spared'), 9000)
    expect((await process.standing('global')).held).toBeGreaterThanOrEqual(3600 + 90_010 + 10 + covered)
    expect(held).toBeGreaterThanOrEqual(3600 + 90_010 + 60)
  })

  test('a call that ends after the slice that it was let in from was charged is not charged again', async () => {
    const process = await start()
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 100 })
    const other = await start()
    await other.access.counters.tend()
    clock.at += 11_000
    for (let i = 0; i < 2; i++) await other.access.counters.tend()
    const { used: slice } = await other.standing('global')
    await process.settle('call-0', reported(60))
    for (let i = 0; i < 2; i++) await process.access.counters.tend()
    expect((await other.standing('global')).used).toBe(slice)
    const ends = (await all()).flatMap((record) => (record.kind === 'ended' ? [record.settlement] : []))
    expect(ends.find(({ call }) => call === 'call-0')).toMatchObject({ ending: 'lost', amounts: [0], usage: { kind: 'estimated' } })
    await process.reserve('call-1', { input: 100 })
    await process.settle('call-1', reported(50))
    expect((await other.standing('global')).used).toBe(slice + 50)
    expect(usedIn(await all())).toBe(slice + 50)
    for (let i = 0; i < 3; i++) await process.access.counters.tend()
    expect(await other.standing('global')).toMatchObject({ held: 0, callsInFlight: 0 })
  })

  test('a call that is left to its provider after the slice that it was let in from was charged is not held again', async () => {
    const process = await start()
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 100 })
    const slice = (await process.standing('global')).held
    const other = await start()
    await other.access.counters.tend()
    clock.at += 11_000
    await other.access.counters.tend()
    await process.access.counters.defer(toCallId('call-0'), 'batch_1', clock.at + 5000)
    expect(await process.access.counters.holds()).toEqual([])
    expect(await other.standing('global')).toMatchObject({ used: slice, held: 0, callsInFlight: 0 })
    expect(await other.settle('call-0', reported(50))).toBeUndefined()
    for (let i = 0; i < 2; i++) await process.access.counters.tend()
    const ends = (await all()).flatMap((record) => (record.kind === 'ended' ? [record.settlement] : []))
    expect(ends.find(({ call }) => call === 'call-0')).toMatchObject({ ending: 'lost', amounts: [0], usage: { kind: 'estimated' } })
    expect(usedIn(await all())).toBe(slice)
  })

  test('while the store is away no budget raises what a call holds beyond its slice', async () => {
    const network = { isDown: false }
    const process = await start('charge', {
      between: (client) => ({
        call: (command, ...args) => client.call(command, ...args),
        close: () => client.close(),
        run: async (script, keys, args, firstArgs) => {
          if (script === SCRIPTS.lease && network.isDown) throw new Failure('store_unavailable', 'the connection broke')
          return client.run(script, keys, args, firstArgs)
        },
      }),
    })
    await process.put(leased('global', 100, { isHardCap: false }), leased('team:a', 1_000_000))
    await process.reserve('call-large', { input: 100_000, accounts: [['team:a']] })
    const wish = { input: 10, outputMax: 60_000, outputExpected: 50, outputMin: 50 }
    await process.reserve('call-0', wish)
    await process.access.counters.tend()
    await process.reserve('call-1', wish)
    const { held } = await process.standing('global')
    const other = (await process.access.counters.holds()).find(({ call }) => call.id === 'call-0')
    network.isDown = true
    const covered = await process.access.counters.raise(toCallId('call-1'), 60_000)
    expect(10 + covered).toBeLessThanOrEqual(held - (other?.charges[0]?.amount ?? 0))
    network.isDown = false
    await vi.waitFor(() => process.access.counters.tend(), { timeout: 5000 })
    expect(await process.access.counters.raise(toCallId('call-1'), 60_000)).toBe(60_000)
  })

  test('a threshold that the slice of a process that died crosses is told', async () => {
    const dying = await start()
    await dying.put(leased('global', 10_000, { alertAt: [0.01] }))
    await dying.reserve('call-0', { input: 100 })
    const other = await start()
    await other.access.counters.tend()
    clock.at += 11_000
    for (let i = 0; i < 3; i++) await other.access.counters.tend()
    expect(alertsIn(await all()).map(({ threshold }) => threshold)).toEqual([0.01])
  })

  test('slices of a budget that come back in one instant are charged each for itself', async () => {
    const dying = await start()
    await dying.put(leased('per-user', 10_000, { each: 'user' }))
    for (const user of ['ann', 'bob']) await dying.reserve(`call-${user}`, { input: 100, accounts: [['per-user', user]] })
    const other = await start()
    await other.access.counters.tend()
    clock.at += 11_000
    await other.access.counters.tend()
    const used = (await other.access.counters.standings()).reduce((sum, account) => sum + account.used, 0)
    const lost = (await all()).flatMap((record) => (record.kind === 'ended' ? [record.settlement] : []))
    expect(new Set(lost.map(({ call }) => call)).size).toBe(2)
    expect(lost.reduce((sum, { amounts: [amount = 0] }) => sum + amount, 0)).toBe(used)
  })

  test('a process that was cut off decides by no slice whose time is over', async () => {
    const process = await start()
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 100 })
    clock.at += 9000
    await process.reserve('call-1', { input: 100 })
    expect((await process.standing('global')).held).toBeGreaterThanOrEqual(200)
  })

  test('a call beside a budget that is not leased is decided in the store', async () => {
    const process = await start()
    await process.put(leased('global', 10_000), budget('team:a', 100))
    expect((await process.reserve('call-0', { input: 100 })).kind).toBe('held')
    expect((await process.reserve('call-1', { input: 1 })).kind).toBe('refused')
    expect((await all()).filter(({ kind }) => kind === 'held')).toHaveLength(1)
  })

  test('a call that its provider works on leaves its slice for a hold of its own', async () => {
    const process = await start()
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 100 })
    const before = (await process.standing('global')).held
    const [hold] = await process.access.counters.holds()
    await process.access.counters.defer(hold!.call.id, 'batch_1', AT + 5000)
    expect((await process.standing('global')).held).toBe(before)
    const other = await start()
    await other.access.counters.settle({ call: hold!.call.id, endedAt: AT, ending: 'done', usage: reported(40) })
    expect((await other.standing('global')).used).toBe(40)
    for (let i = 0; i < 3; i++) await process.access.counters.tend()
    expect(await process.standing('global')).toMatchObject({ used: 40, held: 0, callsInFlight: 0 })
  })

  test.each(['lost', 'unanswered'] as const)('a call that leaves its slice is charged once, where that step was %s', async (fate) => {
    const isBroken = { unlease: true }
    const process = await start('charge', {
      between: (client) => ({
        call: (command, ...args) => client.call(command, ...args),
        close: () => client.close(),
        run: async (script, keys, args, firstArgs) => {
          const isHit = script === SCRIPTS.unlease && isBroken.unlease
          const reply = isHit && fate === 'lost' ? null : await client.run(script, keys, args, firstArgs)
          if (isHit) throw new Failure('store_unavailable', 'the connection broke')
          return reply
        },
      }),
    })
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 100 })
    await process.access.counters.defer(toCallId('call-0'), 'batch_1', AT + 5000)
    isBroken.unlease = false
    await vi.waitFor(() => process.access.counters.tend(), { timeout: 5000 })
    expect(await process.access.counters.holds()).toMatchObject([{ job: 'batch_1', expiresAt: AT + 5000 }])
    await process.settle('call-0', reported(40))
    for (let i = 0; i < 3; i++) await process.access.counters.tend()
    expect(await process.standing('global')).toMatchObject({ used: 40, held: 0, callsInFlight: 0 })
    expect(usedIn(await all())).toBe(40)
  })

  test('a store that was made anew holds nothing for calls of slices once they have ended', async () => {
    const process = await start()
    await process.put(leased('global', 10_000))
    await process.reserve('call-0', { input: 100 })
    const redis = await connectRedis({ kind: 'single', urls: [url ?? ''] })
    await redis.call('DEL', createKeyNames(prefix).meta)
    await expect(process.access.counters.tend()).rejects.toThrow()
    await vi.waitFor(() => process.access.counters.tend(), { timeout: 5000 })
    expect(await process.standing('global')).toMatchObject({ used: 0, held: 100, callsInFlight: 1 })
    clock.at += 11_000
    for (let i = 0; i < 3; i++) await process.access.counters.tend()
    await process.reserve('call-1', { input: 100 })
    await process.settle('call-0', reported(60))
    await process.settle('call-1', reported(60))
    for (let i = 0; i < 3; i++) await process.access.counters.tend()
    expect(await process.standing('global')).toMatchObject({ used: 120, held: 0, callsInFlight: 0 })
    expect(usedIn(await all())).toBe(120)
    await redis.close()
  })

  test('a threshold that calls of slices cross alerts once', async () => {
    const processes = [await start(), await start()]
    await processes[0]!.put(leased('global', 10_000, { alertAt: [0.5] }))
    await processes[1]!.refresh()
    for (let i = 0; i < 60; i++) {
      const process = processes[i % 2]!
      if ((await process.reserve(`call-${i}`, { input: 100 })).kind === 'held') await process.settle(`call-${i}`, reported(100))
    }
    const alerts = (await all()).flatMap((record) => (record.kind === 'ended' ? record.alerts : []))
    expect(alerts.map(({ threshold, used }) => ({ threshold, used }))).toEqual([{ threshold: 0.5, used: 5000 }])
  })
})

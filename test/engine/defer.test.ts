import { expect, test, vi } from 'vitest'
import { toCallId } from '../../src/domain/ids.ts'
import { Failure } from '../../src/engine/failure.ts'
import { budget } from '../../src/stores/contract/sample-records.ts'
import { HOLD_TTL_MS, startMemoryEngine } from './memory-engine.ts'

/** An engine over memory, with one call in flight. */
async function startWithCall() {
  const started = await startMemoryEngine(Date.UTC(2026, 0, 30), [budget('global')])
  await started.admit()
  return started
}

test('a call that could not be left to its job ends when its hold expires, and is not renewed for ever', async () => {
  const { clock, counters, engine } = await startWithCall()
  vi.spyOn(counters, 'defer').mockRejectedValueOnce(new Failure('store_unavailable', 'gone'))
  await expect(engine.defer(toCallId('call-1'), 'job-1')).rejects.toMatchObject({ code: 'store_unavailable' })
  for (let ticks = 0; ticks < 4; ticks++) {
    clock.advance(HOLD_TTL_MS / 3)
    await engine.tick()
  }
  expect(engine.callsInFlight()).toBe(0)
  expect(await counters.holds()).toEqual([])
  expect(await engine.standings()).toMatchObject([{ used: 15, held: 0 }])
})

test('a tick that comes while a call is being left to its job does not take its time away', async () => {
  const { clock, journal, counters, engine } = await startWithCall()
  const { promise: written, resolve } = Promise.withResolvers<undefined>()
  vi.spyOn(journal, 'append').mockReturnValueOnce(written)
  clock.advance(HOLD_TTL_MS / 2)
  const deferring = engine.defer(toCallId('call-1'), 'job-1')
  expect(engine.callsInFlight()).toBe(1)
  await engine.tick()
  resolve(undefined)
  await deferring
  expect(engine.callsInFlight()).toBe(0)
  clock.advance(HOLD_TTL_MS * 2)
  await engine.tick()
  expect(await counters.holds()).toMatchObject([{ job: 'job-1' }])
})

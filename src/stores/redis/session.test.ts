import { expect, test } from 'vitest'
import { createManualClock } from '../../../test/engine/manual-clock.ts'
import { Failure } from '../../engine/failure.ts'
import { createKeyNames } from './key-names.ts'
import type { RedisReply } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import { Session } from './session.ts'

/** A session whose store was made anew each time that it is joined; its replies and what happens at a putting back are the test's. */
function sessionOf(replies: RedisReply[], putBack: () => Promise<void>) {
  const clock = createManualClock(0)
  const epochs = ['e1', 'e2']
  const session = new Session({
    client: {
      run: async (script) => (script === SCRIPTS.join ? ['joined', 1] : (replies.shift() ?? null)),
      call: async () => null,
      close: async () => undefined,
    },
    names: createKeyNames('{test}'),
    clock,
    node: 'n1',
    rejoin: async () => ({ epoch: epochs.shift() ?? 'e2', run: 'r1' }),
    isIntact: async () => true,
    reopen: async () => undefined,
    putBack,
    onTrouble: () => undefined,
  })
  const pass = async (ms: number) => {
    clock.advance(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { session, pass, step: () => session.step(SCRIPTS.append, [], {}) }
}

test('what a store that was made anew is owed stays owed until it has been put back', async () => {
  let tries = 0
  const { session, pass, step } = sessionOf([['epoch'], ['done', 1]], async () => {
    tries++
    if (tries === 1) throw new Failure('store_unavailable', 'gone again')
  })
  await session.start()
  await expect(step()).rejects.toMatchObject({ code: 'store_unavailable' })
  await pass(50)
  expect(tries).toBe(1)
  await pass(1000)
  expect(tries).toBe(2)
  expect(await step()).toEqual(['done', 1])
  expect(session.trouble()).toBeUndefined()
})

test('a store that is back is settled only some seconds after', async () => {
  const { session, pass, step } = sessionOf([['epoch']], async () => undefined)
  await session.start()
  expect(session.isSettled()).toBe(true)
  await expect(step()).rejects.toMatchObject({ code: 'store_unavailable' })
  expect(session.isSettled()).toBe(false)
  await pass(50)
  expect(session.trouble()).toBeUndefined()
  expect(session.isSettled()).toBe(false)
  await pass(2999)
  expect(session.isSettled()).toBe(false)
  await pass(1)
  expect(session.isSettled()).toBe(true)
})

test('a server that does not know a script is asked whether it is the one that was looked at', async () => {
  const asked: (readonly unknown[])[] = []
  const session = new Session({
    client: {
      run: async (_script, _keys, args, firstArgs) => {
        asked.push([args[0], firstArgs?.[0]])
        return ['done', 1]
      },
      call: async () => null,
      close: async () => undefined,
    },
    names: createKeyNames('{test}'),
    clock: createManualClock(0),
    node: 'n1',
    rejoin: async () => ({ epoch: 'e1', run: 'r1' }),
    isIntact: async () => true,
    reopen: async () => undefined,
    putBack: async () => undefined,
    onTrouble: () => undefined,
  })
  await session.start()
  await session.step(SCRIPTS.append, [], {})
  expect(asked).toEqual([
    ['e1 0 open', 'e1 0 open r1'],
    ['e1 0 open', 'e1 0 open r1'],
  ])
})

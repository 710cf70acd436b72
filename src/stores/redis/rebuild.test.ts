import { randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { createManualClock } from '../../../test/engine/manual-clock.ts'
import { AT } from '../contract/sample-records.ts'
import { connectRedis } from './connect-redis.ts'
import { createKeyNames } from './key-names.ts'
import { Rebuild } from './rebuild.ts'
import type { RedisClient } from './redis-client.ts'

const url = inject('redisUrl')

const unasked = (): never => {
  throw new Error('nothing is made anew')
}

test.skipIf(url === undefined)('a store that is made anew while another one is about to be opened waits for all processes', async () => {
  const redis = await connectRedis({ kind: 'single', urls: [url ?? ''] })
  const names = createKeyNames(`{bursar-rebuild-${randomBytes(6).toString('hex')}}`)
  const begin = async (epoch: string, openAt: number) => {
    await redis.call('SET', names.meta, `${epoch} 1 rebuilding`)
    await redis.call('HSET', names.about, 'openAt', openAt, 'graceMs', 0)
  }
  const client: RedisClient = {
    ...redis,
    call: (command, ...args) => redis.call(command, ...args),
    run: async (script, keys, args) => {
      await begin('e2', AT + 2500)
      return redis.run(script, keys, args)
    },
  }
  const rebuild = new Rebuild({
    client,
    names,
    clock: createManualClock(AT),
    monotonic: () => 0,
    node: 'n1',
    turn: { isMine: unasked, pass: unasked },
    openState: unasked,
    lastStream: unasked,
    onTrouble: unasked,
  })
  await begin('e1', AT)
  await rebuild.reopen()
  expect(await redis.call('GET', names.meta)).toBe('e2 1 rebuilding')
  expect(await redis.call('HGET', names.about, 'openAt')).toBe(String(AT + 2500))
  for (const name of [names.meta, names.about]) await redis.call('DEL', name)
  await redis.close()
})

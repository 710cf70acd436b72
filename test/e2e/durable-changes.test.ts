import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { canMount, mountSmallDisk, type SmallDisk } from '../services/small-disk.ts'
import { api, chat, post, type Process, remove, startProcess, tempDir, until } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/* What the control plane has acknowledged is there after a kill -9; what it could not write it says, and does not have. */

interface Row {
  readonly id: string
  readonly name: string
  readonly revoked_at: string | null
}

interface Issued extends Row {
  readonly secret: string
}

const BUDGETS = '  - { id: adv, scope: {}, limit: { tokens: 1M } }'

describe.skipIf(!canMount())('while the disk is full', () => {
  let dir: string
  let disk: SmallDisk
  let upstream: Upstream
  let bursar: Process

  beforeEach(async () => {
    dir = tempDir()
    mkdirSync(join(dir, 'data'))
    disk = mountSmallDisk('4m', join(dir, 'data'))
    upstream = await startUpstream((_, response) => answerJson(response, chatCompletion({ input: 10, output: 5 })))
    bursar = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  })

  afterEach(async () => {
    await bursar.kill()
    await upstream.close()
    disk.unmount()
    remove(dir)
  })

  const create = (name: string) => api<Issued>(bursar.url, 'keys', { method: 'POST', body: JSON.stringify({ name }) })
  const change = (path: string) => api<Issued>(bursar.url, path, { method: 'POST', body: '{"reason":"test"}' })
  const rows = async () => (await api<{ keys: readonly Row[] }>(bursar.url, 'keys')).keys.filter(({ id }) => !id.startsWith('file:'))
  const useOf = async ({ secret }: Issued) => {
    const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 5 }
    return (await post(bursar.url, '/v1/chat/completions', body, { authorization: `Bearer ${secret}` })).status
  }
  const restart = async () => {
    await bursar.kill()
    bursar = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  }
  /** Until not even a short record fits. */
  const fill = async () => {
    const makeRoom = disk.fill()
    await until(async () => {
      await chat(bursar.url, 5)
      return (await fetch(`${bursar.url}/readyz`)).status === 503
    })
    return makeRoom
  }

  test('a revocation is answered 503 and the key refused at once; repeated when there is room, it stands after a kill -9', async () => {
    const stolen = await create('stolen')
    expect(await useOf(stolen)).toBe(200)
    const makeRoom = await fill()
    await expect(change(`keys/${stolen.id}/revoke`)).rejects.toThrow(/503 .*store_unavailable.*refuses the key from now on/)
    expect(await useOf(stolen)).toBe(401)
    expect(await rows()).toMatchObject([{ name: 'stolen', revoked_at: null }])
    makeRoom()
    await restart()
    expect(await useOf(stolen)).toBe(200)
    await change(`keys/${stolen.id}/revoke`)
    expect(await useOf(stolen)).toBe(401)
    await restart()
    expect(await useOf(stolen)).toBe(401)
  }, 60_000)

  test('no key is made and no secret replaced, nor a budget reset: what is answered 503 has not happened', async () => {
    const known = await create('known')
    const makeRoom = await fill()
    await expect(create('new')).rejects.toThrow('503')
    await expect(change(`keys/${known.id}/rotate`)).rejects.toThrow('503')
    await expect(change('budgets/adv/reset')).rejects.toThrow('503')
    const inForce = async () => [(await rows()).map(({ name }) => name), await useOf(known)]
    const usedOf = async () => (await api<{ budgets: readonly { used: number }[] }>(bursar.url, 'status')).budgets[0]?.used ?? 0
    expect(await inForce()).toEqual([['known'], 200])
    const used = await usedOf()
    expect(used).toBeGreaterThan(0)
    makeRoom()
    await until(async () => (await fetch(`${bursar.url}/readyz`)).status === 200)
    await restart()
    expect(await inForce()).toEqual([['known'], 200])
    expect(await usedOf()).toBeGreaterThan(used)
    await create('new')
    await restart()
    expect((await inForce())[0]).toEqual(['known', 'new'])
  }, 60_000)
})

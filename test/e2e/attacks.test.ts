import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ATTACKS, wrongAnswer } from '../hostile/attacks.ts'
import { startHostileProvider, USED } from '../hostile/hostile-provider.ts'
import { api, chat, KEY, post, type Process, remove, startProcess, statusOf, tempDir, until } from './bursar.ts'
import { embedded, type OpenTopology, redisAndSqlite } from './topologies.ts'
import type { Upstream } from './upstream.ts'

const HONEST = 'bsr_honest_key_0123456789'
const KEYS = `
  - { name: hostile, secret: ${KEY}, team: hostile, allow: [user, tag.*] }
  - { name: honest, secret: ${HONEST}, team: honest }`
const BUDGETS = `
  - { id: global, limit: { tokens: 1B }, hard_cap: true }
  - { id: honest, scope: { team: honest }, limit: { tokens: 1M }, hard_cap: true }
  - { id: tight, scope: { team: hostile }, each: user, limit: { tokens: 200k }, hard_cap: true }
  - { id: per-model, scope: { team: hostile }, each: model, limit: { tokens: 100M } }`

describe.each([embedded, redisAndSqlite])('attacks by one key, counted $name', (topology) => {
  describe.skipIf(topology.isMissing)('each', () => {
    let open: OpenTopology
    let provider: Upstream
    let dir: string
    /** The last one serves others; where processes share a store it is another than the one that is attacked. */
    let bursars: Process[]
    let honestCalls = 0

    const start = () => startProcess({ upstreamUrl: provider.url, dir, budgets: BUDGETS, keys: KEYS, store: open.store })
    const attacked = () => bursars[0]!
    const other = () => bursars.at(-1)!
    const honest = () =>
      post(
        other().url,
        '/v1/chat/completions',
        { model: 'gpt-4o-mini', messages: [], max_tokens: 50 },
        { authorization: `Bearer ${HONEST}` },
      )

    beforeAll(async () => {
      open = await topology.open()
      provider = await startHostileProvider()
      dir = tempDir()
      await startAll()
    })

    afterAll(async () => {
      for (const { child } of bursars) child.kill('SIGKILL')
      await provider.close()
      await open.close()
      remove(dir)
    })

    async function startAll(): Promise<void> {
      bursars = []
      for (let i = topology.isShared ? 2 : 1; i > 0; i--) bursars.push(await start())
    }

    /** What must be true after every attack: nobody else notices. */
    async function expectAllIsWell(): Promise<void> {
      expect((await honest()).status).toBe(200)
      honestCalls++
      expect(attacked().child.exitCode).toBeNull()
      expect(await (await fetch(`${attacked().url}/readyz`)).json()).toMatchObject({ ready: true })
      await until(async () => (await statusOf(other().url, 'global')).held === 0)
      await until(async () => (await statusOf(other().url, 'honest')).used === honestCalls * (USED.input + USED.output))
      const doctor = await api<{ differences: unknown[]; calls_in_flight: number }>(attacked().url, 'doctor')
      expect(doctor).toMatchObject({ differences: [], calls_in_flight: 0 })
    }

    test.each(ATTACKS)('$name', async (attack) => {
      expect(wrongAnswer(attack, await attack.run({ url: attacked().url, key: KEY }))).toBeUndefined()
      await expectAllIsWell()
      const escaped = provider.received.filter(({ path }) => /%2f|\.\.|admin/i.test(path))
      expect(escaped).toEqual([])
    })

    test('after all of them, accounts are closed and begun anew, and each process starts again with the same sums', async () => {
      expect((await chat(attacked().url, 5)).status).toBe(200)
      await api(attacked().url, 'budgets/per-model/reset', { method: 'POST', body: '{"reason":"test"}' })
      await until(async () => (await api<{ closes: unknown[] }>(other().url, 'history')) !== undefined)
      const before = await statusOf(other().url, 'honest')
      for (const bursar of bursars) expect(await bursar.stop()).toBe(0)
      await startAll()
      expect(await statusOf(other().url, 'honest')).toMatchObject({ used: before.used, held: 0 })
      await expectAllIsWell()
    })
  })
})

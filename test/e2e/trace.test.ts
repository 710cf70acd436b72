import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { api, KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { DATA, hasRecordings } from './recordings.ts'
import { answerJson, chatCompletion, startUpstream } from './upstream.ts'

/** One hour of a real service's requests, as calls through the gateway, as fast as it goes. */
test.skipIf(!hasRecordings)(
  'after a replayed workload the ledger adds up to the trace, to the token',
  async () => {
    const lines = gunzipSync(readFileSync(join(DATA, 'traces/azure_code.csv.gz')))
      .toString()
      .trim()
      .split('\n')
      .slice(1)
    const requests = lines.map((line) => line.split(',').map(Number)).map(([, input = 0, output = 0]) => ({ input, output }))
    const upstream = await startUpstream(({ headers }, response) => {
      const usage = requests[Number(headers['x-trace-line'])]
      if (usage === undefined) throw new Error('no such line')
      answerJson(response, chatCompletion(usage))
    })
    const dir = tempDir()
    const bursar = await startInProcess({
      upstreamUrl: upstream.url,
      dir,
      budgets: `  - { id: global, name: Global, limit: { tokens: 1000M }, hard_cap: true }
  - { id: per-user, name: Users, scope: {}, each: user, limit: { tokens: 1000M }, hard_cap: true }
  - { id: money, name: Money, scope: {}, limit: { usd: 100000 }, hard_cap: true }`,
    })
    let next = 0
    const worker = async () => {
      for (let line = next++; line < requests.length; line = next++) {
        const headers = { 'x-trace-line': String(line), 'x-bursar-user': `user-${line % 50}` }
        const response = await fetch(`${bursar.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
          body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }], max_tokens: 100 }),
        })
        expect(response.status).toBe(200)
        await response.arrayBuffer()
      }
    }
    await Promise.all(Array.from({ length: 32 }, worker))
    const input = requests.reduce((sum, request) => sum + request.input, 0)
    const output = requests.reduce((sum, request) => sum + request.output, 0)
    expect([requests.length, input, output]).toEqual([8819, 18_059_974, 245_896])
    const usage = await api<{ rows: Record<string, number>[] }>(bursar.url, 'usage?group_by=team')
    expect(usage.rows).toMatchObject([{ calls: 8819, input, output, total: input + output, estimated_calls: 0 }])
    const byUser = await api<{ rows: { total: number }[] }>(bursar.url, 'usage?group_by=user')
    expect(byUser.rows).toHaveLength(50)
    expect(byUser.rows.reduce((sum, { total }) => sum + total, 0)).toBe(input + output)
    expect((await statusOf(bursar.url, 'global')).used).toBe(input + output)
    expect((await statusOf(bursar.url, 'money')).used).toBeCloseTo((input * 0.15 + output * 0.6) / 1e6, 5)
    expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
    await bursar.close()
    await upstream.close()
    remove(dir)
  },
  180_000,
)

import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import OpenAI from 'openai'
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { KEY, remove, startInProcess, tempDir } from './bursar.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** Realtime sessions go over WebSockets, which can't be counted: they are refused, and the refusal says so. */

const dir = tempDir()
let upstream: Upstream
let bursar: App

beforeAll(async () => {
  upstream = await startUpstream((_, response) => void response.end())
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: '  - { id: global, name: Global, limit: { tokens: 1M }, hard_cap: true }',
  })
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

test.each(['/v1/realtime?model=gpt-realtime', '/openai/v1/realtime', '/v1/responses', '/v1/models'])(
  'an upgrade of %s is answered with what to do, and nothing reaches the provider',
  async (path) => {
    const request = httpRequest(bursar.url + path, {
      headers: {
        authorization: `Bearer ${KEY}`,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const { error } = JSON.parse((await response.toArray()).join('')) as { error: { code: string; message: string } }
    expect(response.statusCode).toBe(404)
    expect(error.code).toBe('unsupported_path')
    expect(error.message).toContain('websocket')
    expect(upstream.received).toHaveLength(0)
  },
)

test('the official client hears that there is no session', async () => {
  const client = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY, dangerouslyAllowBrowser: true })
  const session = new OpenAIRealtimeWebSocket({ model: 'gpt-realtime' }, client)
  const failed = await new Promise((resolve) => {
    session.on('error', () => resolve('error'))
    session.socket.addEventListener('open', () => resolve('open'))
  })
  expect(failed).toBe('error')
})

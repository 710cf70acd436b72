import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { crossOrigin } from './cross-origin.ts'

let server: Server | undefined
const seen: string[] = []

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  seen.length = 0
})

async function ask(origins: readonly string[], method: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const handle = crossOrigin(async (request, response) => {
    seen.push(request.method ?? '')
    response.writeHead(200, ['content-type', 'text/plain']).end('ok')
  }, origins)
  server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it listens')
  return fetch(`http://127.0.0.1:${address.port}/v1/models`, { method, headers })
}

const PREFLIGHT = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' }

test('a page of a listed origin may call, with a key and never with the browser’s credentials', async () => {
  const asked = await ask(['https://a.example'], 'OPTIONS', { origin: 'https://a.example', ...PREFLIGHT })
  expect(asked.status).toBe(204)
  expect(Object.fromEntries(asked.headers)).toMatchObject({
    'access-control-allow-origin': 'https://a.example',
    'access-control-allow-headers': 'authorization,content-type',
    'access-control-allow-methods': 'GET, POST, DELETE',
    vary: 'origin',
  })
  expect(asked.headers.has('access-control-allow-credentials')).toBe(false)
  expect(seen).toEqual([])
})

test('its answers can be read, with their headers', async () => {
  const answered = await ask(['https://a.example'], 'GET', { origin: 'https://a.example' })
  expect(answered.headers.get('access-control-allow-origin')).toBe('https://a.example')
  expect(answered.headers.get('access-control-expose-headers')).toBe('*')
  expect(await answered.text()).toBe('ok')
})

test.each([
  [[], 'https://a.example'],
  [['https://a.example'], 'https://b.example'],
  [['https://a.example'], 'https://a.example.evil'],
  [['https://a.example'], 'null'],
])('with %j a preflight of %s is a request as any other, and nothing is allowed', async (origins, origin) => {
  const asked = await ask(origins, 'OPTIONS', { origin, ...PREFLIGHT })
  expect([...asked.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  expect(seen).toEqual(['OPTIONS'])
})

test('a list of headers that is none is not said back', async () => {
  const asked = await ask(['*'], 'OPTIONS', { origin: 'https://a.example', ...PREFLIGHT, 'access-control-request-headers': 'a b;c' })
  expect(asked.headers.get('access-control-allow-origin')).toBe('*')
  expect(asked.headers.has('access-control-allow-headers')).toBe(false)
})

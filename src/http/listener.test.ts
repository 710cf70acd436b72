import { once } from 'node:events'
import { request as send } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createListener } from './listener.ts'

const seen: string[] = []
const failures: unknown[] = []
let server: ReturnType<typeof createListener>

beforeEach(async () => {
  seen.length = 0
  failures.length = 0
  const limits = { headMs: 200, checkMs: 20, keepAliveMs: 5000 }
  server = createListener(
    async (request, response) => {
      seen.push(`${request.method} ${request.url}`)
      if (request.url === '/fails') throw new Error('unforeseen')
      request.resume()
      await once(request, 'end')
      response.end('ok')
    },
    (error) => failures.push(error),
    limits,
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function open(): Socket {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it listens')
  return connect(address.port, '127.0.0.1')
}

/** What comes back for those bytes, until the server closes. */
async function answerTo(bytes: string): Promise<string> {
  const socket = open()
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString()
  })
  socket.on('error', () => undefined)
  socket.write(bytes)
  await once(socket, 'close')
  return answer
}

test.each(['', 'GET / HTTP/1.1\r\nx', 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n'])(
  'a head that stays at %j ends with its connection, and others are answered meanwhile',
  async (start) => {
    const slow = answerTo(start)
    expect(await answerTo('GET /other HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toContain('200 OK')
    expect(await slow).not.toContain('200')
    expect(seen).toEqual(['GET /other'])
  },
)

test('a second head on the same connection has its time too', async () => {
  expect(await answerTo('GET /first HTTP/1.1\r\nhost: x\r\n\r\nGET /second HTTP/1.1\r\nx')).toContain('200 OK')
  expect(seen).toEqual(['GET /first'])
})

test.each([
  ['two lengths', 'content-length: 4\r\ncontent-length: 5\r\n\r\nabcde'],
  ['a length and chunks', 'content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['chunks and a length', 'transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n'],
  ['a length with a sign', 'content-length: +4\r\n\r\nabcd'],
  ['a length below 0', 'content-length: -4\r\n\r\nabcd'],
  ['a length in hex', 'content-length: 0x4\r\n\r\nabcd'],
  ['two lengths in one', 'content-length: 4, 4\r\n\r\nabcd'],
  ['an encoding that is none', 'transfer-encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['chunks that are not last', 'transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
  ['a space before the colon', 'content-length : 4\r\n\r\nabcd'],
  ['a folded line', 'x-a: b\r\n c\r\ncontent-length: 0\r\n\r\n'],
  ['a NUL', 'x-a: b\0c\r\n\r\n'],
  ['a bare CR', 'x-a: b\rc: d\r\n\r\n'],
  ['a size that is no number', 'transfer-encoding: chunked\r\n\r\n5g\r\nabcde\r\n0\r\n\r\n'],
])('a request with %s is not read as two', async (_, rest) => {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
  const answer = await answerTo(`POST /a HTTP/1.1\r\nhost: x\r\n${rest}${smuggled}`)
  expect(answer).not.toContain('200 OK')
  expect(seen).not.toContain('GET /smuggled')
})

test.each(['GET / HTTP/1.1\r\n\r\n', `GET / HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`, '\x16\x03\x01'])(
  'a head that is none is refused: %#',
  async (head) => {
    await answerTo(head)
    expect(seen).toEqual([])
  },
)

test('what a handler does not answer ends its connection and no other', async () => {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it listens')
  const request = send({ port: address.port, host: '127.0.0.1', path: '/fails' })
  const failed = once(request, 'error')
  request.end()
  await failed
  expect(failures).toEqual([new Error('unforeseen')])
  expect(await answerTo('GET /other HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toContain('200 OK')
})

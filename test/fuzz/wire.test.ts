import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { makeRequest } from './request.ts'
import { Caller } from './wire.ts'

test('a request that is answered before all of it was sent keeps its bytes out of the next one', async () => {
  const received: string[] = []
  const server = createServer((socket) => {
    const nr = received.push('') - 1
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      received[nr] += chunk.toString('latin1')
      socket.write('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const caller = new Caller(typeof address === 'object' && address !== null ? address.port : 0)
  const plain = { ...makeRequest({ seed: 1, index: 0, skip: new Set() }), method: 'POST', head: 'POST /second HTTP/1.1\r\n' }
  const body = Buffer.alloc(100, 'x')
  await caller.send({ ...plain, head: 'POST /first HTTP/1.1\r\n', body, wire: { kind: 'pieces', sizes: [30, 30, 30], gapMs: 20 } })
  await caller.send({ ...plain, body, wire: { kind: 'plain' } })
  caller.close()
  expect(received).toHaveLength(2)
  expect(received[1]?.startsWith('POST /second')).toBe(true)
})

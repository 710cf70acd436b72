import { once } from 'node:events'
import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { BodyReader, CutOffBody, type HeldBody, RefusedBody } from './body.ts'

const servers: Server[] = []
const sockets: Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** What the reader made of each request, in their order. */
interface Reading {
  readonly port: number
  readonly results: (HeldBody | Error)[]
  readonly next: () => Promise<void>
}

async function read(reader: BodyReader, request: IncomingMessage): Promise<HeldBody | Error> {
  try {
    return await reader.read(request)
  } catch (error) {
    return error instanceof Error ? error : new Error('something else was thrown')
  }
}

async function reading(reader: BodyReader): Promise<Reading> {
  const results: (HeldBody | Error)[] = []
  const waiting: (() => void)[] = []
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      results.push(await read(reader, request))
      response.writeHead(200, request.complete ? {} : { connection: 'close' }).end('ok')
      for (const resolve of waiting.splice(0)) resolve()
    }
    void answer()
  })
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { port, results, next: () => new Promise((resolve) => waiting.push(resolve)) }
}

async function send({ port, next }: Reading, body: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const isRead = next()
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    agent: false,
    headers: { ...(headers['transfer-encoding'] === undefined ? { 'content-length': body.length } : {}), ...headers },
  })
  request.on('error', () => undefined)
  request.end(body)
  await isRead
}

function codeOf(result: HeldBody | Error | undefined): string {
  return result instanceof RefusedBody ? result.code : expect.fail('not refused')
}

function bytesOf(result: HeldBody | Error | undefined): Buffer {
  return result === undefined || result instanceof Error ? expect.fail(result?.message) : result.bytes
}

const roomy = { bytesMax: 1_000_000, bytesInFlightMax: 10_000_000 }
const text = Buffer.from('{"model":"gpt-5"} '.repeat(2000))

test.each([
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['br', brotliCompressSync],
  ['deflate', deflateSync],
  ['zstd', zstdCompressSync],
  ['identity', (bytes: Buffer) => bytes],
] as const)('a body that came as %s is read plain', async (encoding, encode) => {
  const at = await reading(new BodyReader(roomy))
  await send(at, encode(text), { 'content-encoding': encoding })
  expect(bytesOf(at.results[0]).equals(text)).toBe(true)
})

test.each(['compress', 'gzip, br', 'gzip, gzip', 'aes128gcm', 'constructor', 'identity, gzip'])(
  'the content-encoding "%s" is refused before anything of the body is read',
  async (encoding) => {
    const at = await reading(new BodyReader(roomy))
    await send(at, text, { 'content-encoding': encoding })
    expect(codeOf(at.results[0])).toBe('unsupported_encoding')
  },
)

test.each([
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
  ['deflate', deflateSync],
  ['zstd', zstdCompressSync],
] as const)('%s that unfolds beyond the limit is refused there, and what it held is given back', async (encoding, encode) => {
  const reader = new BodyReader(roomy)
  const at = await reading(reader)
  await send(at, encode(Buffer.alloc(8_000_000)), { 'content-encoding': encoding })
  expect(codeOf(at.results[0])).toBe('body_too_large')
  expect(reader.bytesInFlight).toBe(0)
})

test.each([
  ['gzip', gzipSync(text).subarray(0, 60)],
  ['gzip', Buffer.from('no gzip at all')],
  ['br', Buffer.from('no brotli at all')],
  ['zstd', Buffer.from('no zstd at all')],
  ['deflate', text],
])('a body that is not the %s it says is refused', async (encoding, body) => {
  const reader = new BodyReader(roomy)
  const at = await reading(reader)
  await send(at, body, { 'content-encoding': encoding })
  expect(codeOf(at.results[0])).toBe('invalid_request')
  expect(reader.bytesInFlight).toBe(0)
})

test('a body of one byte more than the limit is refused, told or untold', async () => {
  const at = await reading(new BodyReader({ ...roomy, bytesMax: 1000 }))
  await send(at, Buffer.alloc(1000))
  await send(at, Buffer.alloc(1001))
  await send(at, Buffer.alloc(1001), { 'transfer-encoding': 'chunked' })
  expect(bytesOf(at.results[0])).toHaveLength(1000)
  expect([codeOf(at.results[1]), codeOf(at.results[2])]).toEqual(['body_too_large', 'body_too_large'])
})

test('bodies that are held count together, and those that were released or refused do not', async () => {
  const reader = new BodyReader({ ...roomy, bytesInFlightMax: 2500 })
  const at = await reading(reader)
  const body = Buffer.alloc(1000)
  await send(at, body)
  await send(at, body)
  await send(at, body)
  expect(codeOf(at.results[2])).toBe('overloaded')
  expect(reader.bytesInFlight).toBe(2000)
  const [first] = at.results
  if (first === undefined || first instanceof Error) throw new Error('the first is held')
  first.release()
  first.release()
  expect(reader.bytesInFlight).toBe(1000)
  await send(at, body)
  expect(bytesOf(at.results[3])).toHaveLength(1000)
})

function half(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n0123456789')
  return socket
}

test('a body that does not come on is refused, and gives back what it held', async () => {
  const reader = new BodyReader({ ...roomy, idleMs: 50 })
  const at = await reading(reader)
  const isRead = at.next()
  half(at.port)
  await isRead
  expect(codeOf(at.results[0])).toBe('request_timeout')
  expect(reader.bytesInFlight).toBe(0)
})

test('a body that comes on for ever is refused', async () => {
  const reader = new BodyReader({ ...roomy, wholeMs: 100 })
  const at = await reading(reader)
  const isRead = at.next()
  const socket = half(at.port)
  const dripping = setInterval(() => socket.write('x'), 10)
  await isRead
  clearInterval(dripping)
  expect(codeOf(at.results[0])).toBe('request_timeout')
})

test('a caller who hangs up in the middle is no fault of anyone', async () => {
  const reader = new BodyReader(roomy)
  const at = await reading(reader)
  const isRead = at.next()
  const socket = half(at.port)
  setTimeout(() => socket.destroy(), 20)
  await isRead
  expect(at.results[0]).toBeInstanceOf(CutOffBody)
  expect(reader.bytesInFlight).toBe(0)
})

test('however a body is cut into pieces, it is read as it was', async () => {
  const at = await reading(new BodyReader(roomy))
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1000, max: 40_000 })), { minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(sizes, async (all) => {
      const pieces = all.map((size, i) => Buffer.alloc(size, `piece ${i} `))
      const isRead = at.next()
      const socket = connect(at.port, '127.0.0.1')
      socket.write('POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n')
      for (const piece of pieces) socket.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]))
      socket.end('0\r\n\r\n')
      await isRead
      expect(bytesOf(at.results.at(-1)).equals(Buffer.concat(pieces))).toBe(true)
    }),
    { numRuns: 50 },
  )
})

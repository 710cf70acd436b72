import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { AwsEventStreamFramer } from './aws-event-stream.ts'
import { JsonObjectFramer } from './json-objects.ts'
import { EVENT_BYTES_MAX, type SseEvent, SseFramer } from './sse.ts'

function pieces(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const cut: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const next = at + (sizes[i % sizes.length] ?? 1)
    cut.push(bytes.subarray(at, next))
    at = next
  }
  return cut
}

function framed(chunks: readonly Buffer[]): readonly SseEvent[] {
  const framer = new SseFramer()
  return [...chunks.flatMap((chunk) => framer.push(chunk)), framer.end()]
}

const dataOf = (events: readonly SseEvent[]) => events.flatMap(({ data }) => (data === undefined ? [] : [data]))

const anySizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 12 })
const anyText = fc.array(fc.constantFrom('data: a', 'data:', 'data', ': c', 'event: e', '\n', '\r', '\r\n', '\n\n', 'é', '{"a":1}'), {
  maxLength: 40,
})

test('wherever a stream is cut, no byte is lost and the same events are read', () => {
  fc.assert(
    fc.property(anyText, anySizes, (parts, sizes) => {
      const bytes = Buffer.from(parts.join(''))
      const events = framed(pieces(bytes, sizes))
      expect(Buffer.concat(events.map((event) => event.bytes))).toEqual(bytes)
      expect(dataOf(events)).toEqual(dataOf(framed([bytes])))
    }),
  )
})

/** How many bytes are copied, searched or put together while `read` runs. */
function bytesHandled(read: () => void): number {
  let bytes = 0
  const count = (length: number) => void (bytes += length)
  const { copy, indexOf, includes } = Buffer.prototype
  const concat = Buffer.concat.bind(Buffer)
  const spies = [
    vi.spyOn(Buffer.prototype, 'copy').mockImplementation(function (this: Buffer, ...args) {
      const copied = copy.apply(this, args)
      count(copied)
      return copied
    }),
    vi.spyOn(Buffer.prototype, 'indexOf').mockImplementation(function (this: Buffer, ...args) {
      const found = indexOf.apply(this, args)
      count((found === -1 ? this.length : found) - Number(args[1] ?? 0))
      return found
    }),
    vi.spyOn(Buffer.prototype, 'includes').mockImplementation(function (this: Buffer, ...args) {
      count(this.length)
      return includes.apply(this, args)
    }),
    vi.spyOn(Buffer, 'concat').mockImplementation((list, length) => {
      const joined = concat(list, length)
      count(joined.length)
      return joined
    }),
  ]
  read()
  for (const spy of spies) spy.mockRestore()
  return bytes
}

const framers: readonly (readonly [string, () => { push: (chunk: Buffer) => unknown }, (bytes: number) => Buffer])[] = [
  ['an event', () => new SseFramer(), (size) => Buffer.from(`data: ${'A'.repeat(size)}\n\n`)],
  ['an event of many lines', () => new SseFramer(), (size) => Buffer.from(`${'data: A\n'.repeat(size / 8)}\n`)],
  ['an event with CR', () => new SseFramer(), (size) => Buffer.from(`${'data: A\r\n'.repeat(size / 9)}\r\n`)],
  ['an event that does not end', () => new SseFramer(), (size) => Buffer.alloc(size, 'A')],
  ['an event larger than is read', () => new SseFramer(), (size) => Buffer.alloc(EVENT_BYTES_MAX + size, 'A')],
  ['JSON', () => new JsonObjectFramer(), (size) => Buffer.from(`[{"a":"${'A'.repeat(size)}"}]`)],
  ['AWS messages', () => new AwsEventStreamFramer(), (size) => Buffer.concat([Buffer.from('01000000', 'hex'), Buffer.alloc(size)])],
]

test.each(framers)('the work on %s grows as the bytes do, also where they come in pieces of 128', (_, create, bytesOf) => {
  const workOf = (size: number) => {
    const chunks = pieces(bytesOf(size), [128])
    const framer = create()
    const handled = bytesHandled(() => chunks.forEach((chunk) => framer.push(chunk)))
    return handled / chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }
  expect(workOf(1 << 16)).toBeLessThan(8)
  expect(workOf(1 << 19)).toBeLessThan(8)
})

test('an event larger than the bound passes unread, in pieces and without being kept; what follows is read', () => {
  const bytes = Buffer.concat([
    Buffer.from(`data: ${'A'.repeat(EVENT_BYTES_MAX)}\ndata: x\r\n\r\n`),
    Buffer.from('data: one\r\n\r\ndata: two\n\n'),
  ])
  for (const size of [bytes.length, 1 << 16, (1 << 16) + 1]) {
    const events = framed(pieces(bytes, [size]))
    expect(Buffer.concat(events.map((event) => event.bytes)).equals(bytes)).toBe(true)
    expect(dataOf(events).map((data) => data.slice(0, 9))).toEqual(['one', 'two'])
    expect(events.some(({ isUnread }) => isUnread)).toBe(true)
  }
})

import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import { expect, test } from 'vitest'
import { AwsEventStreamFramer, type EventStreamMessage } from './aws-event-stream.ts'

const codec = new EventStreamCodec(toUtf8, fromUtf8)

function encode(name: string, payload: Uint8Array, kind: EventStreamMessage['kind'] = 'event'): Buffer {
  const nameHeader = { event: ':event-type', exception: ':exception-type', error: ':error-code' }[kind]
  const headers = {
    ':message-type': { type: 'string' as const, value: kind },
    [nameHeader]: { type: 'string' as const, value: name },
    ':content-type': { type: 'string' as const, value: 'application/json' },
  }
  return Buffer.from(codec.encode({ headers, body: payload }))
}

function pieces(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const cut: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const next = at + (sizes[i % sizes.length] ?? 1)
    cut.push(bytes.subarray(at, next))
    at = next
  }
  return cut
}

function read(chunks: readonly Buffer[]): { readonly messages: readonly EventStreamMessage[]; readonly isDamaged: boolean } {
  const framer = new AwsEventStreamFramer()
  return { messages: chunks.flatMap((chunk) => framer.push(chunk)), isDamaged: framer.isDamaged }
}

const anyMessage = fc.record({
  kind: fc.constantFrom('event' as const, 'exception' as const, 'error' as const),
  name: fc.string({ minLength: 1, maxLength: 40 }),
  payload: fc.uint8Array({ maxLength: 400 }),
})
const anySizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 })

test('the empty message of the specification is read', () => {
  // Lengths 16 and 0, their CRC-32, and the message's: the example `empty_message` of the encoding's test vectors.
  const bytes = Buffer.from('000000100000000005c248eb7d98c8ff', 'hex')
  expect(read([bytes])).toEqual({ messages: [{ kind: 'event', name: '', payload: Buffer.alloc(0) }], isDamaged: false })
})

test('wherever the stream is cut, the same messages are read', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 12 }), anySizes, (sent, sizes) => {
      const bytes = Buffer.concat(sent.map(({ kind, name, payload }) => encode(name, payload, kind)))
      const expected = sent.map(({ kind, name, payload }) => ({ kind, name, payload: Buffer.from(payload) }))
      expect(read(pieces(bytes, sizes))).toEqual({ messages: expected, isDamaged: false })
    }),
  )
})

test('a message that is cut off is not read, and no damage', () => {
  const bytes = Buffer.concat([encode('one', Buffer.from('1')), encode('two', Buffer.from('2'))])
  expect(read([bytes.subarray(0, -1)])).toMatchObject({ messages: [{ name: 'one' }], isDamaged: false })
})

test('a message with a damaged payload is left out, those around it are read', () => {
  const damaged = encode('two', Buffer.from('{}'))
  damaged.writeUInt8(0, damaged.length - 5)
  const bytes = Buffer.concat([encode('one', Buffer.from('1')), damaged, encode('three', Buffer.from('3'))])
  expect(read([bytes])).toMatchObject({ messages: [{ name: 'one' }, { name: 'three' }], isDamaged: true })
})

test.each([
  ['with a wrong checksum', 100, 1],
  ['that claims nearly 4 GiB', 0xfffffff0, 0],
  ['that claims less than its headers', 20, 0],
])('behind a prelude %s nothing is read', (_, length, error) => {
  const prelude = Buffer.alloc(12)
  prelude.writeUInt32BE(length, 0)
  prelude.writeUInt32BE(10, 4)
  prelude.writeUInt32BE((crc32(prelude.subarray(0, 8)) ^ error) >>> 0, 8)
  const chunks = [encode('one', Buffer.from('1')), prelude, encode('two', Buffer.from('2'))]
  expect(read(chunks)).toMatchObject({ messages: [{ name: 'one' }], isDamaged: true })
})

test('whatever the bytes, reading never throws, and takes no more than linear time', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 6 }), fc.nat(), fc.uint8Array({ maxLength: 40 }), anySizes, (sent, at, noise, sizes) => {
      const bytes = Buffer.concat([...sent.map(({ name, payload }) => encode(name, payload)), Buffer.from(noise)])
      if (bytes.length > 0) bytes.writeUInt8(at % 256, at % bytes.length)
      expect(() => read(pieces(bytes, sizes))).not.toThrow()
    }),
  )
  const large = encode('chunk', Buffer.alloc(4 * 1024 * 1024, 0x61))
  const startedAt = performance.now()
  expect(read(pieces(large, [64])).messages.length).toBe(1)
  expect(performance.now() - startedAt).toBeLessThan(5000)
})

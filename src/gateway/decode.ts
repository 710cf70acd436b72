import type { Transform } from 'node:stream'
import zlib from 'node:zlib'

/** A decoder; `bytesWritten` are those of the encoding that it has taken so far. */
export type Decoder = Transform & { readonly bytesWritten: number }

/** An encoded answer is read up to so many bytes of content, as an answer without an encoding is. */
const DECODED_BYTES_MAX = 64 * 1024 * 1024

/**
 * What is larger than this, and so many times as large as its encoded bytes, is no answer of a model: text and its JSON come to
 * a hundredth at most.
 */
export const RATIO_MAX = 1000
export const RATIO_BYTES_MIN = 16 * 1024 * 1024

/** True where the bytes are the content. */
export function isPlain(encoding: string): boolean {
  return encoding === '' || encoding === 'identity'
}

type Decode = (body: Buffer, options: { readonly maxOutputLength: number }, done: (error: Error | null, content: Buffer) => void) => void

const DECODE: Readonly<Record<string, Decode>> = {
  gzip: (...call) => zlib.gunzip(...call),
  'x-gzip': (...call) => zlib.gunzip(...call),
  br: (...call) => zlib.brotliDecompress(...call),
  deflate: (...call) => zlib.inflate(...call),
  zstd: (...call) => zlib.zstdDecompress(...call),
}

/** The content of an encoded body, decoded beside the event loop; undefined where it can't be, or is too large. */
export function decodeWhole(body: Buffer, encoding: string): Promise<Buffer | undefined> {
  const decode = Object.hasOwn(DECODE, encoding) ? DECODE[encoding] : undefined
  if (decode === undefined) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    decode(body, { maxOutputLength: DECODED_BYTES_MAX }, (error, content) => resolve(error === null ? content : undefined))
  })
}

/** A decoder for a body that comes in pieces; undefined where the encoding is not known. It fails where the encoding breaks, or breaks off. */
export function createDecoder(encoding: string): Decoder | undefined {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH })
    case 'br':
      return zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH })
    case 'deflate':
      return zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH })
    case 'zstd':
      return zlib.createZstdDecompress({ flush: zlib.constants.ZSTD_e_flush })
    default:
      return undefined
  }
}

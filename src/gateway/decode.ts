import type { Transform } from 'node:stream'
import zlib from 'node:zlib'

const DECODED_BYTES_MAX = 256 * 1024 * 1024

/** The content of an encoded body. What can't be decoded is returned as it is: it carries no usage that could be read. */
export function decodeWhole(body: Buffer, encoding: string): Buffer {
  const options = { maxOutputLength: DECODED_BYTES_MAX }
  try {
    switch (encoding) {
      case 'gzip':
      case 'x-gzip':
        return zlib.gunzipSync(body, options)
      case 'br':
        return zlib.brotliDecompressSync(body, options)
      case 'deflate':
        return zlib.inflateSync(body, options)
      case 'zstd':
        return zlib.zstdDecompressSync(body, options)
      default:
        return body
    }
  } catch {
    return body
  }
}

/** A decoder for a body that comes in pieces; undefined where the bytes are the content. */
export function createDecoder(encoding: string): Transform | undefined {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH })
    case 'br':
      return zlib.createBrotliDecompress({
        flush: zlib.constants.BROTLI_OPERATION_FLUSH,
        finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH,
      })
    case 'deflate':
      return zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH })
    case 'zstd':
      return zlib.createZstdDecompress()
    default:
      return undefined
  }
}

import type { Transform } from 'node:stream'
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'

const CHUNK_BYTES = 64 * 1024

/** A stream may not ask for a larger window (https://www.rfc-editor.org/rfc/rfc9659). */
const ZSTD_WINDOW_LOG_MAX = 23

const gunzip = (): Transform => createGunzip({ chunkSize: CHUNK_BYTES })

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: () => createInflate({ chunkSize: CHUNK_BYTES }),
  br: () => createBrotliDecompress({ chunkSize: CHUNK_BYTES }),
  zstd: () => createZstdDecompress({ chunkSize: CHUNK_BYTES, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } }),
}

/** How a body is written that came in no other way. */
const PLAIN: ReadonlySet<string> = new Set(['', 'identity'])

/**
 * What decodes a body, in pieces and off the event loop; null where it is plain.
 * @param encoding a `content-encoding` header (RFC 9110 8.4)
 * @returns undefined where it is unknown, or more than one
 */
export function bodyDecoder(encoding = ''): Transform | null | undefined {
  const name = encoding.trim().toLowerCase()
  if (PLAIN.has(name)) return null
  return Object.hasOwn(DECODERS, name) ? DECODERS[name]?.() : undefined
}

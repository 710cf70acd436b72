import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { bodyDecoder } from './body-decoder.ts'
import type { Code } from './error-codes.ts'

/** A body that is not read, or not to its end. The connection can't be used any more. */
export class RefusedBody extends Error {
  override readonly name = 'RefusedBody'
  readonly code: Code

  constructor(code: Code, message: string) {
    super(message)
    this.code = code
  }
}

/** The caller hung up before its request was whole: nobody is there to be answered. */
export class CutOffBody extends Error {
  override readonly name = 'CutOffBody'
}

export interface BodyLimits {
  /** A body of this size is still read; decoded. */
  readonly bytesMax: number
  /** What all bodies of the process may have together, from their first byte until they are released. */
  readonly bytesInFlightMax: number
  readonly idleMs?: number
  readonly wholeMs?: number
}

/** Between two pieces of a body. A connection that brings nothing for so long is stuck, or keeps bytes here on purpose. */
const BODY_IDLE_MS = 30_000

/** For a whole body: 32 MiB in that time are less than half a megabit a second. */
const BODY_MS = 600_000

const NO_BYTES = Buffer.alloc(0)

/** A body that was read. Its bytes count as long as it is held. */
export interface HeldBody {
  readonly bytes: Buffer
  /** The bytes are not needed any more; may be called again. */
  readonly release: () => void
}

const NO_BODY: HeldBody = { bytes: NO_BYTES, release: () => undefined }

/** Reads the bodies of requests, each within its limits and all together within theirs. */
export class BodyReader {
  readonly #limits: Required<BodyLimits>
  #bytesInFlight = 0

  constructor(limits: BodyLimits) {
    this.#limits = { idleMs: BODY_IDLE_MS, wholeMs: BODY_MS, ...limits }
  }

  /** Of all bodies that are read or held. */
  get bytesInFlight(): number {
    return this.#bytesInFlight
  }

  /**
   * The body, decoded. It is to be released in the end.
   * @throws RefusedBody `body_too_large`, `unsupported_encoding`, `invalid_request` where it can't be decoded, `overloaded` where all
   * bodies are too much together, `request_timeout` where it does not come on; CutOffBody
   */
  async read(request: IncomingMessage): Promise<HeldBody> {
    const { headers } = request
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return NO_BODY
    if (Number(headers['content-length'] ?? 0) > this.#limits.bytesMax) throw this.#tooLarge()
    const decoder = bodyDecoder(headers['content-encoding'])
    if (decoder === undefined) throw unsupported(headers['content-encoding'] ?? '')
    const pieces = new Pieces()
    try {
      const bytes = await this.#collect(request, decoder, pieces)
      return { bytes, release: () => this.#give(pieces.letGo()) }
    } catch (error) {
      this.#give(pieces.letGo())
      request.removeAllListeners('data')
      request.unpipe()
      decoder?.destroy()
      throw error
    }
  }

  #collect(request: IncomingMessage, decoder: Transform | null, pieces: Pieces): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const { idleMs, wholeMs } = this.#limits
    const endsAt = performance.now() + wholeMs
    const idle = setTimeout(() => fail(late(this.#limits)), idleMs)
    const fail = (error: Error): void => {
      clearTimeout(idle)
      reject(error)
    }
    const source = decoder ?? request
    request.on('data', () => {
      idle.refresh()
      if (performance.now() > endsAt) fail(late(this.#limits))
    })
    source.on('data', (piece: Buffer) => {
      const problem = this.#take(piece, pieces)
      if (problem !== undefined) fail(problem)
    })
    source.on('end', () => {
      clearTimeout(idle)
      resolve(pieces.together())
    })
    request.on('error', () => fail(new CutOffBody('the caller hung up while it sent its request')))
    if (decoder !== null) {
      decoder.on('error', () => fail(new RefusedBody('invalid_request', 'the request body is not what its content-encoding says')))
      request.pipe(decoder)
    }
    return promise
  }

  #take(piece: Buffer, pieces: Pieces): RefusedBody | undefined {
    if (pieces.length + piece.length > this.#limits.bytesMax) return this.#tooLarge()
    if (this.#bytesInFlight + piece.length > this.#limits.bytesInFlightMax) return overloaded()
    this.#bytesInFlight += piece.length
    pieces.add(piece)
    return undefined
  }

  #give(bytes: number): void {
    this.#bytesInFlight -= bytes
  }

  #tooLarge(): RefusedBody {
    return new RefusedBody('body_too_large', `the request body is larger than ${this.#limits.bytesMax} bytes (server.max_body_bytes)`)
  }
}

function unsupported(encoding: string): RefusedBody {
  const found = JSON.stringify(encoding.slice(0, 50))
  return new RefusedBody(
    'unsupported_encoding',
    `the content-encoding ${found} is not read here: send the body plain, or as gzip, deflate, br or zstd`,
  )
}

function late({ idleMs, wholeMs }: Required<BodyLimits>): RefusedBody {
  const message = `the request body did not come on for ${idleMs / 1000} seconds, or was not whole after ${wholeMs / 1000}`
  return new RefusedBody('request_timeout', message)
}

function overloaded(): RefusedBody {
  return new RefusedBody('overloaded', 'the requests that are open have too many bytes together (server.max_bytes_in_flight): retry')
}

/** Pieces below this are copied together, so that a body of single bytes takes no more memory than its bytes. */
const SMALL_BYTES = 16 * 1024
const BLOCK_BYTES = 64 * 1024

/** The pieces of one body. */
class Pieces {
  #pieces: Buffer[] = []
  /** What of the last block is free. */
  #free: Buffer = NO_BYTES
  length = 0

  add(piece: Buffer): void {
    this.length += piece.length
    if (this.#pieces.length === 0 || piece.length >= SMALL_BYTES) {
      this.#pieces.push(piece)
      this.#free = NO_BYTES
    } else {
      this.#copy(piece)
    }
  }

  #copy(piece: Buffer): void {
    if (piece.length > this.#free.length) {
      this.#free = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      this.#pieces.push(this.#free.subarray(0, 0))
    }
    piece.copy(this.#free)
    const last = this.#pieces.pop() ?? NO_BYTES
    this.#pieces.push(Buffer.from(last.buffer, last.byteOffset, last.length + piece.length))
    this.#free = this.#free.subarray(piece.length)
  }

  together(): Buffer {
    const [only] = this.#pieces
    const bytes = this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#free = NO_BYTES
    return bytes
  }

  /** How many bytes there were, once. */
  letGo(): number {
    const { length } = this
    this.length = 0
    this.#pieces = []
    return length
  }
}

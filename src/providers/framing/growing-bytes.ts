const NO_BYTES = Buffer.alloc(0)
const ROOM_BYTES_MIN = 256

/**
 * Bytes that come in pieces and are read when they are together. The room for them doubles, so that each byte is copied a few
 * times at most, however small the pieces are; and no piece keeps alive the larger buffer that it was cut from.
 */
export class GrowingBytes {
  #room: Buffer = NO_BYTES
  #length = 0

  get length(): number {
    return this.#length
  }

  add(piece: Buffer): void {
    const length = this.#length + piece.length
    if (length > this.#room.length) this.#growTo(length)
    piece.copy(this.#room, this.#length)
    this.#length = length
  }

  /** What is here, without a copy: what is added later may stand behind it in the same memory. */
  bytes(): Buffer {
    return this.#room.subarray(0, this.#length)
  }

  /** Hands all of it over, and begins anew. */
  take(): Buffer {
    const bytes = this.bytes()
    this.#room = NO_BYTES
    this.#length = 0
    return bytes
  }

  #growTo(length: number): void {
    const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#room.length, ROOM_BYTES_MIN))
    this.#room.copy(grown, 0, 0, this.#length)
    this.#room = grown
  }
}

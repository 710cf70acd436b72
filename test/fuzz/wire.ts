import { connect, type Socket } from 'node:net'
import type { FuzzRequest } from './request.ts'

/** What became of a request, as its caller saw it. */
export interface Outcome {
  /** Absent: no answer came. */
  readonly status?: number
  readonly callId?: string
  /** The first bytes of the answer's body. */
  readonly text: string
  /** `late`: neither an answer nor the connection's end came in time. */
  readonly end: 'answered' | 'closed' | 'hung up' | 'late'
}

const ANSWER_MS = 30_000
/** What is sent in a wrong frame may be answered, or never. */
const RAW_MS = 1500
const TEXT_MAX = 400

/** Sends requests one after another, over one connection as long as that lasts. */
export class Caller {
  readonly #port: number
  #idle: Socket | undefined

  constructor(port: number) {
    this.#port = port
  }

  async send(request: FuzzRequest): Promise<Outcome> {
    const kept = this.#takeIdle()
    const socket = kept ?? (await open(this.#port))
    if (socket === undefined) return { text: 'no connection', end: 'closed' }
    const { outcome, isSent } = await exchange(socket, request)
    // The server may close an idle connection at any time: what was then sent was not read.
    if (kept !== undefined && outcome.end === 'closed' && outcome.status === undefined) return this.send(request)
    // What is answered before all of it is sent would end in the middle of the next request.
    if (outcome.end === 'answered' && isSent && isReusable(request) && !socket.destroyed) this.#idle = socket
    else socket.destroy()
    return outcome
  }

  close(): void {
    this.#idle?.destroy()
  }

  #takeIdle(): Socket | undefined {
    const socket = this.#idle
    this.#idle = undefined
    return socket === undefined || socket.destroyed || !socket.writable ? undefined : socket
  }
}

function isReusable({ wire }: FuzzRequest): boolean {
  return wire.kind === 'plain' || wire.kind === 'pieces' || wire.kind === 'chunked'
}

function open(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}

interface Exchanged {
  readonly outcome: Outcome
  /** False: the request's own bytes are still being written. */
  readonly isSent: boolean
}

function exchange(socket: Socket, request: FuzzRequest): Promise<Exchanged> {
  const { wire, method } = request
  let isSent = false
  const reader = new AnswerReader(method)
  return new Promise((resolve) => {
    const finish = (end: Outcome['end']) => {
      clearTimeout(deadline)
      socket.removeAllListeners()
      socket.on('error', () => socket.destroy())
      resolve({ outcome: { ...reader.seen(), end }, isSent })
    }
    const deadline = setTimeout(() => finish(wire.kind === 'raw' ? 'hung up' : 'late'), wire.kind === 'raw' ? RAW_MS : ANSWER_MS)
    const hangUp = (afterMs: number) => setTimeout(() => finish('hung up'), afterMs)
    socket.on('data', (chunk: Buffer) => {
      if (reader.push(chunk)) return finish('answered')
      if (wire.kind === 'hang-up' && wire.isAfterHead && reader.hasHead()) hangUp(wire.afterMs)
    })
    socket.on('close', () => finish(reader.endsWithConnection() ? 'answered' : 'closed'))
    socket.on('error', () => finish('closed'))
    void write(socket, request, hangUp).then(() => (isSent = true))
  })
}

async function write(socket: Socket, { head, body, wire, method }: FuzzRequest, hangUp: (afterMs: number) => void): Promise<void> {
  const isBare = body.length === 0 && (method === 'GET' || method === 'HEAD' || method === 'DELETE')
  const whole = Buffer.concat([Buffer.from(`${head}${isBare ? '' : `content-length: ${body.length}\r\n`}\r\n`, 'latin1'), body])
  if (wire.kind === 'raw') return void socket.write(oddFrame(head, body, wire.why))
  if (wire.kind === 'chunked') return void socket.write(chunked(head, body, wire))
  if (wire.kind === 'pieces') return writePieces(socket, whole, wire)
  if (wire.kind === 'cut') return void socket.write(whole.subarray(0, Math.floor(whole.length * wire.share)), () => hangUp(0))
  if (wire.kind === 'stall') return void socket.write(whole.subarray(0, Math.floor(whole.length * wire.share)), () => hangUp(wire.ms))
  socket.write(whole)
  if (wire.kind === 'hang-up' && !wire.isAfterHead) hangUp(wire.afterMs)
  if (wire.kind === 'slow-reader') {
    socket.pause()
    setTimeout(() => socket.resume(), wire.ms)
  }
}

async function writePieces(socket: Socket, whole: Buffer, { sizes, gapMs }: { sizes: readonly number[]; gapMs: number }): Promise<void> {
  let at = 0
  for (const size of sizes) {
    if (at >= whole.length || socket.destroyed) return
    socket.write(whole.subarray(at, at + size))
    at += size
    await new Promise((resolve) => setTimeout(resolve, gapMs))
  }
  socket.write(whole.subarray(at))
}

function chunked(head: string, body: Buffer, { size, extension }: { size: number; extension: string }): Buffer {
  const pieces: Buffer[] = [Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n`, 'latin1')]
  // A byte at a time is for small bodies.
  const step = Math.max(size, Math.ceil(body.length / 500))
  for (let at = 0; at < body.length; at += step) {
    const piece = body.subarray(at, at + step)
    pieces.push(Buffer.from(`${piece.length.toString(16)}${at === 0 ? extension : ''}\r\n`), piece, Buffer.from('\r\n'))
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')])
}

/** Heads that say something else of the body than is there. */
function oddFrame(head: string, body: Buffer, why: string): Buffer {
  const framed = (lines: string, sent = body) => Buffer.concat([Buffer.from(`${head}${lines}\r\n`, 'latin1'), sent])
  const length = (bytes: number) => `content-length: ${bytes}\r\n`
  const inChunks = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
  switch (why) {
    case 'length-short':
      return framed(length(Math.floor(body.length / 2)))
    case 'length-long':
      return framed(length(body.length + 10))
    case 'length-twice':
      return framed(length(body.length) + length(1))
    case 'length-and-chunked':
      return framed(`${length(body.length)}transfer-encoding: chunked\r\n`, inChunks)
    case 'length-odd':
      return framed('content-length: +5x\r\n')
    case 'no-length':
      return framed('')
    case 'bad-chunk':
      return framed('transfer-encoding: chunked\r\n', Buffer.concat([Buffer.from('zz\r\n'), body]))
    case 'http-1.0':
      return Buffer.from(framed(length(body.length)).toString('latin1').replace('HTTP/1.1', 'HTTP/1.0'), 'latin1')
    case 'http-2-preface':
      return Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    case 'bare-lf':
      return Buffer.concat([Buffer.from(`${head}${length(body.length)}\r\n`.replaceAll('\r\n', '\n'), 'latin1'), body])
    default: {
      const one = framed(length(body.length))
      return Buffer.concat([one, one])
    }
  }
}

/** Finds the end of one answer in the bytes of a connection. */
class AnswerReader {
  readonly #isHead: boolean
  #pending = ''
  #status: number | undefined
  #callId: string | undefined
  #text = ''
  /** Bytes of the body, or of a chunk with its line end, that are still to come; undefined: the size of a chunk is next. */
  #left: number | undefined
  #framing: 'length' | 'chunked' | 'connection' = 'length'

  constructor(method: string) {
    this.#isHead = method === 'HEAD'
  }

  /** True once the answer is there in full. */
  push(chunk: Buffer): boolean {
    this.#pending += chunk.toString('latin1')
    while (this.#status === undefined) {
      const end = this.#pending.indexOf('\r\n\r\n')
      if (end < 0) return false
      this.#readHead(this.#pending.slice(0, end))
      this.#pending = this.#pending.slice(end + 4)
    }
    return this.#isBodyDone()
  }

  hasHead(): boolean {
    return this.#status !== undefined
  }

  endsWithConnection(): boolean {
    return this.#status !== undefined && this.#framing === 'connection'
  }

  seen(): Omit<Outcome, 'end'> {
    const status = this.#status === undefined ? {} : { status: this.#status }
    return { ...status, ...(this.#callId === undefined ? {} : { callId: this.#callId }), text: this.#text }
  }

  #readHead(head: string): void {
    const status = Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length))
    if (status < 200) return
    this.#status = status
    this.#callId = /^x-bursar-call: *(\S+)/im.exec(head)?.[1]
    const length = /^content-length: *(\d+)/im.exec(head)?.[1]
    const isBare = this.#isHead || status === 204 || status === 304
    if (isBare || length !== undefined) this.#left = isBare ? 0 : Number(length)
    else this.#framing = /^transfer-encoding: *chunked/im.test(head) ? 'chunked' : 'connection'
  }

  #isBodyDone(): boolean {
    if (this.#framing === 'connection') return this.#take(this.#pending.length)
    if (this.#framing === 'length') {
      this.#left = (this.#left ?? 0) - Math.min(this.#left ?? 0, this.#pending.length)
      this.#take(this.#pending.length)
      return this.#left === 0
    }
    return this.#areChunksDone()
  }

  #take(bytes: number): false {
    if (this.#text.length < TEXT_MAX) this.#text += this.#pending.slice(0, Math.min(bytes, TEXT_MAX))
    this.#pending = this.#pending.slice(bytes)
    return false
  }

  #areChunksDone(): boolean {
    for (;;) {
      const lineEnd = this.#pending.indexOf('\r\n')
      if (lineEnd < 0) return false
      const size = Number.parseInt(this.#pending.slice(0, lineEnd), 16)
      const whole = lineEnd + 2 + size + 2
      if (this.#pending.length < whole) return false
      if (size === 0) return true
      this.#pending = this.#pending.slice(lineEnd + 2)
      this.#take(size)
      this.#pending = this.#pending.slice(2)
    }
  }
}

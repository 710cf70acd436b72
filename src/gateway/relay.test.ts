import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import type { Dispatcher } from 'undici'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { AnswerReader } from './answer-reader.ts'
import { deadlinesOf } from './deadlines.ts'
import { Relay } from './relay.ts'

const NOTHING = { isComplete: false, produced: '', producedBeyond: 0, isError: false }
const reader: AnswerReader = {
  isStream: true,
  hasJsonStreams: false,
  hidesUsageChunk: false,
  readsOn: false,
  whole: () => NOTHING,
  stream: () => ({ push: (chunk) => chunk, end: () => Buffer.alloc(0), reading: () => NOTHING }),
}

/** An answer to a client that reads nothing until it is told to. */
async function unreadAnswer(): Promise<{ readonly response: ServerResponse; readonly read: () => number }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const socket = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1').pause()
  onTestFinished(() => void [socket.destroy(), server.close()])
  const answering: Promise<ServerResponse> = new Promise((resolve) => server.once('request', (_request, response) => resolve(response)))
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  let bytes = 0
  const read = () => {
    if (socket.isPaused()) socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume()
    return bytes
  }
  return { response: await answering, read }
}

test('chunks that come faster than the client reads wait for it once, and all of them arrive', async () => {
  const { response, read } = await unreadAnswer()
  const relay = new Relay(response, { reader, extraHeaders: () => ({}), deadlines: deadlinesOf(600_000) })
  const calls: string[] = []
  const controller: Dispatcher.DispatchController = {
    aborted: false,
    paused: false,
    reason: null,
    abort: () => undefined,
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
  }
  relay.onRequestStart(controller)
  relay.onResponseStart(controller, 200, { 'content-type': 'text/event-stream' })
  const before = response.listenerCount('drain')
  const chunk = Buffer.alloc(1 << 20, 'x')
  for (let i = 0; i < 20; i++) relay.onResponseData(controller, chunk)
  expect(response.listenerCount('drain') - before).toBe(1)
  await vi.waitFor(() => expect(read()).toBeGreaterThan(20 * chunk.length), { timeout: 5000 })
  expect(calls).toEqual(['pause', 'resume'])
})

test('a client that is gone before its request went out costs nothing, and the request does not go out', async () => {
  const { response } = await unreadAnswer()
  const relay = new Relay(response, { reader: { ...reader, readsOn: true }, extraHeaders: () => ({}), deadlines: deadlinesOf(600_000) })
  response.destroy()
  expect((await relay.relayed).end).toEqual({ kind: 'not_sent' })
  let isAborted = false
  const abort = () => void (isAborted = true)
  relay.onRequestStart({ aborted: false, paused: false, reason: null, abort, pause: () => undefined, resume: () => undefined })
  expect(isAborted).toBe(true)
})

test('an answer that goes on for longer than any may, however steadily, breaks off', async () => {
  const { response } = await unreadAnswer()
  const deadlines = { ...deadlinesOf(600_000), answerMs: 50 }
  const relay = new Relay(response, { reader, extraHeaders: () => ({}), deadlines })
  const controller = {
    aborted: false,
    paused: false,
    reason: null,
    abort: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
  }
  relay.onRequestStart(controller)
  relay.onResponseStart(controller, 200, { 'content-type': 'text/event-stream' })
  const sending = setInterval(() => relay.onResponseData(controller, Buffer.from(': still here\n\n')), 5)
  onTestFinished(() => clearInterval(sending))
  expect((await relay.relayed).end).toMatchObject({ kind: 'cut', isTimeout: true })
})

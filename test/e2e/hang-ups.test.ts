import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { api, KEY, remove, startInProcess, statusOf, tempDir, until } from './bursar.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/* What a call costs whose caller hung up, or reads nothing: what the provider bills, where that can be learnt, else what was held. */

const USAGE = { prompt_tokens: 100, completion_tokens: 3000, total_tokens: 3100 }
const chunk = (content: string) => ({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })
const event = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`

let dir: string
let upstream: Upstream
let bursar: App | undefined
let sockets: Socket[]
/** Lets the provider end its answer; its caller hung up by then. */
let finish: () => void
/** The provider's side was closed before its answer ended. */
let isCancelled: boolean
let answer: (response: ServerResponse, isFinished: Promise<void>) => Promise<void>

beforeEach(async () => {
  dir = tempDir()
  sockets = []
  isCancelled = false
  const isFinished = new Promise<void>((resolve) => (finish = resolve))
  upstream = await startUpstream(async (_, response) => {
    response.on('close', () => (isCancelled = !response.writableFinished))
    await answer(response, isFinished)
  })
})

afterEach(async () => {
  finish()
  for (const socket of sockets) socket.destroy()
  await bursar?.close()
  await upstream.close()
  remove(dir)
})

async function start({ timeout = '5s', server = '' }: { timeout?: string; server?: string } = {}): Promise<string> {
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    timeout,
    server,
    budgets: '  - { id: global, limit: { tokens: 10M }, hard_cap: true }',
    providers: `  bedrock: { api: bedrock, base_url: ${upstream.url}, api_key: x, region: us-east-1, timeout: ${timeout} }
  azure: { api: azure, base_url: ${upstream.url}, api_key: x, timeout: ${timeout} }`,
  })
  return bursar.url
}

/** A call whose client reads nothing unless it is told to. */
function call(url: string, path: string, body: object): Socket {
  const text = JSON.stringify(body)
  const socket = connect(Number(new URL(url).port), '127.0.0.1').pause()
  socket.on('error', () => undefined)
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: b\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
  sockets.push(socket)
  return socket
}

async function charged(url: string): Promise<{ used: number; isEstimated: boolean }> {
  await until(() => bursar?.engine.callsInFlight() === 0)
  const { used, held } = await statusOf(url, 'global')
  expect(held).toBe(0)
  const { rows } = await api<{ rows: { estimated_calls: number }[] }>(url, 'usage')
  return { used, isEstimated: rows[0]?.estimated_calls === 1 }
}

const streamed = (model: string) => ({ model, stream: true, max_tokens: 4000, messages: [{ role: 'user', content: 'write' }] })

/** A stream of which the caller sees a chunk, and of whose use only the end tells. */
const stream = async (response: ServerResponse, isFinished: Promise<void>) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(event(chunk('one two three')))
  await isFinished
  response.end(event({ ...chunk(''), choices: [], usage: USAGE }) + event('[DONE]'))
}

const plain = async (response: ServerResponse, isFinished: Promise<void>) => {
  await isFinished
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ choices: [{ message: { content: 'x' } }], usage: USAGE }))
}

async function hangUpOnFirstByte(socket: Socket): Promise<void> {
  socket.resume()
  await once(socket, 'data')
  socket.destroy()
}

async function hangUpOnceForwarded(socket: Socket): Promise<void> {
  await until(() => upstream.received.length === 1)
  socket.destroy()
}

describe('on_hangup: drain', () => {
  test('a stream that may hide a part of its output is read on, and charged what it reports at its end', async () => {
    answer = stream
    const url = await start()
    await hangUpOnFirstByte(call(url, '/v1/chat/completions', streamed('o3')))
    await until(async () => (await statusOf(url, 'global')).held > 0)
    finish()
    expect(await charged(url)).toEqual({ used: 3100, isEstimated: false })
    expect(isCancelled).toBe(false)
  })

  test('so is an answer that comes in one piece', async () => {
    answer = plain
    const url = await start()
    await hangUpOnceForwarded(call(url, '/v1/chat/completions', { ...streamed('gpt-4o'), stream: false }))
    finish()
    expect(await charged(url)).toEqual({ used: 3100, isEstimated: false })
  })

  test('an answer that shows all is cancelled, and what came is charged', async () => {
    answer = stream
    const url = await start()
    await hangUpOnFirstByte(call(url, '/v1/chat/completions', streamed('gpt-4o')))
    await until(() => isCancelled)
    const { used, isEstimated } = await charged(url)
    expect(isEstimated).toBe(true)
    expect(used).toBeLessThan(40)
  })

  test('it is read on where the input is more than text, of which only its end tells', async () => {
    answer = stream
    const url = await start()
    const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }
    const ask = { ...streamed('gpt-4o'), messages: [{ role: 'user', content: [image] }] }
    await hangUpOnFirstByte(call(url, '/v1/chat/completions', ask))
    await until(async () => (await statusOf(url, 'global')).held > 0)
    finish()
    expect(await charged(url)).toEqual({ used: 3100, isEstimated: false })
  })

  test("where the provider never ends, it is charged what the hold expected, after the provider's timeout", async () => {
    answer = stream
    const url = await start({ timeout: '1s' })
    await hangUpOnFirstByte(call(url, '/v1/chat/completions', streamed('o3')))
    const { used, isEstimated } = await charged(url)
    expect(isEstimated).toBe(true)
    expect(used).toBeGreaterThan(4000)
    expect(used).toBeLessThan(4100)
    await until(() => isCancelled)
  })

  test('an error that a provider answers with after the hang-up costs nothing', async () => {
    answer = async (response, isFinished) => {
      await isFinished
      response.writeHead(500).end('{"error":{"message":"boom"}}')
    }
    const url = await start()
    await hangUpOnceForwarded(call(url, '/v1/chat/completions', streamed('o3')))
    finish()
    expect(await charged(url)).toEqual({ used: 0, isEstimated: false })
  })

  test('a client that reads nothing of a long answer is given up after the timeout; the answer is read on and charged', async () => {
    answer = async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const line = event(chunk('x'.repeat(64 * 1024)))
      for (let i = 0; i < 400; i++) if (!response.write(line)) await once(response, 'drain')
      response.end(event({ ...chunk(''), choices: [], usage: USAGE }) + event('[DONE]'))
    }
    const url = await start({ timeout: '1s' })
    call(url, '/v1/chat/completions', streamed('o3'))
    await until(() => upstream.received.length === 1)
    expect(await charged(url)).toEqual({ used: 3100, isEstimated: false })
  }, 20_000)
})

describe('on_hangup: cancel', () => {
  test('nothing is read on: the input, and the output that the hold expected, are charged as an estimate', async () => {
    answer = stream
    const url = await start({ server: ', on_hangup: cancel' })
    await hangUpOnFirstByte(call(url, '/v1/chat/completions', streamed('o3')))
    await until(() => isCancelled)
    const { used, isEstimated } = await charged(url)
    expect(isEstimated).toBe(true)
    expect(used).toBeGreaterThan(4000)
  })

  test('input that is more than text is charged as it was held, though all of the answer is shown', async () => {
    answer = stream
    const url = await start({ server: ', on_hangup: cancel' })
    const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }
    const ask = { ...streamed('gpt-4o'), messages: [{ role: 'user', content: [image] }] }
    await hangUpOnFirstByte(call(url, '/v1/chat/completions', ask))
    const { used, isEstimated } = await charged(url)
    expect(isEstimated).toBe(true)
    expect(used).toBeGreaterThan(765)
  })

  test('Bedrock bills the whole answer, so the whole hold is charged', async () => {
    answer = plain
    const url = await start({ server: ', on_hangup: cancel' })
    const body = { messages: [{ role: 'user', content: [{ text: 'write' }] }], inferenceConfig: { maxTokens: 4000 } }
    await hangUpOnceForwarded(call(url, '/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse', body))
    const { used, isEstimated } = await charged(url)
    expect(isEstimated).toBe(true)
    expect(used).toBeGreaterThanOrEqual(4000)
  })
})

test('a stream of Bedrock is read on after a hang-up, since all of it is billed', async () => {
  const codec = new EventStreamCodec(toUtf8, fromUtf8)
  const message = (type: string, data: object) =>
    Buffer.from(
      codec.encode({
        headers: { ':event-type': { type: 'string', value: type }, ':message-type': { type: 'string', value: 'event' } },
        body: fromUtf8(JSON.stringify(data)),
      }),
    )
  answer = async (response, isFinished) => {
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
    response.write(message('contentBlockDelta', { delta: { text: 'word' } }))
    await isFinished
    response.end(message('metadata', { usage: { inputTokens: 100, outputTokens: 3000, totalTokens: 3100 } }))
  }
  const url = await start()
  const body = { messages: [{ role: 'user', content: [{ text: 'write' }] }] }
  await hangUpOnFirstByte(call(url, '/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse-stream', body))
  finish()
  expect(await charged(url)).toEqual({ used: 3100, isEstimated: false })
})

describe('endings that their provider bills, or does not', () => {
  test.each([
    [400, 'content_filter', true],
    [400, 'context_length_exceeded', true],
    [408, 'timeout', true],
    [400, 'invalid_value', false],
    [429, 'rate_limit_exceeded', false],
  ])('Azure: an error %i %s, input billed: %s', async (status, code, isBilled) => {
    answer = async (response) => void response.writeHead(status).end(JSON.stringify({ error: { code, message: 'no' } }))
    const url = await start()
    call(url, '/azure/openai/v1/chat/completions', { ...streamed('gpt-4o'), messages: [{ role: 'user', content: 'a b c d e f g h' }] })
    await until(() => upstream.received.length === 1)
    const { used, isEstimated } = await charged(url)
    expect(isEstimated).toBe(isBilled)
    expect(used >= 8).toBe(isBilled)
  })

  const refusal = (output_tokens: number) => ({ input_tokens: 900, output_tokens })
  test.each([
    ['whole', 0, 0],
    ['whole', 5, 905],
    ['streamed', 0, 0],
    ['streamed', 5, 905],
  ])('Claude: a %s refusal after %i tokens of output is charged %i', async (kind, output, expected) => {
    answer = async (response) => {
      if (kind === 'whole')
        return void response.end(JSON.stringify({ type: 'message', content: [], stop_reason: 'refusal', usage: refusal(output) }))
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event({ type: 'message_start', message: { usage: refusal(1) } }))
      response.end(event({ type: 'message_delta', delta: { stop_reason: 'refusal' }, usage: { output_tokens: output } }))
    }
    const url = await start()
    call(url, '/v1/messages', { ...streamed('claude-sonnet-4-5'), stream: kind === 'streamed' }).resume()
    await until(() => upstream.received.length === 1)
    expect((await charged(url)).used).toBe(expected)
  })
})

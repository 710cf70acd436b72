import type { ServerResponse } from 'node:http'
import zlib from 'node:zlib'
import { answerJson, answerSse, chatCompletion, startUpstream, type Received, type Upstream } from '../e2e/upstream.ts'

/** What a provider answers is chosen by the model, so that a caller of it can attack from both sides. */
export const USED = { input: 10, output: 5 }

const EVENT = {
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }],
}
const USAGE = { choices: [], usage: { prompt_tokens: USED.input, completion_tokens: USED.output, total_tokens: USED.input + USED.output } }
const BOMB_BYTES = 512 * 1024 * 1024
const EVENT_BYTES = 1_000_000

export async function startHostileProvider(): Promise<Upstream> {
  const bomb = await brotliBomb()
  return startUpstream((request, response) => answer(request, response, bomb))
}

function answer({ method, body }: Received, response: ServerResponse, bomb: Buffer): void {
  if (method !== 'POST') return answerJson(response, '{"object":"list","data":[]}')
  const model = /"model" ?: ?"([\w-]+)"/.exec(body)?.[1] ?? ''
  const isStream = /"stream" ?: ?true/.test(body)
  switch (model) {
    case 'bomb':
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'br' })
      return void response.end(bomb)
    case 'broken-gzip':
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      response.write(zlib.gzipSync(`data: ${JSON.stringify(EVENT)}\n\n`))
      return void setTimeout(() => response.end('broken broken broken'), 20)
    case 'large-event':
      return answerSse(response, [{ ...EVENT, x: 'A'.repeat(EVENT_BYTES) }, USAGE, '[DONE]'])
    case 'silent':
      return void setTimeout(() => response.destroy(), 1500)
    default:
      return isStream ? answerSse(response, [EVENT, EVENT, USAGE, '[DONE]']) : answerJson(response, chatCompletion(USED))
  }
}

/** Half a gigabyte of comments of a stream, in some kilobytes. */
async function brotliBomb(): Promise<Buffer> {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN } = zlib.constants
  const encoder = zlib.createBrotliCompress({ params: { [BROTLI_PARAM_QUALITY]: 5, [BROTLI_PARAM_LGWIN]: 24 } })
  const pieces: Buffer[] = []
  encoder.on('data', (piece: Buffer) => pieces.push(piece))
  const block = Buffer.alloc(1 << 20, `:${'x'.repeat(1021)}\n\n`)
  for (let bytes = 0; bytes < BOMB_BYTES; bytes += block.length) {
    if (!encoder.write(block)) await new Promise((resolve) => encoder.once('drain', resolve))
  }
  await new Promise<void>((resolve) => encoder.end(() => resolve()))
  return Buffer.concat(pieces)
}

import OpenAI, { toFile } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, answerSse, startUpstream, type Upstream } from './upstream.ts'

/** Images and audio with the official client: forms, sounds and pictures instead of JSON and text. */

const dir = tempDir()
let upstream: Upstream
let bursar: App & { readonly logged: string[] }
let openai: OpenAI

const IMAGE_USAGE = {
  input_tokens: 50,
  output_tokens: 1056,
  total_tokens: 1106,
  input_tokens_details: { text_tokens: 50, image_tokens: 0 },
}
const SPEECH_USAGE = { input_tokens: 14, output_tokens: 101, total_tokens: 115 }
const TRANSCRIPT_USAGE = {
  type: 'tokens',
  input_tokens: 37,
  output_tokens: 12,
  total_tokens: 49,
  input_token_details: { audio_tokens: 37 },
}
const PCM_SECOND = 48_000

/** A second of silence as a WAV file: 8,000 samples of 16 bits. */
function wavSecond(): Buffer {
  const head = Buffer.alloc(44)
  head.write('RIFF\0\0\0\0WAVEfmt ', 'latin1')
  head.writeUInt32LE(16_000, 28)
  return Buffer.concat([head, Buffer.alloc(16_000)])
}

beforeAll(async () => {
  upstream = await startUpstream(({ path, body }, response) => {
    if (path.endsWith('/images/generations') && body.includes('dall-e'))
      return answerJson(response, '{"created":1,"data":[{"url":"http://x/1"}]}')
    if (path.includes('/images/'))
      return answerJson(response, JSON.stringify({ created: 1, data: [{ b64_json: 'AA==' }], usage: IMAGE_USAGE }))
    if (path.endsWith('/moderations')) return answerJson(response, '{"id":"modr-1","model":"omni","results":[]}')
    if (path.endsWith('/speech') && body.includes('sse')) {
      return answerSse(response, [
        { type: 'speech.audio.delta', audio: 'AAAA' },
        { type: 'speech.audio.done', usage: SPEECH_USAGE },
      ])
    }
    if (path.endsWith('/speech')) {
      response.writeHead(200, { 'content-type': 'audio/pcm' })
      return void response.end(Buffer.alloc(3 * PCM_SECOND))
    }
    if (body.includes('whisper')) return answerJson(response, '{"text":"Hello","usage":{"type":"duration","seconds":4}}')
    if (!body.includes('name="stream"')) return answerJson(response, JSON.stringify({ text: 'Hello there', usage: TRANSCRIPT_USAGE }))
    answerSse(response, [
      { type: 'transcript.text.delta', delta: 'Hello there' },
      { type: 'transcript.text.done', text: 'Hello there', usage: TRANSCRIPT_USAGE },
    ])
  })
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: `  - { id: global, name: Global Cap, limit: { tokens: 10M }, hard_cap: true }
  - { id: "user:tight", name: Tight, limit: { tokens: 500 }, hard_cap: true }`,
  })
  openai = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY })
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

async function charged(run: () => Promise<unknown>): Promise<number> {
  const before = await statusOf(bursar.url, 'global')
  await run()
  const after = await statusOf(bursar.url, 'global')
  expect(after.held).toBe(0)
  return after.used - before.used
}

test('an image is charged as reported, also when it was edited with a form', async () => {
  const generate = () => openai.images.generate({ model: 'gpt-image-1', prompt: 'A cat', quality: 'medium', size: '1024x1024' })
  expect(await charged(generate)).toBe(1106)
  const image = await toFile(Buffer.from('\x89PNG'), 'cat.png', { type: 'image/png' })
  expect(await charged(() => openai.images.edit({ model: 'openai/gpt-image-1', image, prompt: 'A dog' }))).toBe(1106)
  const sent = upstream.received.at(-1)?.body
  expect(sent).toContain('name="model"\r\n\r\ngpt-image-1\r\n')
})

test('an image of a model that reports no tokens is not counted as nothing', async () => {
  const used = await charged(() => openai.images.generate({ model: 'dall-e-3', prompt: 'A cat', n: 1 }))
  expect(used).toBeGreaterThan(4000)
})

test('a transcription is charged as reported, whole and streamed', async () => {
  const file = await toFile(wavSecond(), 'hello.wav')
  expect(await charged(() => openai.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file }))).toBe(49)
  const streamed = async () => {
    const events = await openai.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file, stream: true })
    const types: string[] = []
    for await (const { type } of events) types.push(type)
    expect(types).toEqual(['transcript.text.delta', 'transcript.text.done'])
  }
  expect(await charged(streamed)).toBe(49)
})

test('audio that is counted by its length is counted in tokens too, and a translation likewise', async () => {
  const file = await toFile(wavSecond(), 'hello.wav')
  const used = await charged(() => openai.audio.translations.create({ model: 'whisper-1', file }))
  expect(used).toBe(4 * 10 + 1)
})

test('speech comes through to the byte, and is counted by its events or by its length', async () => {
  const speak = async () => {
    const answer = await openai.audio.speech.create({
      model: 'gpt-4o-mini-tts',
      voice: 'alloy',
      input: 'Hello there',
      response_format: 'pcm',
    })
    expect((await answer.arrayBuffer()).byteLength).toBe(3 * PCM_SECOND)
  }
  const used = await charged(speak)
  expect(used).toBeGreaterThanOrEqual(Math.ceil((3 * 1250) / 60))
  expect(used).toBeLessThan(80)
  const events = () => openai.audio.speech.create({ model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'Hello', stream_format: 'sse' })
  expect(await charged(async () => (await events()).text())).toBe(115)
})

test('a moderation is free', async () => {
  expect(await charged(() => openai.moderations.create({ input: 'Hello' }))).toBe(0)
})

test('what does not fit is refused before it is sent', async () => {
  const sent = upstream.received.length
  const headers = { 'x-bursar-user': 'tight' }
  const image = openai.images.generate({ model: 'gpt-image-1', prompt: 'A cat' }, { headers })
  await expect(image).rejects.toMatchObject({ status: 429, code: 'budget_exceeded' })
  const file = await toFile(Buffer.alloc(1_000_000), 'long.mp3')
  await expect(openai.audio.transcriptions.create({ model: 'whisper-1', file }, { headers })).rejects.toMatchObject({ status: 429 })
  expect(upstream.received.length).toBe(sent)
})

test.each([
  ['no end', '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1', 'no end'],
  ['no model', '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--', 'field \\"model\\"'],
  [
    'a model twice',
    '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\na\r\n--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nb\r\n--b--',
    '\\"model\\" twice',
  ],
])('a form with %s is refused', async (_, body, message) => {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'multipart/form-data; boundary=b' }
  const response = await fetch(`${bursar.url}/v1/audio/transcriptions`, { method: 'POST', headers, body })
  expect(response.status).toBe(400)
  expect(await response.text()).toContain(message)
})

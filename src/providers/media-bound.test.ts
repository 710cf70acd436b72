import { describe, expect, test } from 'vitest'
import { audioSecondsMax } from './audio-length.ts'
import { imageSizeOf } from './image-size.ts'
import type { Metered } from './provider.ts'
import { apiShapes } from './registry.ts'

/** Images and documents cost by pixels and pages; their bytes, and where they are only named nothing at all, would be no bound. */

const PAGES = 12
const PDF = Buffer.from(`%PDF-1.4\n${'<< /Type /Page >>\n'.repeat(PAGES)}%%EOF`).toString('base64')
const PNG = Buffer.alloc(30_000, 7).toString('base64')

function boundOf(endpoint: string, body: object, path: Readonly<Record<string, string>> = {}): number {
  const found = apiShapes.flatMap(({ endpoints }) => endpoints).find(({ name }) => name === endpoint)
  const metered = found?.admission as Metered
  return metered.readRequest(Buffer.from(JSON.stringify(body)), path, 'application/json').facts.inputBound
}

const chat = (model: string, part: object) => boundOf('openai.chat', { model, messages: [{ role: 'user', content: [part] }] })
const respond = (model: string, part: object) => boundOf('openai.responses', { model, input: [{ role: 'user', content: [part] }] })
const message = (part: object) =>
  boundOf('anthropic.messages', { model: 'claude-sonnet-4-5', max_tokens: 9, messages: [{ role: 'user', content: [part] }] })

const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }

test.each([
  ['gpt-4o', 1445],
  ['gpt-4o-mini', 48_169],
  ['gpt-4.1-mini', 2489],
  ['o3', 1275],
  ['some-model', 50_000],
])('an image for %s is bounded by its own formula: %i tokens', (model, tokens) => {
  const bound = chat(model, image)
  expect(bound).toBeGreaterThanOrEqual(tokens)
  expect(bound).toBeLessThan(tokens + 1000)
})

test('a PDF is bounded by its pages, each with its text and its image', () => {
  const file = { filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF}` }
  const pageTokens = 3000 + 1445
  for (const bound of [chat('gpt-4o', { type: 'file', file }), respond('gpt-4o', { type: 'input_file', ...file })]) {
    expect(bound).toBeGreaterThanOrEqual(PAGES * pageTokens)
    expect(bound).toBeLessThan(PAGES * pageTokens + 300)
  }
  const ofClaude = message({ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: PDF } })
  expect(ofClaude).toBeGreaterThanOrEqual(PAGES * 4600)
  expect(ofClaude).toBeLessThan(PAGES * 4600 + 300)
})

test('a file that is only named may fill the context of the model', () => {
  expect(respond('gpt-4o', { type: 'input_file', file_id: 'file-1' })).toBeGreaterThanOrEqual(128_000)
  expect(chat('gpt-4.1', { type: 'file', file: { file_id: 'file-1' } })).toBeGreaterThanOrEqual(1_047_576)
  expect(message({ type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } })).toBeGreaterThanOrEqual(460_000)
})

test('a document that is text is bounded by its bytes', () => {
  const source = { type: 'text', media_type: 'text/plain', data: 'x'.repeat(5000) }
  const bound = message({ type: 'document', source })
  expect(bound).toBeGreaterThanOrEqual(5000)
  expect(bound).toBeLessThan(5300)
})

/** 16 bits, one channel. */
function wav(samplesPerSecond: number, bytes: number): Buffer {
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.write('WAVEfmt ', 8)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(samplesPerSecond, 24)
  head.writeUInt32LE(0xffffffff, 28)
  head.writeUInt16LE(16, 34)
  return Buffer.concat([head, Buffer.alloc(bytes - head.length)])
}

describe('audio is bounded by how long it can last', () => {
  test('a WAV file says so, by the numbers that a decoder goes by', () => {
    expect(audioSecondsMax(wav(16_000, 320_000), 320_000)).toBe(10)
    expect(audioSecondsMax(Buffer.from('ID3 of an MP3 file'), 7500)).toBe(10)
    expect(audioSecondsMax(Buffer.alloc(0), 0)).toBe(0)
  })

  test('and its seconds are counted as the provider counts them', () => {
    const data = wav(16_000, 320_000).toString('base64')
    const ofOpenAi = chat('gpt-4o-audio-preview', { type: 'input_audio', input_audio: { data, format: 'wav' } })
    expect(ofOpenAi).toBeGreaterThanOrEqual(100)
    expect(ofOpenAi).toBeLessThan(1000)
    const ofGemini = gemini('gemini-2.5-flash', { inlineData: { mimeType: 'audio/wav', data } })
    expect(ofGemini).toBeGreaterThanOrEqual(320)
    expect(ofGemini).toBeLessThan(700)
  })
})

const gemini = (model: string, part: object) => boundOf('gemini.generateContent', { contents: [{ parts: [part] }] }, { model })

function png(width: number, height: number): string {
  const head = Buffer.alloc(30_000)
  head.write('\x89PNG\r\n\x1a\n', 0, 'latin1')
  head.writeUInt32BE(width, 16)
  head.writeUInt32BE(height, 20)
  return head.toString('base64')
}

describe('Gemini', () => {
  test.each([
    ['gemini-2.5-flash', 384, 200, 258],
    ['gemini-2.5-flash', 960, 540, 6 * 258],
    ['gemini-2.5-flash', 3072, 3072, 16 * 258],
    ['gemini-3-flash-preview', 384, 200, 2240],
  ])('%s counts an image of %i x %i pixels by its tiles', (model, width, height, tokens) => {
    const bound = gemini(model, { inline_data: { mime_type: 'image/png', data: png(width, height) } })
    expect(bound).toBeGreaterThanOrEqual(tokens)
    expect(bound).toBeLessThan(tokens + 300)
  })

  test('an image that does not tell its size is the largest', () => {
    expect(gemini('gemini-2.5-flash', { inlineData: { mimeType: 'image/png', data: PNG } })).toBeGreaterThanOrEqual(66_048)
  })

  test('a PDF is counted by its pages', () => {
    const bound = gemini('gemini-2.5-flash', { inlineData: { mimeType: 'application/pdf', data: PDF } })
    expect(bound).toBeGreaterThanOrEqual(PAGES * 258)
    expect(bound).toBeLessThan(PAGES * 258 + 300)
  })

  test('a film, or a file that is named, may fill the context', () => {
    const data = Buffer.alloc(30_000).toString('base64')
    expect(gemini('gemini-2.5-flash', { inlineData: { mimeType: 'video/mp4', data } })).toBe(1_048_576)
    expect(gemini('gemini-1.5-pro', { fileData: { fileUri: 'files/1' } })).toBe(2_097_152)
  })
})

describe('the size of an image is in its head', () => {
  const bytes = (...parts: readonly (string | readonly number[])[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part)))).toString('base64')
  const size = { width: 0x120, height: 0x90 }

  test.each([
    ['PNG', bytes('\x89PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR', [0, 0, 1, 0x20, 0, 0, 0, 0x90])],
    ['GIF', bytes('GIF89a', [0x20, 1, 0x90, 0])],
    ['JPEG', bytes([0xff, 0xd8, 0xff, 0xe0, 0, 4, 7, 7, 0xff, 0xc4, 0, 3, 7, 0xff, 0xc2, 0, 17, 8, 0, 0x90, 1, 0x20, 3, 1])],
    ['WebP', bytes('RIFF', [0, 0, 0, 0], 'WEBPVP8 ', [0, 0, 0, 0, 0, 0, 0, 0x9d, 1, 0x2a, 0x20, 1, 0x90, 0])],
    ['WebP without loss', bytes('RIFF', [0, 0, 0, 0], 'WEBPVP8L', [0, 0, 0, 0, 0x2f, 0x1f, 0xc1, 0x23, 0, 0, 0, 0, 0, 0])],
    ['WebP, extended', bytes('RIFF', [0, 0, 0, 0], 'WEBPVP8X', [10, 0, 0, 0, 0, 0, 0, 0, 0x1f, 1, 0, 0x8f, 0, 0])],
  ])('of a %s', (_, data) => {
    expect(imageSizeOf(data)).toEqual(size)
  })

  test('whatever the bytes, an answer comes', () => {
    for (const data of [
      '',
      'AA==',
      'not base64 at all',
      bytes([0xff, 0xd8]),
      bytes([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0, 0, 0]),
    ]) {
      expect(imageSizeOf(data)).toBeUndefined()
    }
  })
})

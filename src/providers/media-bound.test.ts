import { expect, test } from 'vitest'
import type { Metered } from './provider.ts'
import { apiShapes } from './registry.ts'

/** Images and documents cost by pixels and pages; their bytes, and where they are only named nothing at all, would be no bound. */

const PAGES = 12
const PDF = Buffer.from(`%PDF-1.4\n${'<< /Type /Page >>\n'.repeat(PAGES)}%%EOF`).toString('base64')
const PNG = Buffer.alloc(30_000, 7).toString('base64')

function boundOf(endpoint: string, body: object): number {
  const found = apiShapes.flatMap(({ endpoints }) => endpoints).find(({ name }) => name === endpoint)
  const metered = found?.admission as Metered
  return metered.readRequest(Buffer.from(JSON.stringify(body)), {}, 'application/json').facts.inputBound
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

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Metered } from './provider.ts'
import { apiShapes } from './registry.ts'

/** In every API: text counts by its bytes, known media by its formula; all else may fill the context of the model. */

type Body = Readonly<Record<string, unknown>>

interface Api {
  readonly endpoint: string
  readonly model: string
  readonly context: number
  readonly image: number
  /** A request that says this. */
  readonly saying: (...parts: readonly unknown[]) => Body
  readonly text: (text: string) => unknown
  /** Tokens that stand in no request of text alone. */
  readonly hidden?: number
}

const user = (content: unknown) => ({ messages: [{ role: 'user', content }] })
const CLAUDE: Pick<Api, 'model' | 'image' | 'saying' | 'text'> = {
  model: 'claude-3-5-haiku-latest',
  image: 5000,
  saying: (...parts) => ({ max_tokens: 9, ...user(parts) }),
  text: (text) => ({ type: 'text', text }),
}

const APIS: readonly Api[] = [
  { ...CLAUDE, endpoint: 'anthropic.messages', context: 200_000 },
  {
    ...CLAUDE,
    endpoint: 'bedrock.invoke',
    model: 'us.anthropic.claude-3-5-haiku-20241022-v1:0',
    context: 200_000,
    saying: (...parts) => ({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, ...user(parts) }),
  },
  {
    endpoint: 'bedrock.converse',
    model: 'amazon.nova-lite-v1:0',
    context: 300_000,
    image: 16_384,
    saying: (...parts) => user(parts),
    text: (text) => ({ text }),
  },
  {
    endpoint: 'gemini.generateContent',
    model: 'gemini-2.5-flash',
    context: 1_048_576,
    image: 66_048,
    saying: (...parts) => ({ contents: [{ role: 'user', parts }] }),
    text: (text) => ({ text }),
  },
  {
    endpoint: 'gemini.interactions',
    model: 'gemini-2.5-flash',
    context: 1_048_576,
    image: 66_048,
    saying: (...parts) => ({ input: [{ role: 'user', content: parts }] }),
    text: (text) => ({ type: 'text', text }),
  },
  {
    endpoint: 'cohere.chat',
    model: 'command-r',
    context: 288_000,
    image: 50_000,
    saying: (...parts) => user(parts),
    text: (text) => ({ type: 'text', text }),
    hidden: 4096,
  },
  {
    endpoint: 'openai.chat',
    model: 'gpt-4o',
    context: 128_000,
    image: 1445,
    saying: (...parts) => user(parts),
    text: (text) => ({ type: 'text', text }),
  },
]

function readingOf({ endpoint, model }: Pick<Api, 'endpoint' | 'model'>, given: Body) {
  const found = apiShapes.flatMap(({ endpoints }) => endpoints).find(({ name, method }) => name === endpoint && method === 'POST')
  const body = Buffer.from(JSON.stringify({ ...(found!.path.includes('{model}') ? {} : { model }), ...given }))
  const { facts } = (found!.admission as Metered).readRequest(body, { model }, 'application/json')
  return { bytes: body.length, bound: facts.inputBound, unknown: facts.unknownInput }
}

const api = (endpoint: string) => APIS.find((known) => known.endpoint === endpoint)!

describe.each(APIS)('$endpoint', (at) => {
  test('a text counts by its bytes', () => {
    const { bytes, bound, unknown } = readingOf(at, at.saying(at.text('x'.repeat(500)), at.text('ü')))
    expect(unknown).toBeUndefined()
    expect(bound).toBe(bytes + (at.hidden ?? 0))
  })

  test('a part or an option of a name that nobody knows may fill the context', () => {
    const value = fc.oneof(fc.string({ minLength: 1 }), fc.constant(true), fc.constant({}), fc.array(fc.jsonValue(), { minLength: 1 }))
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 20 }), value, (name, given) => {
        const request = at.saying(at.text('x'))
        for (const body of [at.saying({ type: `x_${name}`, [`x_${name}`]: given }), { ...request, [`x_${name}`]: given }]) {
          const { bound, unknown } = readingOf(at, body)
          expect(unknown).toBeDefined()
          expect(bound).toBeGreaterThanOrEqual(at.context)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('an option with a number, or with nothing in it, adds nothing', () => {
    const { unknown } = readingOf(at, { ...at.saying(at.text('x')), x_number: 12, x_nothing: null, x_off: false, x_list: [], x_text: '' })
    expect(unknown).toBeUndefined()
  })
})

const DATA = Buffer.alloc(1_000_000, 7).toString('base64')
const ofClaude = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: DATA } }
const ofBedrock = { image: { format: 'png', source: { bytes: DATA } } }
const ofGoogle = { inlineData: { mimeType: 'image/png', data: DATA } }

describe('an image of a megabyte counts as an image, also in the result of a tool', () => {
  test.each([
    ['anthropic.messages', ofClaude],
    ['anthropic.messages', { type: 'tool_result', tool_use_id: 't', content: [ofClaude] }],
    ['bedrock.invoke', { type: 'tool_result', tool_use_id: 't', content: [ofClaude] }],
    ['bedrock.converse', ofBedrock],
    ['bedrock.converse', { toolResult: { toolUseId: 't', content: [ofBedrock] } }],
    ['gemini.generateContent', ofGoogle],
    ['gemini.generateContent', { functionResponse: { name: 'f', response: {}, parts: [ofGoogle] } }],
    ['gemini.interactions', { type: 'image', mime_type: 'image/png', data: DATA }],
    ['gemini.interactions', { type: 'function_result', call_id: 'c', result: [{ type: 'image', mime_type: 'image/png', data: DATA }] }],
    ['cohere.chat', { type: 'image_url', image_url: { url: `data:image/png;base64,${DATA}` } }],
  ])('%s', (endpoint, part) => {
    const at = api(endpoint)
    const { bound, unknown } = readingOf(at, at.saying(part))
    expect(unknown).toBeUndefined()
    expect(bound).toBeGreaterThanOrEqual(at.image)
    expect(bound).toBeLessThan(at.image + 5000)
  })

  test('of Ollama', () => {
    const { bound, unknown } = readingOf(
      { endpoint: 'ollama.native', model: 'llava' },
      { messages: [{ role: 'user', content: 'x', images: [DATA] }] },
    )
    expect(unknown).toBeUndefined()
    expect(bound).toBeLessThan(20_000)
  })
})

describe('what is only named, fetched or found may fill the context', () => {
  test.each([
    ['anthropic.messages', { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } }],
    ['anthropic.messages', { type: 'document', source: { type: 'file', file_id: 'file_1' } }],
    ['anthropic.messages', { type: 'container_upload', file_id: 'file_1' }],
    [
      'anthropic.messages',
      { type: 'tool_result', tool_use_id: 't', content: [{ type: 'document', source: { type: 'file', file_id: 'f' } }] },
    ],
    ['bedrock.converse', { document: { format: 'pdf', name: 'a', source: { s3Location: { uri: 's3://b/a.pdf' } } } }],
    ['bedrock.converse', { document: { format: 'docx', name: 'a', source: { bytes: 'AAAA' } } }],
    ['bedrock.converse', { audio: { format: 'mp3', source: { bytes: 'AAAA' } } }],
    ['gemini.generateContent', { fileData: { fileUri: 'files/1' } }],
    ['gemini.generateContent', { file_data: { file_uri: 'https://youtube.com/watch' } }],
    ['gemini.generateContent', { inlineData: { mimeType: 'video/mp4', data: 'AAAA' } }],
    ['gemini.generateContent', { functionResponse: { name: 'f', response: {}, parts: [{ fileData: { fileUri: 'files/1' } }] } }],
    ['gemini.interactions', { type: 'document', uri: 'files/1' }],
    ['gemini.interactions', { type: 'video', uri: 'https://youtube.com/watch' }],
  ])('a part of %s: %j', (endpoint, part) => {
    const at = api(endpoint)
    const { bound, unknown } = readingOf(at, at.saying(part))
    expect(unknown).toBeDefined()
    expect(bound).toBeGreaterThanOrEqual(at.context)
  })

  test.each([
    ['anthropic.messages', { container: 'container_1' }],
    ['anthropic.messages', { container: { skills: [{ skill_id: 'pptx' }] } }],
    ['anthropic.messages', { mcp_servers: [{ type: 'url', url: 'https://example.com' }] }],
    ['anthropic.messages', { tools: [{ type: 'web_fetch_20250910', name: 'web_fetch' }] }],
    ['anthropic.messages', { context_management: { edits: [{ type: 'compact_20260112' }] } }],
    ['bedrock.converse', { toolConfig: { tools: [{ systemTool: { name: 'nova_grounding' } }] } }],
    ['bedrock.converse', { additionalModelRequestFields: { mcp_servers: [{}] } }],
    ['bedrock.converse', { promptVariables: { a: { text: 'b' } } }],
    ['gemini.generateContent', { cachedContent: 'cachedContents/1' }],
    ['gemini.generateContent', { cached_content: 'cachedContents/1' }],
    ['gemini.generateContent', { tools: [{ urlContext: {} }] }],
    ['gemini.generateContent', { tools: { google_search: {} } }],
    ['gemini.generateContent', { tools: [{ retrieval: { vertexRagStore: {} } }] }],
    ['gemini.interactions', { previous_interaction_id: 'i_1' }],
    ['gemini.interactions', { tools: [{ type: 'url_context' }] }],
    ['cohere.chat', { connectors: [{ id: 'web-search' }] }],
    ['cohere.chat', { conversation_id: 'c_1' }],
  ])('an option of %s: %j', (endpoint, option) => {
    const at = api(endpoint)
    const { bound, unknown } = readingOf(at, { ...at.saying(at.text('x')), ...option })
    expect(unknown).toBeDefined()
    expect(bound).toBeGreaterThanOrEqual(at.context)
  })

  test('a template of Ollama’s, which may repeat what it is given', () => {
    const at = { endpoint: 'ollama.native', model: 'llama3.2' }
    expect(readingOf(at, { prompt: 'x', template: '{{ range .Messages }}{{ .Content }}{{ end }}' }).unknown).toBeDefined()
    expect(readingOf(at, { prompt: 'x', template: '', context: [1, 2, 3], options: { num_predict: 3 } }).unknown).toBeUndefined()
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openAiContextMax } from './context-max.ts'
import { boundChatInput, boundCompletionInput, boundEmbeddingInput, boundResponseInput, type InputFacts } from './input-bound.ts'

/** Known text counts by its bytes, known media by its formula; all else may fill the context of the model. */

const CONTEXT = 128_000
const MODEL = 'gpt-4o'
const IMAGE = 85 + 8 * 170
const PNG = Buffer.alloc(1_000_000, 7).toString('base64')

const sized = (read: typeof boundChatInput) => (body: Record<string, unknown>) => {
  const model = typeof body['model'] === 'string' ? body['model'] : MODEL
  const request = { ...body, model }
  const bytes = JSON.stringify(request).length
  return { ...read(request, model, bytes), bytes }
}
const chat = sized(boundChatInput)
const respond = sized(boundResponseInput)
const complete = sized(boundCompletionInput)
const embed = sized(boundEmbeddingInput)

const messages = [{ role: 'user', content: 'hi' }]
const saying = (...content: unknown[]) => ({ messages: [{ role: 'user', content }] })
const reading = (...content: unknown[]) => ({ input: [{ role: 'user', content }] })

function isText({ inputBound, unknownInput, bytes }: InputFacts & { readonly bytes: number }): boolean {
  return unknownInput === undefined && inputBound === bytes
}

function isFull({ inputBound, unknownInput }: InputFacts): boolean {
  return unknownInput !== undefined && inputBound >= CONTEXT
}

describe('text counts by its bytes', () => {
  test.each([
    { messages },
    {
      messages: [
        { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] },
      ],
    },
    { messages: [{ role: 'tool', tool_call_id: 'c', content: [{ type: 'text', text: 'x' }] }] },
    { messages: [{ role: 'assistant', content: 'x', refusal: null, annotations: [], audio: null }] },
    { ...saying({ type: 'text', text: 'x', image_url: null }), temperature: 0.5, seed: 7, user: 'u', metadata: { a: 'b' } },
    { messages, response_format: { type: 'json_schema', json_schema: { name: 'n', schema: {} } } },
    { messages, reasoning: { effort: 'low' }, provider: { order: ['a'] }, models: ['b'], transforms: ['middle-out'] },
    { messages, top_k: 4, min_p: 0.1, repetition_penalty: 1, guided_json: {}, chat_template_kwargs: { enable_thinking: false } },
    { messages, tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', anything: true } } }] },
    { messages, functions: [{ name: 'f', parameters: {} }], unknown_number: 12, unknown_null: null, unknown_list: [] },
  ])('of a chat: %j', (body) => {
    expect(chat(body)).toSatisfy(isText)
  })

  test.each([
    { input: 'hi', instructions: 'be brief', text: { format: { type: 'text' } }, include: ['reasoning.encrypted_content'], store: true },
    {
      input: [
        {
          type: 'message',
          id: 'm',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'x', annotations: [] }],
        },
      ],
    },
    {
      input: [
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'x' },
      ],
    },
    { input: [{ type: 'reasoning', id: 'rs', summary: [], encrypted_content: 'abc' }] },
    { input: 'hi', tools: [{ type: 'custom', name: 'f' }, { type: 'local_shell' }, { type: 'shell', environment: { type: 'local' } }] },
  ])('of a response: %j', (body) => {
    expect(respond(body)).toSatisfy(isText)
  })

  test.each([{ prompt: 'hi' }, { prompt: ['hi', 'you'] }, { prompt: [1, 2, 3] }, { prompt: [[1], [2]], suffix: 'x', best_of: 2 }])(
    'of a completion: %j',
    (body) => {
      expect(complete({ ...body })).toSatisfy(isText)
    },
  )

  test.each([
    { input: 'hi', encoding_format: 'float', dimensions: 8 },
    { input: [[1, 2], [3]] },
    { query: 'q', documents: ['a', { text: 'b', title: 'c' }], top_n: 2, return_documents: true },
  ])('of embeddings and rankings: %j', (body) => {
    expect(embed({ ...body })).toSatisfy(isText)
  })
})

describe('media counts by its formula, wherever it stands', () => {
  const url = `data:image/png;base64,${PNG}`
  test.each([
    ['a part of a chat', chat(saying({ type: 'image_url', image_url: { url, detail: 'high' } }))],
    [
      'a result of a tool in a chat',
      chat({ messages: [{ role: 'tool', tool_call_id: 'c', content: [{ type: 'image_url', image_url: { url } }] }] }),
    ],
    ['a part of a response', respond(reading({ type: 'input_image', image_url: url }))],
    [
      'a result of a function',
      respond({ input: [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', image_url: url }] }] }),
    ],
    [
      'a screenshot',
      respond({ input: [{ type: 'computer_call_output', call_id: 'c', output: { type: 'computer_screenshot', image_url: url } }] }),
    ],
    ['an image that a tool made', respond({ input: [{ type: 'image_generation_call', id: 'ig', status: 'completed', result: PNG }] })],
    ['an image that is only named', respond(reading({ type: 'input_image', file_id: 'file-1' }))],
    ['one by its address', chat(saying({ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }))],
  ])('%s', (_, { inputBound, unknownInput }) => {
    expect(unknownInput).toBeUndefined()
    expect(inputBound).toBeGreaterThanOrEqual(IMAGE)
    expect(inputBound).toBeLessThan(IMAGE + 500)
  })
})

describe('what the provider adds may fill the context', () => {
  test.each([
    saying({ type: 'document_url', document_url: 'https://example.com/a.pdf' }),
    saying({ type: 'video_url', video_url: { url: 'https://example.com/a.mp4' } }),
    saying({ type: 'audio_url', audio_url: { url: 'https://example.com/a.mp3' } }),
    saying({ type: 'input_audio', input_audio: { data: 'https://example.com/a.mp3', format: 'mp3' } }),
    saying({ type: 'image_url', image_url: { url: 'gs://bucket/film.mp4' } }),
    saying({ type: 'image_url', image_url: { url: 'data:application/pdf;base64,AAAA' } }),
    saying({ type: 'file', file: { file_id: 'file-1' } }),
    saying({ type: 'file', file: { file_data: 'data:application/zip;base64,AAAA' } }),
    saying({ type: 'text', text: 'x', file_id: 'file-1' }),
    saying({ text: 'a part without a type' }),
    saying(['a list']),
    { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] },
    { messages: 'no list' },
    { messages: [{ role: 'user', content: 'x', attachments: [{ file_id: 'file-1' }] }] },
    { messages, data_sources: [{ type: 'azure_search', parameters: {} }] },
    { messages, enable_search: true },
    { messages, web_search_options: {} },
    { messages, search_parameters: { mode: 'on' } },
    { messages, plugins: [{ id: 'web' }] },
    { messages, preset: 'my-preset' },
    { messages, chat_template: '{% for i in range(9999999) %}x{% endfor %}' },
    { messages, extra_body: { google: { cached_content: 'cachedContents/1' } } },
    { messages, tools: [{ type: 'builtin_function', function: { name: '$web_search' } }] },
    { messages, tools: [{ type: 'function', function: { name: 'f' }, server_url: 'https://example.com' }] },
    { model: 'gpt-4o-search-preview', messages },
    { model: 'gpt-4o@preset/mine', messages },
    { model: 'qwen-long', messages: [{ role: 'system', content: 'fileid://file-1' }] },
  ])('of a chat: %j', (body) => {
    expect(chat(body)).toSatisfy(isFull)
  })

  test.each([
    { input: [{ type: 'item_reference', id: 'msg_1' }] },
    { input: [{ id: 'msg_1' }, { type: 'a_type_of_tomorrow', id: 'x' }] },
    { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] },
    { input: [{ type: 'web_search_call', id: 'ws_1', status: 'completed' }] },
    { input: [{ type: 'file_search_call', id: 'fs_1', queries: ['x'], results: null }] },
    { input: [{ type: 'code_interpreter_call', id: 'ci_1', container_id: 'cntr_1', code: 'x' }] },
    { input: [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_file', file_id: 'file-1' }] }] },
    { input: 'hi', prompt: { id: 'pmpt_1' } },
    { input: 'hi', context_management: [{ type: 'compaction', compact_threshold: 1000 }] },
    { input: 'hi', tools: [{ type: 'mcp', server_url: 'https://example.com' }] },
    { input: 'hi', tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] },
    { input: 'hi', tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] },
    { input: 'hi', tools: [{ type: 'shell', environment: { type: 'container_reference', container_id: 'c' } }] },
    { input: 'hi', tools: [{ type: 'namespace', name: 'n', tools: [{ type: 'web_search' }] }] },
    reading({ type: 'input_file', file_url: 'https://example.com/a.pdf' }),
  ])('of a response: %j', (body) => {
    expect(respond(body)).toSatisfy(isFull)
  })

  test('of a completion, of embeddings', () => {
    expect(complete({ prompt: { id: 'stored' } })).toSatisfy(isFull)
    expect(complete({ prompt: 'x', prompt_embeds: 'AAAA' })).toSatisfy(isFull)
    expect(embed({ input: [{ image: 'https://example.com/a.png' }] })).toSatisfy(isFull)
  })
})

describe('whatever nobody knows may fill the context', () => {
  const name = fc.string({ minLength: 1, maxLength: 30 }).map((text) => `x_${text}`)
  const value = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.constant(true),
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.array(fc.jsonValue(), { minLength: 1 }),
  )

  test('a part, an item, a tool or an option of a type or name that is in no list', () => {
    fc.assert(
      fc.property(name, value, (unknown, given) => {
        expect(chat(saying({ type: unknown, [unknown]: given }))).toSatisfy(isFull)
        expect(chat(saying({ type: 'text', text: 'x', [unknown]: given }))).toSatisfy(isFull)
        expect(chat({ messages: [{ role: 'user', content: 'x', [unknown]: given }] })).toSatisfy(isFull)
        expect(chat({ messages, tools: [{ type: unknown }] })).toSatisfy(isFull)
        expect(chat({ messages, [unknown]: given })).toSatisfy(isFull)
        expect(respond({ input: [{ type: unknown, [unknown]: given }] })).toSatisfy(isFull)
        expect(respond({ input: 'x', [unknown]: given })).toSatisfy(isFull)
        expect(complete({ prompt: 'x', [unknown]: given })).toSatisfy(isFull)
        expect(embed({ input: 'x', [unknown]: given })).toSatisfy(isFull)
      }),
    )
  })

  test('its name is told in no more than some characters', () => {
    const { unknownInput } = chat({ messages, ['x'.repeat(10_000)]: true })
    expect(unknownInput?.length).toBeLessThan(60)
  })
})

test('a model that is not known may read as much as any; its maker’s name before it changes nothing', () => {
  expect(openAiContextMax('openai/gpt-4o')).toBe(CONTEXT)
  expect(openAiContextMax('some-model')).toBeGreaterThan(2_000_000)
})

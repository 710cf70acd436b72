import { expect, test } from 'vitest'
import { InvalidRequest, type Metered } from './provider.ts'
import { apiShapes } from './registry.ts'

/* A field that decides what a request uses has its documented type, at every API: servers make other types into it in their own ways. */

function meteredOf(api: string, path: string): Metered {
  const endpoint = apiShapes.find((shape) => shape.api === api)?.endpoints.find((one) => one.path === path && one.method === 'POST')
  return endpoint?.admission.kind === 'metered' ? endpoint.admission : expect.fail(`${api} ${path} is not metered`)
}

const OF_OPENAI = [
  'n',
  'best_of',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'max_new_tokens',
  'n_predict',
  'min_tokens',
].join(' ')

const APIS: readonly (readonly [api: string, path: string, base: string, counts: string, flags: string, texts: string])[] = [
  ['openai', '/v1/chat/completions', '"model":"m"', OF_OPENAI, '', 'service_tier'],
  ['openai', '/v1/completions', '"model":"m","prompt":"a"', OF_OPENAI, '', ''],
  ['openai', '/v1/responses', '"model":"m"', 'max_output_tokens n n_predict', 'stream background', 'service_tier previous_response_id'],
  ['openai', '/v1/images/generations', '"model":"m"', 'n partial_images', 'stream', ''],
  ['anthropic', '/v1/messages', '"model":"m"', 'max_tokens', 'stream', ''],
  ['anthropic', '/v1/complete', '"model":"m"', 'max_tokens_to_sample', 'stream', ''],
  [
    'gemini',
    '/v1beta/models/{model}:generateContent',
    '"a":1',
    'generationConfig.maxOutputTokens generation_config.candidateCount',
    '',
    'serviceTier',
  ],
  ['gemini', '/v1beta/interactions', '"model":"m"', 'generation_config.max_output_tokens', 'stream background', ''],
  [
    'bedrock',
    '/model/{model}/converse',
    '"a":1',
    'inferenceConfig.maxTokens additionalModelRequestFields.max_tokens',
    '',
    'serviceTier.type',
  ],
  ['bedrock', '/model/{model}/invoke', '"a":1', 'max_tokens n textGenerationConfig.maxTokenCount', '', ''],
  ['cohere', '/v2/chat', '"model":"m"', 'max_tokens num_generations', 'stream', ''],
  ['ollama', '/api/chat', '"model":"m"', 'options.num_predict', 'stream', ''],
]

const NO_COUNTS = ['"1"', 'true', '1.5', '1e400', '2147483648', '9007199254740000', '[1]', '{}', '""', '[]']
const NO_FLAGS = ['1', '0', '"true"', '""', '[]', '{}', '"false"']
const NO_TEXTS = ['1', 'true', '[]', '{}']

/** `"a":1` or `"a":{"b":1}` */
function written(path: string, json: string): string {
  const [outer = '', inner] = path.split('.')
  return inner === undefined ? `"${outer}":${json}` : `"${outer}":{"${inner}":${json}}`
}

const rows = APIS.flatMap(([api, path, base, counts, flags, texts]) => {
  const of = (names: string, wrong: readonly string[], right: string) =>
    names.split(' ').filter(Boolean).map((field) => ({ api, path, base, field, wrong, right })) // prettier-ignore
  return [...of(counts, NO_COUNTS, '7'), ...of(flags, NO_FLAGS, 'true'), ...of(texts, NO_TEXTS, '"standard"')]
})

test.each(rows)('$api $path: $field is of its type, null, or refused', ({ api, path, base, field, wrong, right }) => {
  const metered = meteredOf(api, path)
  const read = (json: string) => metered.readRequest(Buffer.from(`{${base},${written(field, json)}}`), { model: 'm' }, 'application/json')
  expect(() => read(right)).not.toThrow()
  expect(() => read('null')).not.toThrow()
  for (const json of wrong) expect(() => read(json), json).toThrow(InvalidRequest)
})

test.each(rows.filter(({ field }) => field.includes('.')))(
  '$api $path: what $field stands in is an object',
  ({ api, path, base, field }) => {
    const [outer] = field.split('.')
    const read = (json: string) =>
      meteredOf(api, path).readRequest(Buffer.from(`{${base},"${outer}":${json}}`), { model: 'm' }, 'application/json')
    expect(() => read('null')).not.toThrow()
    for (const json of ['1', '"a"', 'false', '[]', '[{}]']) expect(() => read(json), json).toThrow(InvalidRequest)
  },
)

test('a prompt is a text, token ids, or a list of one of both', () => {
  const completions = meteredOf('openai', '/v1/completions')
  const choices = (prompt: string) => completions.readRequest(Buffer.from(`{"model":"m","prompt":${prompt}}`), {}, '').facts.choices
  expect([choices('"a"'), choices('[1,2,3]'), choices('["a","b"]'), choices('[[1],[2],[3]]'), choices('[]')]).toEqual([1, 1, 2, 3, 1])
  for (const prompt of ['[1,"a","b"]', '["a",1]', '[1,[2],[3]]']) expect(() => choices(prompt)).toThrow(InvalidRequest)
})

import type { Random } from '../simulation/random.ts'
import { copyOf, type Node, object, raw } from './json-text.ts'

/* Values of the kinds that fields of AI APIs have, and values that no field should have. */

type Make = (random: Random) => Node

/** A picture of 8 x 8, as a data URL. */
const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEElEQVR4nGP4z8CAFTEMLQkAKP8/wc53yE4AAAAASUVORK5CYII='
const PDF = 'JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvUGFnZT4+ZW5kb2JqCiUlRU9G'
const WORDS = [
  'spend',
  'the',
  'budget',
  'of',
  'this',
  'month',
  'on',
  'tokens',
  'Zürich',
  '東京',
  '🔥',
  'e\u0301',
  'null',
  '"quoted"',
  '\\',
  '\n',
]

function words(random: Random, most = 12): string {
  return Array.from({ length: random.between(1, most) }, () => random.pick(WORDS)).join(' ')
}

const list =
  (make: Make, most = 3): Make =>
  (random) =>
    Array.from({ length: random.between(1, most) }, () => make(random))
const either =
  (...makes: readonly Make[]): Make =>
  (random) =>
    random.pick(makes)(random)
const choice =
  (...values: readonly Node[]): Make =>
  (random) =>
    random.pick(values)

const schema = object({ type: 'object', properties: object({ city: object({ type: 'string' }) }) })
const aFunction = object({ name: 'look_up', description: 'Looks something up', parameters: schema })

const textPart: Make = (random) => object({ type: 'text', text: words(random) })
const chatParts: Make = either(
  textPart,
  textPart,
  textPart,
  () => object({ type: 'image_url', image_url: object({ url: PNG, detail: 'low' }) }),
  () => object({ type: 'image_url', image_url: object({ url: 'https://example.com/a.png' }) }),
  () => object({ type: 'input_audio', input_audio: object({ data: 'UklGRgAAAABXQVZF', format: 'wav' }) }),
  () => object({ type: 'file', file: object({ file_data: `data:application/pdf;base64,${PDF}`, filename: 'a.pdf' }) }),
  () => object({ type: 'file', file: object({ file_id: 'file-abc' }) }),
  () => object({ type: 'video_url', video_url: object({ url: 'https://example.com/a.mp4' }) }),
)
const claudeParts: Make = either(
  textPart,
  textPart,
  () => object({ type: 'image', source: object({ type: 'base64', media_type: 'image/png', data: PNG.slice(22) }) }),
  () => object({ type: 'image', source: object({ type: 'url', url: 'https://example.com/a.png' }) }),
  () => object({ type: 'document', source: object({ type: 'base64', media_type: 'application/pdf', data: PDF }) }),
  () => object({ type: 'document', source: object({ type: 'url', url: 'https://example.com/a.pdf' }) }),
  () => object({ type: 'document', source: object({ type: 'file', file_id: 'file_abc' }), citations: object({ enabled: true }) }),
  () => object({ type: 'tool_result', tool_use_id: 'toolu_1', content: [object({ type: 'text', text: 'sunny' })] }),
)
const geminiParts: Make = either(
  (random) => object({ text: words(random) }),
  (random) => object({ text: words(random) }),
  () => object({ inlineData: object({ mimeType: 'image/png', data: PNG.slice(22) }) }),
  () => object({ inline_data: object({ mime_type: 'application/pdf', data: PDF }) }),
  () => object({ fileData: object({ mimeType: 'video/mp4', fileUri: 'https://example.com/v.mp4' }) }),
  () => object({ functionResponse: object({ name: 'look_up', response: object({ result: 'sunny' }) }) }),
)
const converseParts: Make = either(
  (random) => object({ text: words(random) }),
  (random) => object({ text: words(random) }),
  () => object({ image: object({ format: 'png', source: object({ bytes: PNG.slice(22) }) }) }),
  () => object({ document: object({ format: 'pdf', name: 'a', source: object({ bytes: PDF }) }) }),
  () => object({ cachePoint: object({ type: 'default' }) }),
)
const message =
  (parts: Make, roles: readonly string[] = ['user', 'user', 'assistant']): Make =>
  (random) =>
    object({ role: random.pick(roles), content: random.chance(0.6) ? words(random, 40) : list(parts)(random) })

/** By the names that `fields.ts` uses. */
const KINDS = {
  text: (random) => words(random, 40),
  word: (random) => random.pick(['a', 'auto', 'default', 'low', 'user-1', 'x'.repeat(64)]),
  id: (random) => random.pick(['resp_1', 'file-abc', 'conv_1', 'prompt_1']),
  maximum: (random) => random.pick([1, 5, 16, 100, 256, 1000, 4096, random.between(1, 8000)]),
  few: (random) => random.between(1, 3),
  number: (random) => random.pick([0, 0.1, 0.5, 1, 1.0, 2]),
  size: (random) => random.between(1, 512),
  flag: (random) => random.chance(0.5),
  yes: choice(true),
  stop: either(
    choice('\n'),
    list((random) => words(random, 2), 4),
  ),
  strings: list((random) => words(random)),
  tokens: list((random) => random.between(0, 100_000), 30),
  metadata: (random) => object({ team: words(random, 2) }),
  object: choice(object({}), object({ a: 1 })),
  messages: list(message(chatParts, ['user', 'user', 'system', 'assistant', 'developer'])),
  claudeMessages: list(message(claudeParts)),
  converseMessages: list((random) => object({ role: 'user', content: list(converseParts)(random) })),
  contents: list((random) => object({ role: 'user', parts: list(geminiParts)(random) })),
  content: (random) => object({ parts: list(geminiParts)(random) }),
  plainMessages: list((random) => object({ role: 'user', content: words(random, 30) })),
  claudeSystem: either((random) => words(random), list(textPart)),
  tools: list(choice(object({ type: 'function', function: aFunction }))),
  claudeTools: list(choice(object({ name: 'look_up', description: 'Looks up', input_schema: schema }))),
  geminiTools: list(choice(object({ functionDeclarations: [aFunction] }), object({ googleSearch: object({}) }))),
  converseTools: choice(object({ tools: [object({ toolSpec: object({ name: 'look_up', inputSchema: object({ json: schema }) }) })] })),
  responseTools: list(
    choice(
      object({ type: 'function', name: 'look_up', parameters: schema }),
      object({ type: 'web_search' }),
      object({ type: 'file_search', vector_store_ids: ['vs_1'] }),
      object({ type: 'code_interpreter', container: object({ type: 'auto' }) }),
      object({ type: 'image_generation' }),
    ),
  ),
  input: either(
    (random) => words(random, 40),
    list((random) => object({ role: 'user', content: words(random, 30) })),
    list((random) => object({ role: 'user', content: [object({ type: 'input_text', text: words(random) })] })),
    list(choice(object({ role: 'user', content: [object({ type: 'input_image', image_url: 'https://example.com/a.png' })] }))),
    list(choice(object({ role: 'user', content: [object({ type: 'input_file', file_id: 'file-abc' })] }))),
    list(choice(object({ type: 'item_reference', id: 'msg_1' }))),
  ),
  embedInput: either(
    (random) => words(random, 60),
    list((random) => words(random, 40)),
    list((random) => random.between(0, 100_000), 40),
    list(list((random) => random.between(0, 100_000), 20)),
  ),
  prompt: either(
    (random) => words(random, 60),
    list((random) => words(random, 20)),
  ),
  format: choice(object({ type: 'text' }), object({ type: 'json_object' })),
  streamOptions: (random) => random.pick([object({ include_usage: true }), object({ include_usage: false }), object({}), null]),
  toolChoice: choice('auto', 'none', object({ type: 'auto' })),
  effort: choice('minimal', 'low', 'medium', 'high'),
  tier: choice('auto', 'default', 'flex', 'priority'),
  claudeTier: choice('auto', 'standard_only'),
  thinking: choice(object({ type: 'enabled', budget_tokens: 1024 }), object({ type: 'disabled' }), object({ type: 'adaptive' })),
  reasoning: choice(object({ effort: 'low' }), object({ effort: 'high', summary: 'auto' }), object({ exclude: true })),
  models: list(choice('gpt-4o-mini', 'gpt-5', 'cheap-1')),
  options: (random) => object({ num_predict: random.pick([1, 50, 300]), temperature: 0.1, num_ctx: 4096 }),
  generation: (random) =>
    object({ maxOutputTokens: random.between(1, 4000), temperature: 0.3, candidateCount: random.between(1, 2), stopSequences: ['x'] }),
  inference: (random) => object({ maxTokens: random.between(1, 4000), temperature: 0.2, topP: 0.9, stopSequences: ['x'] }),
  imageSize: choice('auto', '1024x1024', '512x512'),
  quality: choice('auto', 'low', 'high', 'standard'),
  voice: choice('alloy', 'verse'),
  sound: choice('mp3', 'wav'),
  documents: list(
    either(
      (random) => words(random),
      (random) => object({ text: words(random) }),
    ),
  ),
  instances: list((random) => object({ content: words(random) })),
  geminiRequests: list((random) =>
    object({ model: 'models/gemini-embedding-001', content: object({ parts: [object({ text: words(random) })] }) }),
  ),
} satisfies Readonly<Record<string, Make>>

export type Kind = keyof typeof KINDS

/** A value of that kind, to be changed at will. */
export function valueOf(kind: Kind, random: Random): Node {
  return copyOf(KINDS[kind](random))
}

/** What stands where something else is expected: at the borders of numbers, texts and types. */
export function oddValue(random: Random): Node {
  return copyOf(random.pick(ODD)(random))
}

const ODD: readonly Make[] = [
  choice(null, true, false, '', '0', '1', 'true', 'on', [], object({}), object({ toString: 1 })),
  choice(0, -1, -2, 1.5, 1e2, 5.0, 0.1, 128_001, 1e6, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 1e300),
  () => raw('1e999'),
  () => raw('-0'),
  () => raw('9007199254740993'),
  () => raw('100000000000000000000000000'),
  () => raw('1E2'),
  () => raw('5.000'),
  choice('\ud800', '\udfff\ud800', '\u0000', 'a\nb', '\u2028', '\ufeff', '__proto__', 'constructor'),
  (random) => 'x'.repeat(random.pick([200, 201, 1000, 20_000])),
  (random) => deep(random.pick([10, 60, 130, 600, 3000]), random.chance(0.5)),
  (random) => Array.from({ length: random.pick([10, 300, 3000]) }, () => random.pick([0, object({}), ''])),
  (random) => wide(random.pick([10, 300, 3000])),
  (random) => words(random, 400),
]

/** Objects, or lists, in each other. */
export function deep(depth: number, isList: boolean): Node {
  const [open, close] = isList ? ['[', ']'] : ['{"0":', '}']
  return raw(`${open.repeat(depth)}1${close.repeat(depth)}`)
}

/** An object of many members. */
function wide(members: number): Node {
  return { members: Array.from({ length: members }, (_, i) => [i.toString(36), 0] as const) }
}

import zlib from 'node:zlib'
import type { Answer, Dialect } from '../fields.ts'
import { anyFlag, asJson, COERCIONS, type Coercion, type Json, mostOf, Rejected } from './coercion.ts'

/** A request as the provider understands it. */
export interface Reading {
  /** Every model that it may use for it. */
  readonly models: readonly string[]
  readonly isStream: boolean
  /** False: the answer comes without its usage. */
  readonly isUsageShown: boolean
  /** The most output of one choice; undefined: as much as the model has. */
  readonly outputMax: number | undefined
  readonly choices: number
  readonly inputTokens: number
}

export interface ProviderRequest {
  readonly dialect: Dialect
  readonly answer: Answer
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Buffer
}

/** @throws Rejected, SyntaxError: the provider answers 400 */
export async function readAsProvider(request: ProviderRequest): Promise<Reading> {
  const body = decoded(request)
  const contentType = String(request.headers['content-type'] ?? '')
  if (contentType.toLowerCase().includes('multipart/form-data')) return readForm(request, body, contentType)
  const json = asJson(JSON.parse(body.toString()))
  if (json === undefined) throw new Rejected('no object')
  const coercion = COERCIONS[request.dialect]
  const models = modelsOf(request, coercion, json)
  const shape = { models, inputTokens: inputOf(request.dialect, json), isUsageShown: !isMasked(request), choices: 1 }
  return { ...shape, ...outputOf(request, coercion, json) }
}

/** @throws Rejected */
function decoded({ body, headers }: ProviderRequest): Buffer {
  const encoding = String(headers['content-encoding'] ?? '')
  try {
    return decode(body, encoding)
  } catch {
    throw new Rejected(`not ${encoding}`)
  }
}

function decode(body: Buffer, encoding: string): Buffer {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return zlib.gunzipSync(body)
    case 'br':
      return zlib.brotliDecompressSync(body)
    case 'deflate':
      return zlib.inflateSync(body)
    case 'zstd':
      return zlib.zstdDecompressSync(body)
    default:
      return body
  }
}

/** As undici reads it, and for the model as whoever takes the first or the last of several. */
async function readForm({ headers, answer }: ProviderRequest, body: Buffer, contentType: string): Promise<Reading> {
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData().catch(() => {
    throw new Rejected(`no form: ${String(headers['content-type'])}`)
  })
  const texts = (name: string) => form.getAll(name).flatMap((value) => (typeof value === 'string' ? [value] : []))
  // A transcription is of a file (https://platform.openai.com/docs/api-reference/audio).
  if (answer === 'transcription' && !form.getAll('file').some((value) => typeof value !== 'string')) throw new Rejected('file')
  const models = texts('model')
  const isStream = texts('stream').some((value) => ['true', '1'].includes(value))
  // Audio has one transcript.
  const wanted = answer === 'image' ? texts('n') : []
  const choices = Math.max(1, ...wanted.map((value) => (/^\d{1,3}$/.test(value) ? Number(value) : 1)))
  return {
    models,
    isStream,
    isUsageShown: true,
    outputMax: answer !== 'image' ? 5 : texts('quality').includes('low') ? 272 : 1056,
    choices,
    inputTokens: Math.max(1, body.length >> 8),
  }
}

/** Google's field masks: what is not named does not come (https://cloud.google.com/apis/docs/system-parameters). */
function isMasked({ dialect, query, headers }: ProviderRequest): boolean {
  if (dialect !== 'gemini' && dialect !== 'vertex') return false
  const mask = headers['x-goog-fieldmask'] ?? query.get('fields') ?? query.get('$fields') ?? ''
  return mask !== '' && !String(mask).includes('usageMetadata') && mask !== '*'
}

function modelsOf({ path, dialect }: ProviderRequest, { members }: Coercion, json: Json): readonly string[] {
  const inPath = /\/(?:models|model|deployments)\/([^/:?]+(?::0)?)/.exec(path)?.[1]
  if (inPath !== undefined && !path.includes('/models/chat/')) return [decodeURIComponent(inPath)]
  const named = members(json, 'model')
  const others = dialect === 'router' ? [...listOf(json['models']), ...listOf(json['fallbacks'])] : []
  const ofFallbacks = dialect === 'anthropic' ? listOf(json['fallbacks']) : []
  const ofTools = listOf(dialect === 'anthropic' ? json['tools'] : []).filter((tool) =>
    JSON.stringify(asJson(tool)?.['type'] ?? '').startsWith('"advisor'),
  )
  return [...named, ...others, ...ofFallbacks, ...ofTools].flatMap((value) => {
    const model = typeof value === 'string' ? value : asJson(value)?.['model']
    return typeof model === 'string' ? [model] : []
  })
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

const OPENAI: readonly Dialect[] = ['openai', 'azure']
const GOOGLE: readonly Dialect[] = ['gemini', 'vertex']

/** What the provider fetches by itself, or adds, is input too. */
const FETCHED: readonly (readonly [pattern: RegExp, tokens: number, dialects?: readonly Dialect[]])[] = [
  [/"(?:image_url|input_image|image|inlineData|inline_data)"/, 85],
  [/https:\/\/example\.com\/a\.png/, 700],
  [/https:\/\/example\.com\/\w+\.(?:pdf|mp4)/, 15_000],
  [/"file_id":/, 12_000, [...OPENAI, 'anthropic']],
  [/"item_reference"|"previous_response_id":"|"conversation":["{]/, 20_000, OPENAI],
  [/"cachedContent":"|"cached_content":"/, 20_000, GOOGLE],
]

/** A token for each four characters, spaces between values not counted, and what is fetched. */
function inputOf(dialect: Dialect, json: Json): number {
  const isFetched = ([pattern, , dialects]: (typeof FETCHED)[number]) => (dialects ?? [dialect]).includes(dialect) && pattern.test(text)
  const text = JSON.stringify(json)
  return Math.max(1, text.length >> 2) + FETCHED.filter(isFetched).reduce((sum, [, tokens]) => sum + tokens, 0)
}

type Output = Pick<Reading, 'isStream' | 'outputMax'> & Partial<Pick<Reading, 'choices' | 'isUsageShown'>>

function outputOf(request: ProviderRequest, coercion: Coercion, json: Json): Output {
  const isStream = anyFlag(coercion, json, 'stream')
  return OUTPUTS[request.answer]?.({ request, coercion, json, isStream }) ?? { isStream: false, outputMax: 0 }
}

interface Parts {
  readonly request: ProviderRequest
  readonly coercion: Coercion
  readonly json: Json
  readonly isStream: boolean
}

const cohereOutput = ({ coercion, json, isStream }: Parts): Output => ({
  isStream,
  outputMax: mostOf(coercion, json, 'max_tokens').max,
  choices: mostOf(coercion, json, 'num_generations').max ?? 1,
})

/** Of answers that are not here there is no output. */
const OUTPUTS: Readonly<Partial<Record<Answer, (parts: Parts) => Output>>> = {
  chat: ({ request, coercion, json }) => chatOutput(request, coercion, json),
  completion: ({ request, coercion, json }) => chatOutput(request, coercion, json),
  responses: ({ coercion, json, isStream }) => ({ isStream, outputMax: mostOf(coercion, json, 'max_output_tokens').max }),
  messages: ({ request, coercion, json, isStream }) => {
    const { isSet, max } = mostOf(coercion, json, 'max_tokens')
    if (!isSet) throw new Rejected('max_tokens')
    return { isStream: request.path.includes(':stream') || isStream, outputMax: max }
  },
  complete: ({ coercion, json, isStream }) => ({ isStream, outputMax: mostOf(coercion, json, 'max_tokens_to_sample').max }),
  gemini: ({ request, coercion, json }) => {
    const configs = coercion.members(json, 'generationConfig').map((value) => asJson(value) ?? {})
    const outputMax = largest(configs.map((config) => mostOf(coercion, config, 'maxOutputTokens').max))
    const choices = Math.max(1, ...configs.map((config) => mostOf(coercion, config, 'candidateCount').max ?? 1))
    return { isStream: request.path.includes(':stream'), outputMax, choices: Math.min(choices, 8) }
  },
  converse: ({ request, coercion, json }) => ({ isStream: request.path.endsWith('-stream'), outputMax: converseMaximum(coercion, json) }),
  invoke: ({ request, coercion, json }) => ({
    isStream: request.path.endsWith('-stream'),
    outputMax: mostOf(coercion, json, 'max_tokens').max,
  }),
  cohereChat1: cohereOutput,
  cohereChat2: cohereOutput,
  ollamaChat: ({ coercion, json }) => ollamaOutput(coercion, json),
  ollamaGenerate: ({ coercion, json }) => ollamaOutput(coercion, json),
  image: ({ coercion, json, isStream }) => ({
    isStream,
    outputMax: json['quality'] === 'low' ? 272 : 1056,
    choices: mostOf(coercion, json, 'n').max ?? 1,
  }),
}

/** Undefined, which is without a limit, is the largest. */
function largest(counts: readonly (number | undefined)[]): number | undefined {
  return counts.length === 0 || counts.includes(undefined) ? undefined : Math.max(...counts.map((count) => count ?? 0))
}

function chatOutput({ dialect, answer }: ProviderRequest, coercion: Coercion, json: Json): Output {
  const most = (name: string) => mostOf(coercion, json, name)
  const options = coercion.members(json, 'stream_options').map((value) => {
    if (value !== null && asJson(value) === undefined && dialect !== 'router' && dialect !== 'llama') throw new Rejected('stream_options')
    return asJson(value) ?? {}
  })
  const [own, ofOpenAi, foreign] = [most('max_tokens'), most('max_completion_tokens'), most('n_predict')]
  const order = dialect === 'llama' ? [foreign, own, ofOpenAi] : answer === 'completion' ? [own] : [ofOpenAi, own]
  const set = order.filter(({ isSet }) => isSet).map(({ max }) => max)
  const isGo = dialect === 'relay'
  const outputMax = isGo ? largest(set) : set[0]
  const n = most('n').max ?? 1
  const choices = Math.min(answer === 'completion' || dialect === 'vllm' ? Math.max(n, most('best_of').max ?? 1) : n, 128)
  const prompts =
    answer === 'completion' && Array.isArray(json['prompt']) && typeof json['prompt'][0] === 'string' ? json['prompt'].length : 1
  const isAsked = options.length > 0 && options.every((of) => anyFlag(coercion, of, 'include_usage'))
  const isStream = anyFlag(coercion, json, 'stream')
  const defaultMax = answer === 'completion' && set.length === 0 && dialect !== 'llama' ? 16 : outputMax
  return { isStream, outputMax: defaultMax, choices: choices * prompts, isUsageShown: !isStream || dialect === 'llama' || isAsked }
}

function converseMaximum(coercion: Coercion, json: Json): number | undefined {
  const config = asJson(json['inferenceConfig']) ?? {}
  const own = asJson(json['additionalModelRequestFields']) ?? {}
  const set = [mostOf(coercion, config, 'maxTokens'), mostOf(coercion, own, 'max_tokens')].filter(({ isSet }) => isSet)
  return largest(set.map(({ max }) => max))
}

/** `options` is a map, whose names have one case; 0 and below has no end (https://docs.ollama.com/modelfile). */
function ollamaOutput(coercion: Coercion, json: Json): Output {
  const maxima = coercion.members(json, 'options').map((value) => {
    const wanted = asJson(value)?.['num_predict']
    if (wanted === undefined || wanted === null) return undefined
    if (typeof wanted !== 'number') throw new Rejected('num_predict')
    return Math.trunc(wanted) <= 0 ? undefined : Math.trunc(wanted)
  })
  const streams = coercion
    .members(json, 'stream')
    .filter((value) => value !== null)
    .map(coercion.flag)
  return { isStream: streams.length === 0 || streams.includes(true), outputMax: largest(maxima) }
}

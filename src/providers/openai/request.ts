import { asList, asObject, stringIn, textOf } from '../answer.ts'
import { toServiceTier } from '../billing.ts'
import { insertMember, jsonMembers, spliceBytes, type Splice } from '../json-members.ts'
import type { JsonObject, OutgoingBody, PathValues, RequestChanges, RequestFacts } from '../provider.ts'
import { countIn, parseBody, setMember } from '../request-body.ts'
import { countTokens } from '../tokenizer.ts'
import { encodingOf } from './encoding.ts'
import { openAiContextMax } from './context-max.ts'
import { isExplained, isOpenAiModel } from './hidden-input.ts'
import { boundChatInput, boundCompletionInput, boundEmbeddingInput, boundResponseInput } from './input-bound.ts'

/** Completions answer with so many tokens where the request sets no maximum. */
const COMPLETION_OUTPUT_DEFAULT = 16

/** The Responses API accepts no smaller maximum. */
const RESPONSES_OUTPUT_MIN = 16

interface Read {
  readonly facts: RequestFacts
  readonly json: JsonObject
}

export function readChatRequest(body: Buffer, path?: PathValues): Read {
  const { json, model } = parseBody(body, path)
  return {
    json,
    facts: {
      model,
      isStream: json['stream'] === true,
      ...boundChatInput(json, model, body.length),
      outputMax: larger(countIn(json, 'max_completion_tokens'), countIn(json, 'max_tokens')),
      outputMin: 1,
      canClamp: true,
      choices: Math.max(1, countIn(json, 'n') ?? 1),
      tier: toServiceTier(json['service_tier']),
    },
  }
}

function larger(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other)
}

export function readCompletionRequest(body: Buffer, path?: PathValues): Read {
  const { json, model } = parseBody(body, path)
  const prompts = Array.isArray(json['prompt']) && typeof json['prompt'][0] !== 'number' ? Math.max(1, json['prompt'].length) : 1
  return {
    json,
    facts: {
      model,
      isStream: json['stream'] === true,
      ...boundCompletionInput(json, model, body.length),
      outputMax: countIn(json, 'max_tokens') ?? COMPLETION_OUTPUT_DEFAULT,
      outputMin: 1,
      canClamp: true,
      choices: prompts * Math.max(1, countIn(json, 'n') ?? 1, countIn(json, 'best_of') ?? 1),
    },
  }
}

export function readResponsesRequest(body: Buffer, path?: PathValues): Read {
  const { json, model } = parseBody(body, path)
  return {
    json,
    facts: {
      model,
      isStream: json['stream'] === true,
      ...boundResponseInput(json, model, body.length),
      outputMax: countIn(json, 'max_output_tokens'),
      outputMin: RESPONSES_OUTPUT_MIN,
      canClamp: true,
      choices: 1,
      isBackground: json['background'] === true,
      ...continuedBy(json, model),
      tier: toServiceTier(json['service_tier']),
    },
  }
}

function continuedBy(json: JsonObject, model: string): Pick<RequestFacts, 'continues'> {
  const { conversation } = json
  const named = typeof conversation === 'string' ? conversation : stringIn(asObject(conversation) ?? {}, 'id')
  const id = named || stringIn(json, 'previous_response_id')
  return id === '' ? {} : { continues: { id, isGrowing: named !== '', tokensMax: openAiContextMax(model) } }
}

/** What tells the model how to compact stands in no request. */
const COMPACT_PROMPT_TOKENS_MAX = 1000

export function readCompactRequest(body: Buffer, path?: PathValues): Read {
  const { json, facts } = readResponsesRequest(body, path)
  return { json, facts: { ...facts, inputBound: facts.inputBound + COMPACT_PROMPT_TOKENS_MAX } }
}

export function readEmbeddingsRequest(body: Buffer, path?: PathValues): Read {
  const { json, model } = parseBody(body, path)
  const input = boundEmbeddingInput(json, model, body.length)
  const facts = { model, isStream: false, ...input, outputMax: 0, outputMin: 0, canClamp: false, choices: 1 }
  return { json, facts }
}

/** Some rerankers count the query with each of the documents. */
export function readRerankRequest(body: Buffer, path?: PathValues): Read {
  const { json, facts } = readEmbeddingsRequest(body, path)
  const query = typeof json['query'] === 'string' ? Buffer.byteLength(json['query']) : body.length
  return { json, facts: { ...facts, inputBound: facts.inputBound + query * asList(json['documents']).length } }
}

/** Asks for the usage chunk of a stream; a client that did not ask for it must not see it. */
export function prepareChat(body: Buffer, json: JsonObject, changes: RequestChanges): OutgoingBody {
  const isAsked = asObject(json['stream_options'])?.['include_usage'] === true || changes.asksForUsage === false
  const hidesUsageChunk = json['stream'] === true && !isAsked
  if (!hidesUsageChunk && !hasChanges(changes)) return { body, hidesUsageChunk }
  const members = jsonMembers(body)
  const splices = [...changeSplices(body, members, changes, (max) => chatMaximum(json, max))]
  if (hidesUsageChunk) splices.push(usageSplice(body, members))
  return { body: spliceBytes(body, splices), hidesUsageChunk }
}

export function prepareResponses(body: Buffer, _json: JsonObject, changes: RequestChanges): OutgoingBody {
  if (!hasChanges(changes)) return { body, hidesUsageChunk: false }
  const splices = changeSplices(body, jsonMembers(body), changes, (max) => ({ max_output_tokens: max }))
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

export function prepareEmbeddings(body: Buffer, _json: JsonObject, changes: RequestChanges): OutgoingBody {
  if (!hasChanges(changes)) return { body, hidesUsageChunk: false }
  const splices = changeSplices(body, jsonMembers(body), changes, () => ({}))
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

function hasChanges({ model, outputMax }: RequestChanges): boolean {
  return model !== undefined || outputMax !== undefined
}

function changeSplices(
  body: Buffer,
  members: ReturnType<typeof jsonMembers>,
  { model, outputMax }: RequestChanges,
  maximum: (max: number) => Readonly<Record<string, number>>,
): Splice[] {
  const wanted = { ...(model === undefined ? {} : { model }), ...(outputMax === undefined ? {} : maximum(outputMax)) }
  return Object.entries(wanted).map(([name, value]) => setMember(body, members, name, JSON.stringify(value)))
}

/** OpenAI's own models know `max_completion_tokens` (and reasoning models nothing else); servers that imitate it know `max_tokens`. */
function chatMaximum(json: JsonObject, max: number): Readonly<Record<string, number>> {
  const present = ['max_completion_tokens', 'max_tokens'].filter((name) => json[name] !== undefined && json[name] !== null)
  const isOpenAi = typeof json['model'] === 'string' && isOpenAiModel(json['model'])
  const names = present.length > 0 ? present : [isOpenAi ? 'max_completion_tokens' : 'max_tokens']
  return Object.fromEntries(names.map((name) => [name, max]))
}

function usageSplice(body: Buffer, members: ReturnType<typeof jsonMembers>): Splice {
  const options = members.find(({ name }) => name === 'stream_options')
  if (options === undefined || body.toString('latin1', options.valueStart, options.valueEnd) === 'null') {
    return setMember(body, members, 'stream_options', '{"include_usage":true}')
  }
  const inner = jsonMembers(body, options.valueStart).find(({ name }) => name === 'include_usage')
  if (inner === undefined) return insertMember(body, options.valueStart, 'include_usage', 'true')
  return { start: inner.valueStart, end: inner.valueEnd, text: 'true' }
}

/** What a request's own text counts, for an answer that reports no input. */
export function estimateInput(json: JsonObject): number {
  return countTokens(textOf(json))
}

/** Parts that cost otherwise than by their text; in a text of the request the quotes would be escaped. */
const MEDIA = /"type":"(?:image|input_image|image_url|file|input_file|input_audio)"/

const REFINED_BYTES_MAX = 64 * 1024
const TOKENS_PER_MESSAGE = 8
/** Of OpenAI's own models; 145 were recorded beyond the text that explains the tools. */
const EXPLANATION_TOKENS_MAX = 512
const MARGIN = 1.02

/**
 * An upper bound by the model's own tokenizer: the request's JSON text has more tokens than what the model is given of it; each
 * message and tool adds a few.
 * Of a request whose input is known to be its text.
 * @returns Infinity where there is none: for models of others, and for media
 */
export function refineInputBound(json: JsonObject): number {
  const model = typeof json['model'] === 'string' ? json['model'] : ''
  const text = JSON.stringify(json)
  if (MEDIA.test(text) || text.length > REFINED_BYTES_MAX || !isOpenAiModel(model)) return Infinity
  const parts = asList(json['messages']).length + asList(json['input']).length + asList(json['tools']).length
  const explanation = isExplained(json) ? EXPLANATION_TOKENS_MAX : 0
  return Math.ceil(countTokens(text, encodingOf(model)) * MARGIN) + TOKENS_PER_MESSAGE * (parts + 1) + explanation
}

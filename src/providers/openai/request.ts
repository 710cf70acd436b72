import { asList } from '../answer.ts'
import { toServiceTier } from '../billing.ts'
import { jsonMembers, type Member, spliceBytes, type Splice } from '../json-members.ts'
import { type MemberPath } from '../member-path.ts'
import { lowerMaxima, type Maxima, MAXIMA_OF_SERVERS, outputMaxIn } from '../output-maxima.ts'
import { InvalidRequest, type JsonObject, type OutgoingBody, type PathValues, type RequestChanges, type RequestFacts } from '../provider.ts'
import { otherModelsIn, responsesModelsIn } from '../named-models.ts'
import { parseBody, setMember } from '../request-body.ts'
import { choicesIn, flagIn, objectIn, textIn } from '../request-fields.ts'
import { countTokens } from '../tokenizer.ts'
import { encodingOf } from './encoding.ts'
import { isStreamAsked, streamChanges } from './stream-options.ts'
import { openAiContextMax } from './context-max.ts'
import { isExplained, isOpenAiModel } from './hidden-input.ts'
import { boundChatInput, boundCompletionInput, boundEmbeddingInput, boundResponseInput } from './input-bound.ts'

/** Completions answer with so many tokens where the request sets no maximum. */
const COMPLETION_OUTPUT_DEFAULT = 16

/** The models that OpenAI has for completions (https://platform.openai.com/docs/models). */
const OPENAI_COMPLETIONS = /^(?:gpt-3\.5-turbo-instruct|davinci-002|babbage-002)/

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
      isStream: isStreamAsked(json),
      ...boundChatInput(json, model, body.length),
      ...otherModelsIn(json, model),
      ...outputMaxIn(json, chatMaxima(model)),
      outputMin: 1,
      canClamp: true,
      choices: choicesIn(json, CHOICES),
      tier: toServiceTier(textIn(json, 'service_tier')),
    },
  }
}

/** OpenAI's own name, vLLM's and that of TGI. */
const CHOICES = ['n', 'best_of', 'num_return_sequences'] as const

const CHAT_MAXIMA: readonly MemberPath[] = [['max_completion_tokens'], ['max_tokens']]

/** OpenAI's own models take no other maximum, and 0 for 0; servers that imitate it have other names, and maxima without an end. */
function chatMaxima(model: string): Maxima {
  return { own: CHAT_MAXIMA, others: MAXIMA_OF_SERVERS, hasEndless: !isOpenAiModel(model) }
}

export function readCompletionRequest(body: Buffer, path?: PathValues): Read {
  const { json, model } = parseBody(body, path)
  // Servers that imitate OpenAI have other defaults, whatever name the model has: llama.cpp has no end.
  const unwritten = OPENAI_COMPLETIONS.test(model) ? { outputMax: COMPLETION_OUTPUT_DEFAULT } : {}
  return {
    json,
    facts: {
      model,
      isStream: isStreamAsked(json),
      ...boundCompletionInput(json, model, body.length),
      ...otherModelsIn(json, model),
      ...unwritten,
      ...outputMaxIn(json, completionMaxima(model)),
      outputMin: 1,
      canClamp: true,
      choices: promptsIn(json['prompt']) * choicesIn(json, CHOICES),
    },
  }
}

const COMPLETION_MAXIMA: readonly MemberPath[] = [['max_tokens']]

function completionMaxima(model: string): Maxima {
  return { ...chatMaxima(model), own: COMPLETION_MAXIMA }
}

/** A text or a list of token ids is one; a list of texts, or of lists, is as many. @throws InvalidRequest where a list has both */
function promptsIn(prompt: unknown): number {
  if (!Array.isArray(prompt)) return 1
  const ids = prompt.filter((item) => typeof item === 'number').length
  if (ids !== 0 && ids !== prompt.length)
    throw new InvalidRequest('"prompt" must be a text, token ids, or a list of texts or of lists of token ids')
  return ids === 0 ? Math.max(1, prompt.length) : 1
}

const RESPONSES_MAXIMA: readonly MemberPath[] = [['max_output_tokens']]

export function readResponsesRequest(body: Buffer, path?: PathValues): Read {
  const { json, model } = parseBody(body, path)
  return {
    json,
    facts: {
      model,
      isStream: flagIn(json, 'stream') === true,
      ...boundResponseInput(json, model, body.length),
      ...responsesModelsIn(json, model),
      ...outputMaxIn(json, { own: RESPONSES_MAXIMA, others: MAXIMA_OF_SERVERS, hasEndless: !isOpenAiModel(model) }),
      outputMin: RESPONSES_OUTPUT_MIN,
      canClamp: true,
      choices: choicesIn(json, CHOICES),
      isBackground: flagIn(json, 'background') === true,
      ...continuedBy(json, model),
      tier: toServiceTier(textIn(json, 'service_tier')),
    },
  }
}

function continuedBy(json: JsonObject, model: string): Pick<RequestFacts, 'continues'> {
  const { conversation } = json
  const named = typeof conversation === 'string' ? conversation : (textIn(objectIn(json, 'conversation') ?? {}, 'id') ?? '')
  const id = named || (textIn(json, 'previous_response_id') ?? '')
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

export function prepareChat(body: Buffer, facts: RequestFacts, changes: RequestChanges): OutgoingBody {
  // Servers that imitate OpenAI know `max_tokens`, its own reasoning models nothing but the newer name.
  const absent: MemberPath = isOpenAiModel(facts.model) ? ['max_completion_tokens'] : ['max_tokens']
  return prepareText(body, facts, changes, { own: CHAT_MAXIMA, absent })
}

export function prepareCompletion(body: Buffer, facts: RequestFacts, changes: RequestChanges): OutgoingBody {
  return prepareText(body, facts, changes, { own: COMPLETION_MAXIMA })
}

/** Asks for the usage chunk of a stream; a client that did not ask for it must not see it. */
function prepareText(body: Buffer, { isStream }: RequestFacts, changes: RequestChanges, maxima: WrittenMaxima): OutgoingBody {
  if (!isStream && !hasChanges(changes)) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const splices = changeSplices(body, members, changes, maxima)
  if (!isStream) return { body: spliceBytes(body, splices), hidesUsageChunk: false }
  const stream = streamChanges(body, members, changes.asksForUsage !== false)
  return { body: spliceBytes(body, [...splices, ...stream.splices]), hidesUsageChunk: !stream.isUsageAsked }
}

export function prepareResponses(body: Buffer, _facts: RequestFacts, changes: RequestChanges): OutgoingBody {
  return { body: changed(body, changes, RESPONSES_MAXIMA), hidesUsageChunk: false }
}

export function prepareEmbeddings(body: Buffer, _facts: RequestFacts, { model }: RequestChanges): OutgoingBody {
  return { body: changed(body, { model }, []), hidesUsageChunk: false }
}

/** Where the maximum stands, and where it is written if it stands nowhere. */
interface WrittenMaxima {
  readonly own: readonly MemberPath[]
  readonly absent?: MemberPath
}

function changed(body: Buffer, changes: RequestChanges, own: readonly MemberPath[]): Buffer {
  return hasChanges(changes) ? spliceBytes(body, changeSplices(body, jsonMembers(body), changes, { own })) : body
}

function hasChanges({ model, outputMax }: RequestChanges): boolean {
  return model !== undefined || outputMax !== undefined
}

function changeSplices(body: Buffer, members: readonly Member[], { model, outputMax }: RequestChanges, maxima: WrittenMaxima): Splice[] {
  const ofModel = model === undefined ? [] : [setMember(body, members, 'model', JSON.stringify(model))]
  const ofMaxima = outputMax === undefined ? [] : lowerMaxima(body, members, { ...maxima, others: MAXIMA_OF_SERVERS, max: outputMax })
  return [...ofModel, ...ofMaxima]
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

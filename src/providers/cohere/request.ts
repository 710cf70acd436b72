import { textOf } from '../answer.ts'
import { jsonMembers, type Splice, spliceBytes } from '../json-members.ts'
import type { JsonObject, OutgoingBody, RequestChanges, RequestFacts } from '../provider.ts'
import { countIn, parseBody, setMember } from '../request-body.ts'
import { countTokens } from '../tokenizer.ts'

interface Read {
  readonly facts: RequestFacts
  readonly json: JsonObject
}

/** Cohere puts text of its own before a prompt, more with tools: up to 1,500 tokens were seen. */
const PREAMBLE_TOKENS_MAX = 4096
/** An image of any size (https://docs.cohere.com/docs/image-inputs). */
const IMAGE_TOKENS_MAX = 50_000

/** @throws InvalidRequest */
export function readChatRequest(body: Buffer): Read {
  const { json, model } = parseBody(body)
  const outputMax = countIn(json, 'max_tokens')
  return {
    json,
    facts: {
      model,
      isStream: json['stream'] === true,
      inputBound: body.length + PREAMBLE_TOKENS_MAX + imagesIn(body) * IMAGE_TOKENS_MAX,
      outputMax,
      outputMin: 1,
      canClamp: true,
      choices: Math.max(1, countIn(json, 'num_generations') ?? 1),
    },
  }
}

/** Embed and rerank: an input, and no output. @throws InvalidRequest */
export function readInputRequest(body: Buffer): Read {
  const { json, model } = parseBody(body)
  const inputBound = body.length + imagesIn(body) * IMAGE_TOKENS_MAX
  return { json, facts: { model, isStream: false, inputBound, outputMax: 0, outputMin: 0, canClamp: false, choices: 1 } }
}

export function prepare(body: Buffer, _json: JsonObject, { model, outputMax }: RequestChanges): OutgoingBody {
  if (model === undefined && outputMax === undefined) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const splices: Splice[] = []
  if (model !== undefined) splices.push(setMember(body, members, 'model', JSON.stringify(model)))
  if (outputMax !== undefined) splices.push(setMember(body, members, 'max_tokens', String(outputMax)))
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

export function estimateInput(json: JsonObject): number {
  const texts = ['preamble', 'chat_history', 'message', 'messages', 'prompt', 'query', 'documents', 'texts', 'inputs', 'tools']
  return countTokens(texts.map((name) => textOf(json[name])).join(' '))
}

function imagesIn(body: Buffer): number {
  let count = 0
  for (let at = body.indexOf('image'); at >= 0; at = body.indexOf('image', at + 1)) count++
  return count
}

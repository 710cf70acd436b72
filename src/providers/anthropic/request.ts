import { asList, asObject, textOf } from '../answer.ts'
import { claudeDocumentCorrection } from '../document-bound.ts'
import { PROVIDER_TOOL_TOKENS, providerToolTokens, TOOL_PROMPT_TOKENS_MAX } from '../hidden-input.ts'
import { contentParts, imageCorrection } from '../image-bound.ts'
import { jsonMembers, spliceBytes } from '../json-members.ts'
import type { JsonObject, OutgoingBody, PathValues, RequestChanges, RequestFacts } from '../provider.ts'
import { countIn, parseBody, setMember } from '../request-body.ts'
import { countTokens } from '../tokenizer.ts'

/** The most tokens that Anthropic counts for one image: width x height / 750, for the largest size (https://docs.anthropic.com/en/docs/build-with-claude/vision). */
const IMAGE_TOKENS_MAX = 5000

/** What asking for citations adds; it is not published, some 600 were measured. */
const CITATION_PROMPT_TOKENS_MAX = 1000

/** Tools that the client runs, beside its own (https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview). */
const CLIENT_TOOL = /^(?:custom$|bash_|text_editor_|computer_|memory_)/

export function readMessagesRequest(body: Buffer, path?: PathValues): { readonly facts: RequestFacts; readonly json: JsonObject } {
  const { json, model } = parseBody(body, path)
  const outputMax = countIn(json, 'max_tokens')
  const thinking = asObject(json['thinking'])
  const thinkingBudget = thinking?.['type'] === 'enabled' ? (countIn(thinking, 'budget_tokens') ?? 0) : 0
  return {
    json,
    facts: {
      model,
      isStream: json['stream'] === true,
      inputBound: Math.max(1, body.length + hiddenInput(body, json) + mediaCorrection(body, json)),
      outputMax,
      // The maximum must be above what the model may think.
      outputMin: thinkingBudget + 1,
      canClamp: true,
      choices: 1,
    },
  }
}

/** What stands in no request and is yet a part of the input. */
function hiddenInput(body: Buffer, json: JsonObject): number {
  const toolPrompt = asList(json['tools']).length > 0 ? TOOL_PROMPT_TOKENS_MAX : 0
  const citationPrompt = body.includes('"citations"') ? CITATION_PROMPT_TOKENS_MAX : 0
  const isConnected = asList(json['mcp_servers']).length > 0
  const ofTools = isConnected ? PROVIDER_TOOL_TOKENS : providerToolTokens(json['tools'], (type) => CLIENT_TOOL.test(type))
  return toolPrompt + citationPrompt + ofTools
}

function mediaCorrection(body: Buffer, json: JsonObject): number {
  return imageCorrection(body, json, IMAGE_TOKENS_MAX) + documentCorrection(body, json)
}

function documentCorrection(body: Buffer, json: JsonObject): number {
  if (!body.includes('"document"')) return 0
  const documents = contentParts(json).filter(({ type }) => type === 'document')
  return documents.reduce((sum, { source }) => sum + claudeDocumentCorrection(asObject(source)), 0)
}

export function prepareMessages(body: Buffer, _json: JsonObject, { model, outputMax }: RequestChanges): OutgoingBody {
  const wanted = { ...(model === undefined ? {} : { model }), ...(outputMax === undefined ? {} : { max_tokens: outputMax }) }
  const changes = Object.entries(wanted)
  if (changes.length === 0) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const splices = changes.map(([name, value]) => setMember(body, members, name, JSON.stringify(value)))
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

/** Claude's own tokenizer is not published: OpenAI's count stands in, in what is marked as an estimate anyway. */
export function estimateMessagesInput(json: JsonObject): number {
  return countTokens(textOf(json))
}

import { asList, asObject, asObjects, stringIn } from '../answer.ts'
import { PROVIDER_TOOL_TOKENS } from '../hidden-input.ts'
import { asksForSomething, InputTally } from '../input-tally.ts'
import type { JsonObject, RequestFacts } from '../provider.ts'
import { geminiContextMax } from './context-max.ts'
import { addData, IMAGE_TOKENS_MAX } from './media-bound.ts'

/*
 * What is known of a request to Gemini (https://ai.google.dev/api/generate-content, https://ai.google.dev/api/caching#Content). Each
 * name is taken in both spellings (https://protobuf.dev/programming-guides/json/).
 */

type InputFacts = Pick<RequestFacts, 'inputBound' | 'unknownInput'>

const OPTIONS: ReadonlySet<string> = new Set([
  'contents', 'generationConfig', 'labels', 'model', 'modelArmorConfig', 'safetySettings', 'serviceTier', 'store', 'systemInstruction',
  'toolConfig', 'tools',
]) // prettier-ignore

const CONFIG: ReadonlySet<string> = new Set([
  'audioTimestamp', 'candidateCount', 'enableAffectiveDialog', 'enableEnhancedCivicAnswers', 'frequencyPenalty', 'imageConfig', 'logprobs',
  'maxOutputTokens', 'mediaResolution', 'modelSelectionConfig', 'presencePenalty', 'responseFormat', 'responseJsonSchema',
  'responseLogprobs', 'responseMimeType', 'responseModalities', 'responseSchema', 'routingConfig', 'seed', 'speechConfig', 'stopSequences',
  'temperature', 'thinkingConfig', 'topK', 'topP',
]) // prettier-ignore

const PART: ReadonlySet<string> = new Set([
  'codeExecutionResult', 'executableCode', 'functionCall', 'functionResponse', 'inlineData', 'mediaResolution', 'partMetadata', 'text', 'thought',
  'thoughtSignature', 'toolCall', 'toolResponse', 'videoMetadata',
]) // prettier-ignore

const CONTENT: ReadonlySet<string> = new Set(['parts', 'role'])
const CLIENT_TOOLS: ReadonlySet<string> = new Set(['functionDeclarations'])
/** The client runs it; what explains it stands in no request. */
const EXPLAINED_TOOLS: ReadonlySet<string> = new Set(['computerUse'])

/** Parts stand in responses of functions. */
const NESTING_MAX = 4

/** @param bytes those of the request */
export function boundGenerateInput(json: JsonObject, model: string, bytes: number): InputFacts {
  const tally = new InputTally()
  fillByUnknownIn(tally, json, OPTIONS, 'option')
  for (const config of [json['generationConfig'], json['generation_config']])
    fillByUnknownIn(tally, asObject(config) ?? {}, CONFIG, 'option')
  for (const contents of [json['contents'], json['systemInstruction'], json['system_instruction']]) addContents(tally, contents, model)
  for (const tool of listOf(json['tools'])) addTool(tally, tool)
  return tally.boundOf(bytes, geminiContextMax(model))
}

const EMBEDDING: ReadonlySet<string> = new Set([
  'autoTruncate', 'content', 'instances', 'model', 'outputDimensionality', 'parameters', 'requests', 'taskType', 'title', 'embedContentConfig',
]) // prettier-ignore

/** @param bytes those of the request */
export function boundEmbedInput(json: JsonObject, model: string, bytes: number): InputFacts {
  const tally = new InputTally()
  for (const request of [json, ...asObjects(json['requests'])]) {
    fillByUnknownIn(tally, request, EMBEDDING, 'option')
    addContents(tally, request['content'], model)
  }
  for (const instance of asList(json['instances'])) addInstance(tally, instance)
  return tally.boundOf(bytes, geminiContextMax(model))
}

const INSTANCE: ReadonlySet<string> = new Set(['content', 'image', 'language', 'negativePrompt', 'prompt', 'taskType', 'text', 'title'])

/** What is predicted for: a text to embed, a prompt, an image (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/multimodal-embeddings-api). */
function addInstance(tally: InputTally, instance: unknown): void {
  const object = asObject(instance)
  if (object === undefined) return tally.fill('instance')
  fillByUnknownIn(tally, object, INSTANCE, 'member of an instance')
  const image = asObject(object['image'])
  if (image !== undefined) tally.add(IMAGE_TOKENS_MAX - stringIn(image, 'bytesBase64Encoded').length)
}

/** A content, or a list of them; in it a part, or a list of them. */
function addContents(tally: InputTally, contents: unknown, model: string): void {
  for (const content of listOf(contents)) {
    const object = asObject(content)
    if (object !== undefined) {
      fillByUnknownIn(tally, object, CONTENT, 'member of a content')
      for (const part of listOf(object['parts'])) addPart(tally, part, { model, depth: 0 })
    } else if (typeof content !== 'string') tally.fill('content')
  }
}

function addPart(tally: InputTally, entry: unknown, at: { readonly model: string; readonly depth: number }): void {
  const part = asObject(entry)
  if (part === undefined || at.depth > NESTING_MAX) return tally.fill('part')
  fillByUnknownIn(tally, part, PART, 'part')
  const inline = asObject(part['inlineData'] ?? part['inline_data'])
  if (inline !== undefined)
    addData(tally, { type: stringIn(inline, 'mimeType') || stringIn(inline, 'mime_type'), data: stringIn(inline, 'data'), model: at.model })
  const answer = asObject(part['functionResponse'] ?? part['function_response'])
  for (const inner of listOf(answer?.['parts'])) addPart(tally, inner, { ...at, depth: at.depth + 1 })
}

/** Google runs every tool but functions: code, search, files, pages by their URL (https://ai.google.dev/gemini-api/docs/tools). */
function addTool(tally: InputTally, tool: unknown): void {
  for (const [name, value] of Object.entries(asObject(tool) ?? { tool })) {
    if (!asksForSomething(value) || CLIENT_TOOLS.has(camelCase(name))) continue
    if (EXPLAINED_TOOLS.has(camelCase(name))) tally.add(PROVIDER_TOOL_TOKENS)
    else tally.fill('tool', name)
  }
}

function fillByUnknownIn(tally: InputTally, object: JsonObject, known: ReadonlySet<string>, what: string): void {
  for (const name of Object.keys(object)) {
    if (!known.has(name) && !known.has(camelCase(name)) && asksForSomething(object[name])) tally.fill(what, name)
  }
}

function camelCase(name: string): string {
  return name.includes('_') ? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : name
}

/** The API takes one for a list of one; absent is none. */
function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

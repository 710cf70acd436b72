import { addMessagesInput } from '../anthropic/input-bound.ts'
import { asList, asObject } from '../answer.ts'
import { fillByUnknown, InputTally } from '../input-tally.ts'
import type { JsonObject, RequestFacts } from '../provider.ts'
import { bedrockContextMax } from './context-max.ts'
import { ContentBlocks } from './content-blocks.ts'
import { familyOf, IMAGE_TOKENS_MAX } from './family.ts'

type InputFacts = Pick<RequestFacts, 'inputBound' | 'unknownInput'>

/**
 * What the system prompt for tools adds at the most: 804 tokens for Claude
 * (https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview), some 850 were measured of Nova 2.
 */
const TOOL_PROMPT_TOKENS_MAX = 1500

/** What asking Claude for citations adds; it is not published, some 600 were measured. */
const CITATION_PROMPT_TOKENS_MAX = 1500

/** Of Converse (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html). A guardrail judges, and adds nothing. */
const OPTIONS: ReadonlySet<string> = new Set([
  'additionalModelRequestFields', 'additionalModelResponseFieldPaths', 'guardrailConfig', 'inferenceConfig', 'messages', 'outputConfig',
  'performanceConfig', 'requestMetadata', 'serviceTier', 'system', 'toolConfig',
]) // prettier-ignore

/** What models take beside it in their own formats. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'anthropic_beta', 'inferenceConfig', 'k', 'output_config', 'reasoning_config', 'reasoning_effort', 'reasoningConfig', 'stop', 'stop_sequences',
  'thinking', 'tool_choice',
]) // prettier-ignore

/** Of the formats of all families but Claude's messages (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html). */
const INVOKE_OPTIONS: ReadonlySet<string> = new Set([
  'anthropic_version', 'best_of', 'chat_history', 'documents', 'embeddingConfig', 'embeddingTypes', 'embedding_types', 'end_sequences', 'frequency_penalty',
  'frequencyPenalty', 'guardrailConfig', 'image_generation_config', 'imageGenerationConfig', 'inferenceConfig', 'input_type', 'inputText', 'logit_bias',
  'logprobs', 'message', 'messages', 'modelId', 'negativeText', 'normalize', 'parallel_tool_calls', 'preamble', 'presencePenalty', 'prompt', 'query', 'raw_prompting',
  'reasoning_effort', 'response_format', 'return_likelihoods', 'safety_mode', 'schemaVersion', 'search_queries_only', 'singleEmbeddingParams', 'stop',
  'stop_sequences', 'stopSequences', 'stream', 'system', 'taskType', 'text', 'text_prompts', 'textGenerationConfig', 'textToImageParams', 'texts',
  'tool_choice', 'tool_results', 'toolConfig', 'tools', 'truncate', 'countPenalty',
]) // prettier-ignore

const EMBEDDING_MEMBERS: ReadonlySet<string> = new Set(['embeddingDimension', 'embeddingPurpose', 'text'])
const EMBEDDED_TEXT_MEMBERS: ReadonlySet<string> = new Set(['segmentationConfig', 'truncationMode', 'value'])
const MESSAGE_MEMBERS: ReadonlySet<string> = new Set([
  'content', 'message', 'name', 'reasoning_content', 'refusal', 'role', 'tool_call_id', 'tool_calls',
]) // prettier-ignore

export function boundConverseInput(body: Buffer, json: JsonObject, model: string): InputFacts {
  const tally = new InputTally()
  fillByUnknown(tally, json, OPTIONS, 'option')
  fillByUnknown(tally, asObject(json['additionalModelRequestFields']) ?? {}, OWN_FIELDS, 'option')
  addContents(tally, json, model)
  addTools(tally, asObject(json['toolConfig'])?.['tools'])
  if (body.includes('"citations"')) tally.add(CITATION_PROMPT_TOKENS_MAX)
  return tally.boundOf(body.length, bedrockContextMax(model))
}

export function boundInvokeInput(body: Buffer, json: JsonObject, model: string): InputFacts {
  const tally = new InputTally()
  if (json['anthropic_version'] !== undefined && json['messages'] !== undefined) addMessagesInput(tally, body, json)
  else addInvokeInput(tally, json, model)
  return tally.boundOf(body.length, bedrockContextMax(model))
}

function addInvokeInput(tally: InputTally, json: JsonObject, model: string): void {
  fillByUnknown(tally, json, INVOKE_OPTIONS, 'option')
  addContents(tally, json, model)
  addTools(tally, json['tools'])
  addTools(tally, asObject(json['toolConfig'])?.['tools'])
  const embedding = asObject(json['singleEmbeddingParams']) ?? {}
  fillByUnknown(tally, embedding, EMBEDDING_MEMBERS, 'option')
  fillByUnknown(tally, asObject(embedding['text']) ?? {}, EMBEDDED_TEXT_MEMBERS, 'member of a text')
}

function addContents(tally: InputTally, json: JsonObject, model: string): void {
  const blocks = new ContentBlocks(tally, { imageTokensMax: familyOf(model, json)?.imageTokensMax ?? IMAGE_TOKENS_MAX, model })
  blocks.add(json['system'])
  for (const entry of asList(json['messages'])) {
    const message = asObject(entry)
    if (message === undefined) tally.fill('message')
    else fillByUnknown(tally, message, MESSAGE_MEMBERS, 'member of a message')
    blocks.add(message?.['content'])
  }
}

/** Tools of the client are explained; those of the provider's own (`systemTool`) bring in what they find. */
function addTools(tally: InputTally, tools: unknown): void {
  const list = asList(tools)
  if (list.length > 0) tally.add(TOOL_PROMPT_TOKENS_MAX)
  for (const entry of list) {
    const tool = asObject(entry)
    if (tool === undefined || !isOfClient(tool)) tally.fill('tool', Object.keys(tool ?? {})[0])
  }
}

/** By the members of Converse's tools, and of the formats of others (`function`; without a type). */
function isOfClient(tool: JsonObject): boolean {
  if (tool['type'] !== undefined) return tool['type'] === 'function' || tool['type'] === 'custom'
  return ['toolSpec', 'cachePoint', 'name', 'function'].some((name) => tool[name] !== undefined) && tool['systemTool'] === undefined
}

import type { Kind } from './values.ts'

/*
 * What can be asked: the documented fields of every API that Bursar serves, by the kind of their values. A name with a mark is
 * always there; all others now and then. `#` stands for `model` in a path.
 */

export type Dialect =
  | 'openai'
  | 'vllm'
  | 'llama'
  | 'relay'
  | 'router'
  | 'anthropic'
  | 'gemini'
  | 'vertex'
  | 'bedrock'
  | 'azure'
  | 'cohere'
  | 'ollama'

export interface Shape {
  /** As the answers of that path are made. */
  readonly answer: Answer
  readonly dialects: readonly Dialect[]
  readonly paths: readonly string[]
  readonly models: readonly string[]
  /** The kind of each field; a name that ends in `!` is required. */
  readonly fields: Readonly<Record<string, Kind>>
  /** The field that has the model; absent: it is in the path. */
  readonly isModelInBody?: boolean
  readonly isForm?: boolean
  /** How often, beside the others. */
  readonly weight: number
}

export type Answer =
  | 'chat'
  | 'completion'
  | 'responses'
  | 'embedding'
  | 'image'
  | 'transcription'
  | 'speech'
  | 'free'
  | 'messages'
  | 'complete'
  | 'gemini'
  | 'geminiEmbed'
  | 'predict'
  | 'converse'
  | 'invoke'
  | 'cohereChat1'
  | 'cohereChat2'
  | 'cohereEmbed'
  | 'cohereRerank'
  | 'ollamaChat'
  | 'ollamaGenerate'
  | 'ollamaEmbed'

const OPENAI_LIKE: readonly Dialect[] = ['openai', 'openai', 'vllm', 'llama', 'relay', 'router']
const GPT = ['gpt-4o-mini', 'gpt-4o', 'gpt-5', 'gpt-5-mini', 'o3', 'gpt-4.1', 'my-own-model', 'cheap-1']
const CLAUDE = ['claude-sonnet-4-5', 'claude-3-5-haiku-20241022', 'claude-opus-4-1', 'cheap-claude']
const GEMINI = ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-2.0-flash', 'cheap-gemini']

const chat: Shape['fields'] = {
  'messages!': 'messages', audio: 'object', frequency_penalty: 'number', function_call: 'toolChoice', functions: 'strings',
  logit_bias: 'object', logprobs: 'flag', max_completion_tokens: 'maximum', max_tokens: 'maximum', metadata: 'metadata',
  modalities: 'strings', n: 'few', parallel_tool_calls: 'flag', prediction: 'object', presence_penalty: 'number',
  prompt_cache_key: 'word', reasoning_effort: 'effort', response_format: 'format', safety_identifier: 'word', seed: 'size',
  service_tier: 'tier', stop: 'stop', store: 'flag', stream: 'flag', stream_options: 'streamOptions', temperature: 'number',
  tool_choice: 'toolChoice', tools: 'tools', top_logprobs: 'few', top_p: 'number', user: 'word', verbosity: 'effort',
  web_search_options: 'object',
} // prettier-ignore

/** What servers that imitate OpenAI take beside. */
export const FOREIGN: Readonly<Record<string, Kind>> = {
  n_predict: 'maximum', num_predict: 'maximum', max_new_tokens: 'maximum', min_tokens: 'size', best_of: 'few', top_k: 'size',
  models: 'models', route: 'word', provider: 'object', plugins: 'strings', transforms: 'strings', reasoning: 'reasoning',
  include_reasoning: 'flag', thinking: 'thinking', thinking_budget: 'size', chat_template_kwargs: 'object', documents: 'documents',
  data_sources: 'strings', ignore_eos: 'flag', use_beam_search: 'flag', enable_thinking: 'flag', usage: 'object', options: 'options',
  conversation: 'id', previous_response_id: 'id', prompt: 'object', background: 'flag', generationConfig: 'generation',
  inferenceConfig: 'inference', fallbacks: 'strings', speed: 'word', speculative: 'object', extra_body: 'object',
} // prettier-ignore

const completion: Shape['fields'] = {
  'prompt!': 'prompt', best_of: 'few', echo: 'flag', frequency_penalty: 'number', logit_bias: 'object', logprobs: 'few',
  max_tokens: 'maximum', n: 'few', presence_penalty: 'number', seed: 'size', stop: 'stop', stream: 'flag',
  stream_options: 'streamOptions', suffix: 'word', temperature: 'number', top_p: 'number', user: 'word',
} // prettier-ignore

const responses: Shape['fields'] = {
  'input!': 'input', conversation: 'id', include: 'strings', instructions: 'text', max_output_tokens: 'maximum',
  max_tool_calls: 'few', metadata: 'metadata', parallel_tool_calls: 'flag', previous_response_id: 'id', prompt: 'object',
  prompt_cache_key: 'word', reasoning: 'reasoning', safety_identifier: 'word', service_tier: 'tier', store: 'flag', stream: 'flag',
  stream_options: 'object', temperature: 'number', text: 'object', tool_choice: 'toolChoice', tools: 'responseTools',
  top_logprobs: 'few', top_p: 'number', truncation: 'word', user: 'word',
} // prettier-ignore

const embeddings: Shape['fields'] = { 'input!': 'embedInput', dimensions: 'size', encoding_format: 'word', user: 'word' }

const images: Shape['fields'] = {
  'prompt!': 'text', background: 'word', moderation: 'word', n: 'few', output_compression: 'few', output_format: 'word',
  partial_images: 'few', quality: 'quality', response_format: 'word', size: 'imageSize', stream: 'flag', style: 'word', user: 'word',
} // prettier-ignore

const speech: Shape['fields'] = { 'input!': 'text', 'voice!': 'voice', instructions: 'text', response_format: 'sound', speed: 'number' }

const transcription: Shape['fields'] = { language: 'word', prompt: 'text', response_format: 'word', temperature: 'number' }

const messages: Shape['fields'] = {
  'max_tokens!': 'maximum', 'messages!': 'claudeMessages', container: 'id', context_management: 'object', mcp_servers: 'strings',
  metadata: 'object', service_tier: 'claudeTier', stop_sequences: 'strings', stream: 'flag', system: 'claudeSystem',
  temperature: 'number', thinking: 'thinking', tool_choice: 'toolChoice', tools: 'claudeTools', top_k: 'size', top_p: 'number',
} // prettier-ignore

const generate: Shape['fields'] = {
  'contents!': 'contents', cachedContent: 'id', generationConfig: 'generation', labels: 'metadata', safetySettings: 'strings',
  systemInstruction: 'content', toolConfig: 'object', tools: 'geminiTools',
} // prettier-ignore

const converse: Shape['fields'] = {
  'messages!': 'converseMessages', additionalModelRequestFields: 'object', additionalModelResponseFieldPaths: 'strings',
  guardrailConfig: 'object', inferenceConfig: 'inference', performanceConfig: 'object', promptVariables: 'object',
  requestMetadata: 'metadata', serviceTier: 'object', system: 'documents', toolConfig: 'converseTools',
} // prettier-ignore

const cohereChat: Shape['fields'] = {
  citation_options: 'object', documents: 'documents', frequency_penalty: 'number', k: 'few', logprobs: 'flag', max_tokens: 'maximum',
  p: 'number', presence_penalty: 'number', response_format: 'format', safety_mode: 'word', seed: 'size', stop_sequences: 'strings',
  stream: 'flag', strict_tools: 'flag', temperature: 'number', thinking: 'object', tool_choice: 'word', tools: 'tools',
} // prettier-ignore

const ollama: Shape['fields'] = {
  stream: 'flag', format: 'word', options: 'options', keep_alive: 'word', think: 'flag', tools: 'tools', logprobs: 'flag',
} // prettier-ignore

const inBody = { isModelInBody: true } as const
const VERTEX_PATHS = ['/v1/projects/p/locations/us-central1/publishers/google/models/#', '/v1beta1/publishers/google/models/#']
const deployment = (action: string) => [`/openai/deployments/#/${action}?api-version=2024-10-21`]

export const SHAPES: readonly Shape[] = [
  { answer: 'chat', dialects: OPENAI_LIKE, paths: ['/v1/chat/completions'], models: GPT, fields: chat, ...inBody, weight: 24 },
  { answer: 'completion', dialects: OPENAI_LIKE, paths: ['/v1/completions'], models: ['my-own-model', 'llama-3.1-8b', 'cheap-1'], fields: completion, ...inBody, weight: 4 },
  { answer: 'responses', dialects: ['openai'], paths: ['/v1/responses'], models: GPT, fields: responses, ...inBody, weight: 12 },
  { answer: 'embedding', dialects: ['openai', 'vllm'], paths: ['/v1/embeddings'], models: ['text-embedding-3-small', 'cheap-1'], fields: embeddings, ...inBody, weight: 5 },
  { answer: 'image', dialects: ['openai'], paths: ['/v1/images/generations'], models: ['gpt-image-1', 'cheap-1'], fields: images, ...inBody, weight: 2 },
  { answer: 'speech', dialects: ['openai'], paths: ['/v1/audio/speech'], models: ['gpt-4o-mini-tts', 'tts-1'], fields: speech, ...inBody, weight: 2 },
  { answer: 'transcription', dialects: ['openai'], paths: ['/v1/audio/transcriptions', '/v1/audio/translations'], models: ['gpt-4o-transcribe', 'whisper-1', 'cheap-1'], fields: transcription, isForm: true, ...inBody, weight: 6 },
  { answer: 'image', dialects: ['openai'], paths: ['/v1/images/edits'], models: ['gpt-image-1', 'cheap-1'], fields: { 'prompt!': 'text', n: 'few', size: 'imageSize', quality: 'quality' }, isForm: true, ...inBody, weight: 2 },
  { answer: 'embedding', dialects: ['vllm'], paths: ['/v1/rerank'], models: ['rerank-1', 'cheap-1'], fields: { 'query!': 'text', 'documents!': 'documents', top_n: 'few' }, ...inBody, weight: 1 },
  { answer: 'free', dialects: ['openai'], paths: ['/v1/moderations', '/v1/responses/input_tokens'], models: GPT, fields: { 'input!': 'text' }, ...inBody, weight: 2 },
  { answer: 'messages', dialects: ['anthropic'], paths: ['/v1/messages'], models: CLAUDE, fields: messages, ...inBody, weight: 14 },
  { answer: 'complete', dialects: ['anthropic'], paths: ['/v1/complete'], models: ['claude-2.1'], fields: { 'prompt!': 'text', 'max_tokens_to_sample!': 'maximum', stream: 'flag', stop_sequences: 'strings', temperature: 'number' }, ...inBody, weight: 2 },
  { answer: 'free', dialects: ['anthropic'], paths: ['/v1/messages/count_tokens'], models: CLAUDE, fields: { 'messages!': 'claudeMessages', system: 'claudeSystem', tools: 'claudeTools' }, ...inBody, weight: 2 },
  { answer: 'gemini', dialects: ['gemini'], paths: ['/v1beta/models/#:generateContent', '/v1beta/models/#:streamGenerateContent', '/v1/models/#:streamGenerateContent?alt=sse', '/v1beta/models/#:streamGenerateContent?alt=sse'], models: GEMINI, fields: generate, weight: 12 },
  { answer: 'geminiEmbed', dialects: ['gemini'], paths: ['/v1beta/models/#:embedContent'], models: ['gemini-embedding-001'], fields: { 'content!': 'content', taskType: 'word', title: 'word', outputDimensionality: 'size' }, weight: 1 },
  { answer: 'geminiEmbed', dialects: ['gemini'], paths: ['/v1beta/models/#:batchEmbedContents'], models: ['gemini-embedding-001'], fields: { 'requests!': 'geminiRequests' }, weight: 1 },
  { answer: 'free', dialects: ['gemini'], paths: ['/v1beta/models/#:countTokens'], models: GEMINI, fields: { contents: 'contents' }, weight: 1 },
  { answer: 'gemini', dialects: ['vertex'], paths: VERTEX_PATHS.flatMap((path) => [`${path}:generateContent`, `${path}:streamGenerateContent?alt=sse`]), models: GEMINI, fields: generate, weight: 4 },
  { answer: 'predict', dialects: ['vertex'], paths: VERTEX_PATHS.map((path) => `${path}:predict`), models: ['text-embedding-005'], fields: { 'instances!': 'instances', parameters: 'object' }, weight: 1 },
  { answer: 'messages', dialects: ['vertex'], paths: ['/v1/projects/p/locations/us-east5/publishers/anthropic/models/#:rawPredict', '/v1/projects/p/locations/us-east5/publishers/anthropic/models/#:streamRawPredict'], models: CLAUDE, fields: { ...messages, anthropic_version: 'word' }, weight: 2 },
  { answer: 'converse', dialects: ['bedrock'], paths: ['/model/#/converse', '/model/#/converse-stream'], models: ['anthropic.claude-sonnet-4-5-20250929-v1:0', 'amazon.nova-pro-v1:0', 'us.meta.llama4-scout-17b-instruct-v1:0', 'cheap-1'], fields: converse, weight: 7 },
  { answer: 'invoke', dialects: ['bedrock'], paths: ['/model/#/invoke', '/model/#/invoke-with-response-stream'], models: ['anthropic.claude-sonnet-4-5-20250929-v1:0', 'anthropic.claude-3-haiku-20240307-v1:0'], fields: { ...messages, 'anthropic_version!': 'word' }, weight: 4 },
  { answer: 'chat', dialects: ['azure'], paths: deployment('chat/completions'), models: ['gpt-4o-mini', 'prod', 'cheap-1'], fields: chat, weight: 4 },
  { answer: 'chat', dialects: ['azure'], paths: ['/openai/v1/chat/completions', '/models/chat/completions'], models: GPT, fields: chat, ...inBody, weight: 3 },
  { answer: 'embedding', dialects: ['azure'], paths: deployment('embeddings'), models: ['text-embedding-3-small'], fields: embeddings, weight: 1 },
  { answer: 'responses', dialects: ['azure'], paths: ['/openai/v1/responses', '/openai/responses'], models: GPT, fields: responses, ...inBody, weight: 2 },
  { answer: 'cohereChat2', dialects: ['cohere'], paths: ['/v2/chat'], models: ['command-a-03-2025', 'cheap-1'], fields: { 'messages!': 'plainMessages', ...cohereChat }, ...inBody, weight: 4 },
  { answer: 'cohereChat1', dialects: ['cohere'], paths: ['/v1/chat'], models: ['command-r', 'cheap-1'], fields: { 'message!': 'text', preamble: 'text', ...cohereChat }, ...inBody, weight: 2 },
  { answer: 'cohereEmbed', dialects: ['cohere'], paths: ['/v1/embed', '/v2/embed'], models: ['embed-v4.0'], fields: { 'texts!': 'strings', 'input_type!': 'word', truncate: 'word' }, ...inBody, weight: 1 },
  { answer: 'cohereRerank', dialects: ['cohere'], paths: ['/v1/rerank', '/v2/rerank'], models: ['rerank-v3.5'], fields: { 'query!': 'text', 'documents!': 'strings', top_n: 'few' }, ...inBody, weight: 1 },
  { answer: 'ollamaChat', dialects: ['ollama'], paths: ['/api/chat'], models: ['llama3.2', 'cheap-1'], fields: { 'messages!': 'plainMessages', ...ollama }, ...inBody, weight: 5 },
  { answer: 'ollamaGenerate', dialects: ['ollama'], paths: ['/api/generate'], models: ['llama3.2', 'cheap-1'], fields: { 'prompt!': 'text', suffix: 'word', system: 'text', template: 'word', context: 'tokens', raw: 'flag', ...ollama }, ...inBody, weight: 3 },
  { answer: 'ollamaEmbed', dialects: ['ollama'], paths: ['/api/embed'], models: ['nomic-embed-text'], fields: { 'input!': 'embedInput', truncate: 'flag', dimensions: 'size' }, ...inBody, weight: 1 },
] // prettier-ignore

/** Paths without a body, of what callers keep at a provider. */
export const OBJECT_PATHS: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/v1/files'], ['GET', '/v1/files/@'], ['GET', '/v1/files/@/content'], ['DELETE', '/v1/files/@'],
  ['GET', '/v1/responses/@'], ['DELETE', '/v1/responses/@'], ['POST', '/v1/responses/@/cancel'],
  ['GET', '/v1/batches'], ['GET', '/v1/batches/@'], ['POST', '/v1/batches/@/cancel'],
  ['GET', '/v1/models'], ['GET', '/v1/models/gpt-4o-mini'], ['GET', '/v1/messages/batches'], ['GET', '/v1/messages/batches/@'],
  ['GET', '/v1beta/models'], ['GET', '/api/tags'], ['GET', '/api/version'], ['GET', '/openai/files/@'], ['GET', '/openai/v1/batches/@'],
] // prettier-ignore

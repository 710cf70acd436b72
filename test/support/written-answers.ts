import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import type { Expected, Recording } from '../e2e/recordings.ts'

/*
 * A small answer of each API, written from its provider's reference, so that what reads answers is tested from the repository
 * alone. Recorded answers say more, where a machine has them.
 */

interface Written {
  readonly family: string
  readonly type: string
  readonly body: string | Buffer
  readonly tokens: {
    readonly input: number
    readonly output: number
    readonly cached?: number
    readonly cacheWrite?: number
    readonly reasoning?: number
  }
  readonly isStream?: boolean
}

const JSON_TYPE = 'application/json'
const SSE_TYPE = 'text/event-stream'

const sse = (...events: readonly (readonly [name: string, data: unknown])[]): string =>
  events.map(([name, data]) => `${name === '' ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`).join('')
const unnamed = (...data: readonly unknown[]): string => sse(...data.map((one) => ['', one] as const))
const typed = (...data: readonly Readonly<Record<string, unknown>>[]): string =>
  sse(...data.map((one) => [String(one['type']), one] as const))
const lines = (...objects: readonly unknown[]): string => objects.map((object) => `${JSON.stringify(object)}\n`).join('')

const codec = new EventStreamCodec(toUtf8, fromUtf8)

/** Messages of AWS's event stream (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html). */
function awsEvents(...events: readonly (readonly [type: string, data: unknown])[]): Buffer {
  const text = (value: string) => ({ type: 'string', value }) as const
  return Buffer.concat(
    events.map(([type, data]) =>
      codec.encode({
        headers: { ':message-type': text('event'), ':event-type': text(type), ':content-type': text(JSON_TYPE) },
        body: fromUtf8(JSON.stringify(data)),
      }),
    ),
  )
}

const chunk = (delta: unknown, more: object = {}): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [{ index: 0, delta, finish_reason: null }],
  ...more,
})

const chatUsage = {
  prompt_tokens: 1200,
  completion_tokens: 340,
  total_tokens: 1540,
  prompt_tokens_details: { cached_tokens: 1024 },
  completion_tokens_details: { reasoning_tokens: 256 },
}
const responsesUsage = {
  input_tokens: 75,
  input_tokens_details: { cached_tokens: 64 },
  output_tokens: 1186,
  output_tokens_details: { reasoning_tokens: 1024 },
  total_tokens: 1261,
}
const claudeUsage = { input_tokens: 21, cache_creation_input_tokens: 300, cache_read_input_tokens: 1500 }
const geminiUsage = {
  promptTokenCount: 60,
  cachedContentTokenCount: 32,
  candidatesTokenCount: 40,
  thoughtsTokenCount: 200,
  totalTokenCount: 300,
}
const gemini = (text: string, more: object = {}): object => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0 }],
  ...more,
})

const WRITTEN: readonly Written[] = [
  {
    // https://platform.openai.com/docs/api-reference/chat/object
    family: 'openai.chat',
    type: JSON_TYPE,
    body: JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'gpt-4o-mini',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
      usage: chatUsage,
    }),
    tokens: { input: 1200, output: 340, cached: 1024, reasoning: 256 },
  },
  {
    // https://platform.openai.com/docs/api-reference/chat-streaming
    family: 'openai.chat',
    type: SSE_TYPE,
    body: `${unnamed(chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hel' }), chunk({ content: 'lo, wörld' }), chunk({}, { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }), chunk({}, { choices: [], usage: chatUsage }))}data: [DONE]\n\n`,
    tokens: { input: 1200, output: 340, cached: 1024, reasoning: 256 },
    isStream: true,
  },
  {
    // https://platform.openai.com/docs/api-reference/completions
    family: 'openai.completions',
    type: SSE_TYPE,
    body: `${unnamed(
      { id: 'cmpl-1', object: 'text_completion', choices: [{ text: 'Hi', index: 0, finish_reason: null }] },
      {
        id: 'cmpl-1',
        object: 'text_completion',
        choices: [],
        usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
      },
    )}data: [DONE]\n\n`,
    tokens: { input: 5, output: 7 },
    isStream: true,
  },
  {
    // https://platform.openai.com/docs/api-reference/responses-streaming
    family: 'openai.responses',
    type: SSE_TYPE,
    body: typed(
      { type: 'response.created', response: { id: 'resp_1', object: 'response', status: 'in_progress', usage: null } },
      { type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'Under a quilt' },
      {
        type: 'response.completed',
        response: { id: 'resp_1', object: 'response', status: 'completed', output: [], usage: responsesUsage },
      },
    ),
    tokens: { input: 75, output: 1186, cached: 64, reasoning: 1024 },
    isStream: true,
  },
  {
    family: 'openai.embeddings',
    type: JSON_TYPE,
    body: JSON.stringify({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.1, -0.2] }],
      model: 'text-embedding-3-small',
      usage: { prompt_tokens: 8, total_tokens: 8 },
    }),
    tokens: { input: 8, output: 0 },
  },
  {
    // https://platform.openai.com/docs/api-reference/audio/transcript-text-done-event
    family: 'openai.transcriptions',
    type: SSE_TYPE,
    body: typed(
      { type: 'transcript.text.delta', delta: 'I see skies' },
      {
        type: 'transcript.text.done',
        text: 'I see skies of blue',
        usage: { type: 'tokens', input_tokens: 14, output_tokens: 31, total_tokens: 45 },
      },
    ),
    tokens: { input: 14, output: 31 },
    isStream: true,
  },
  {
    // https://docs.anthropic.com/en/api/messages-streaming
    family: 'anthropic.messages',
    type: SSE_TYPE,
    body: typed(
      {
        type: 'message_start',
        message: { id: 'msg_1', type: 'message', role: 'assistant', content: [], usage: { ...claudeUsage, output_tokens: 1 } },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'ping' },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello!' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 150 } },
      { type: 'message_stop' },
    ),
    tokens: { input: 1821, output: 150, cached: 1500, cacheWrite: 300 },
    isStream: true,
  },
  {
    // https://ai.google.dev/api/generate-content#UsageMetadata
    family: 'gemini.generateContent',
    type: SSE_TYPE,
    body: unnamed(gemini('One '), gemini('two'), gemini('', { usageMetadata: geminiUsage })),
    tokens: { input: 60, output: 240, cached: 32, reasoning: 200 },
    isStream: true,
  },
  {
    family: 'gemini.generateContent',
    type: JSON_TYPE,
    body: `[${JSON.stringify(gemini('One "two" ]'))}\n,\r\n${JSON.stringify(gemini('three', { usageMetadata: geminiUsage }))}]`,
    tokens: { input: 60, output: 240, cached: 32, reasoning: 200 },
    isStream: true,
  },
  {
    // https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
    family: 'bedrock.converse',
    type: 'application/vnd.amazon.eventstream',
    body: awsEvents(
      ['messageStart', { role: 'assistant' }],
      ['contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Hello' } }],
      ['messageStop', { stopReason: 'end_turn' }],
      ['metadata', { usage: { inputTokens: 30, outputTokens: 628, totalTokens: 658 }, metrics: { latencyMs: 1275 } }],
    ),
    tokens: { input: 30, output: 628 },
    isStream: true,
  },
  {
    // https://docs.cohere.com/v2/reference/chat-stream
    family: 'cohere.chat',
    type: SSE_TYPE,
    body: typed(
      { type: 'message-start', id: 'c1', delta: { message: { role: 'assistant', content: [] } } },
      { type: 'content-delta', index: 0, delta: { message: { content: { text: 'LLMs' } } } },
      {
        type: 'message-end',
        delta: {
          finish_reason: 'COMPLETE',
          usage: { billed_units: { input_tokens: 13, output_tokens: 50 }, tokens: { input_tokens: 71, output_tokens: 52 } },
        },
      },
    ),
    tokens: { input: 71, output: 52 },
    isStream: true,
  },
  {
    // https://docs.ollama.com/api/chat
    family: 'ollama.native',
    type: 'application/x-ndjson',
    body: lines(
      { model: 'llama3.2', created_at: '2026-01-05T00:00:00Z', message: { role: 'assistant', content: 'The' }, done: false },
      {
        model: 'llama3.2',
        created_at: '2026-01-05T00:00:01Z',
        message: { role: 'assistant', content: '' },
        done: true,
        done_reason: 'stop',
        prompt_eval_count: 26,
        eval_count: 282,
      },
    ),
    tokens: { input: 26, output: 282 },
    isStream: true,
  },
]

/** The written answers, in the form of recorded ones. */
export const writtenAnswers: readonly Recording[] = WRITTEN.map((written, place) => toRecording(written, place))

function toRecording({ family, type, body, tokens, isStream = false }: Written, place: number): Recording {
  return {
    id: `written:${family}#${place}`,
    provider: family.replace(/\..*/, ''),
    family,
    kind: 'written',
    model: null,
    stream: isStream,
    quirks: [],
    request: { method: 'POST', path: '', body: {}, omitted: 0 },
    response: {
      status: 200,
      headers: { 'content-type': type },
      ...(typeof body === 'string' ? { body_encoding: 'utf-8', body } : { body_encoding: 'base64', body: body.toString('base64') }),
    },
    expected: toExpected(tokens),
  }
}

function toExpected({ input, output, cached, cacheWrite, reasoning }: Written['tokens']): Expected {
  return {
    input_tokens: input,
    output_tokens: output,
    cached_input_tokens: cached ?? null,
    cache_write_tokens: cacheWrite ?? null,
    reasoning_tokens: reasoning ?? null,
  }
}

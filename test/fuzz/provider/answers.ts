import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import type { Answer } from '../fields.ts'

/** What the provider says that a call used. */
export interface Used {
  readonly input: number
  readonly output: number
}

/** An answer: one piece, or the events of a stream. */
export interface Written {
  readonly contentType: string
  readonly pieces: readonly (string | Uint8Array)[]
  readonly headers?: Readonly<Record<string, string>>
  /** False where the API reports no tokens for it. */
  readonly hasUsage: boolean
}

interface Asked {
  readonly used: Used
  readonly isStream: boolean
  readonly isUsageShown: boolean
  readonly model: string
  readonly path: string
}

/** Little is shown: most of the output is what the model thought. */
const TEXT = '42'

/** Models that do not think: a stream of theirs shows all that it produces. */
export const SHOWS_ALL: RegExp = /^gpt-4/
export const SHOWN_TOKENS_MAX = 300

/** What a stream shows, in pieces of a token each where it shows all. */
function shownBy({ model, used }: Asked): readonly string[] {
  return SHOWS_ALL.test(model) ? Array.from({ length: used.output }, () => ' a') : [TEXT]
}
const JSON_TYPE = 'application/json'
const SSE_TYPE = 'text/event-stream'

const whole = (value: unknown, hasUsage = true): Written => ({ contentType: JSON_TYPE, pieces: [JSON.stringify(value)], hasUsage })
const sse = (events: readonly unknown[], hasUsage = true): Written => ({
  contentType: SSE_TYPE,
  pieces: events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`),
  hasUsage,
})
const named = (events: readonly { readonly type: string }[]): Written => ({
  contentType: SSE_TYPE,
  pieces: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
  hasUsage: true,
})

function chat(asked: Asked): Written {
  const { used, isStream, isUsageShown, model } = asked
  const { input, output } = used
  const usage = {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    completion_tokens_details: { reasoning_tokens: Math.max(0, output - 1) },
  }
  const head = { id: 'chatcmpl-1', created: 1, model }
  const message = { role: 'assistant', content: TEXT }
  if (!isStream) return whole({ ...head, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }], usage })
  const chunk = (delta: object, finish_reason: string | null) => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason }],
  })
  const ends = isUsageShown ? [{ ...head, object: 'chat.completion.chunk', choices: [], usage }] : []
  return sse(
    [
      chunk({ role: 'assistant', content: '' }, null),
      ...shownBy(asked).map((content) => chunk({ content }, null)),
      chunk({}, 'stop'),
      ...ends,
      '[DONE]',
    ],
    isUsageShown,
  )
}

function completion({ used, isStream, isUsageShown, model }: Asked): Written {
  const usage = { prompt_tokens: used.input, completion_tokens: used.output, total_tokens: used.input + used.output }
  const piece = { id: 'cmpl-1', object: 'text_completion', created: 1, model, choices: [{ index: 0, text: TEXT, finish_reason: 'stop' }] }
  if (!isStream) return whole({ ...piece, usage })
  return sse([piece, ...(isUsageShown ? [{ ...piece, choices: [], usage }] : []), '[DONE]'], isUsageShown)
}

function responses(asked: Asked): Written {
  const { used, isStream, model } = asked
  const { input, output } = used
  const usage = {
    input_tokens: input,
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: Math.max(0, output - 1) },
    total_tokens: input + output,
  }
  const content = [{ type: 'output_text', text: TEXT, annotations: [] }]
  const done = {
    id: 'resp_fuzz',
    object: 'response',
    status: 'completed',
    model,
    output: [{ type: 'message', id: 'msg_1', role: 'assistant', content }],
    usage,
  }
  if (!isStream) return whole(done)
  const begun = { ...done, status: 'in_progress', output: [], usage: null }
  return named([
    { type: 'response.created', response: begun } as { type: string },
    ...shownBy(asked).map((delta) => ({ type: 'response.output_text.delta', item_id: 'msg_1', delta }) as { type: string }),
    { type: 'response.completed', response: done } as { type: string },
  ])
}

function messages({ used, isStream, model }: Asked): Written {
  const { input, output } = used
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text: TEXT }],
    stop_reason: 'end_turn',
  }
  if (!isStream) return whole({ ...message, usage: { input_tokens: input, output_tokens: output } })
  return named(claudeEvents(message, { input, output }))
}

function claudeEvents(message: object, { input, output }: Used): readonly { readonly type: string }[] {
  const events: readonly (readonly [type: string, more: object])[] = [
    ['message_start', { message: { ...message, content: [], stop_reason: null, usage: { input_tokens: input, output_tokens: 1 } } }],
    ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
    ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: TEXT } }],
    ['content_block_stop', { index: 0 }],
    ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: output } }],
    ['message_stop', {}],
  ]
  return events.map(([type, more]) => ({ type, ...more }))
}

function gemini({ used, isStream, isUsageShown, path, model }: Asked): Written {
  const { input, output } = used
  const shown = Math.min(output, 1)
  const usageMetadata = {
    promptTokenCount: input,
    candidatesTokenCount: shown,
    thoughtsTokenCount: output - shown,
    totalTokenCount: input + output,
  }
  const candidates = [{ content: { role: 'model', parts: [{ text: TEXT }] }, finishReason: 'STOP', index: 0 }]
  const answer = { candidates, modelVersion: model, ...(isUsageShown ? { usageMetadata } : {}) }
  if (!isStream) return whole(answer, isUsageShown)
  if (path.includes('alt=sse')) return sse([{ candidates }, answer], isUsageShown)
  return {
    contentType: JSON_TYPE,
    pieces: [`[${JSON.stringify({ candidates })}`, `,\r\n${JSON.stringify(answer)}`, ']'],
    hasUsage: isUsageShown,
  }
}

const codec = new EventStreamCodec(toUtf8, fromUtf8)
const text = (value: string) => ({ type: 'string', value }) as const

function awsEvent(type: string, payload: object): Uint8Array {
  const headers = { ':event-type': text(type), ':content-type': text(JSON_TYPE), ':message-type': text('event') }
  return codec.encode({ headers, body: fromUtf8(JSON.stringify(payload)) })
}

const aws = (pieces: readonly Uint8Array[]): Written => ({ contentType: 'application/vnd.amazon.eventstream', pieces, hasUsage: true })

function converse({ used, isStream }: Asked): Written {
  const usage = { inputTokens: used.input, outputTokens: used.output, totalTokens: used.input + used.output }
  const message = { role: 'assistant', content: [{ text: TEXT }] }
  if (!isStream) return whole({ output: { message }, stopReason: 'end_turn', usage, metrics: { latencyMs: 1 } })
  return aws([
    awsEvent('messageStart', { role: 'assistant' }),
    awsEvent('contentBlockDelta', { contentBlockIndex: 0, delta: { text: TEXT } }),
    awsEvent('contentBlockStop', { contentBlockIndex: 0 }),
    awsEvent('messageStop', { stopReason: 'end_turn' }),
    awsEvent('metadata', { usage, metrics: { latencyMs: 1 } }),
  ])
}

function invoke(asked: Asked): Written {
  const { input, output } = asked.used
  const headers = { 'x-amzn-bedrock-input-token-count': String(input), 'x-amzn-bedrock-output-token-count': String(output) }
  if (!asked.isStream) return { ...messages(asked), headers }
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: asked.model }
  const chunk = (event: object) => awsEvent('chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64') })
  return aws(claudeEvents(message, asked.used).map(chunk))
}

function cohere2({ used, isStream }: Asked): Written {
  const tokens = { input_tokens: used.input, output_tokens: used.output }
  const usage = { billed_units: tokens, tokens }
  if (!isStream)
    return whole({ id: 'c', finish_reason: 'COMPLETE', message: { role: 'assistant', content: [{ type: 'text', text: TEXT }] }, usage })
  const delta = { message: { content: { text: TEXT } } }
  return named([
    { type: 'content-delta', index: 0, delta } as { type: string },
    { type: 'message-end', delta: { finish_reason: 'COMPLETE', usage } } as { type: string },
  ])
}

function cohere1({ used, isStream }: Asked): Written {
  const tokens = { input_tokens: used.input, output_tokens: used.output }
  const answer = { text: TEXT, finish_reason: 'COMPLETE', meta: { billed_units: tokens, tokens } }
  if (!isStream) return whole(answer)
  const lines = [
    { event_type: 'text-generation', text: TEXT },
    { event_type: 'stream-end', finish_reason: 'COMPLETE', response: answer },
  ]
  return { contentType: 'application/stream+json', pieces: lines.map((line) => `${JSON.stringify(line)}\n`), hasUsage: true }
}

function ollama({ used, isStream, model, path }: Asked): Written {
  const say = (said: string) => (path.includes('/api/chat') ? { message: { role: 'assistant', content: said } } : { response: said })
  const done = {
    model,
    ...say(isStream ? '' : TEXT),
    done: true,
    done_reason: 'stop',
    prompt_eval_count: used.input,
    eval_count: used.output,
  }
  if (!isStream) return whole(done)
  const pieces = [{ model, ...say(TEXT), done: false }, done].map((line) => `${JSON.stringify(line)}\n`)
  return { contentType: 'application/x-ndjson', pieces, hasUsage: true }
}

function image({ used, isStream }: Asked): Written {
  const usage = {
    input_tokens: used.input,
    output_tokens: used.output,
    total_tokens: used.input + used.output,
    input_tokens_details: { text_tokens: used.input, image_tokens: 0 },
  }
  if (!isStream) return whole({ created: 1, data: [{ b64_json: 'aGk=' }], usage })
  return named([{ type: 'image_generation.completed', b64_json: 'aGk=', usage } as { type: string }])
}

function transcription({ used, isStream, model }: Asked): Written {
  const usage = { type: 'tokens', input_tokens: used.input, output_tokens: used.output, total_tokens: used.input + used.output }
  if (model.startsWith('whisper')) return whole({ text: TEXT, usage: { type: 'duration', seconds: 1 } }, false)
  if (!isStream) return whole({ text: TEXT, usage })
  return named([
    { type: 'transcript.text.delta', delta: TEXT } as { type: string },
    { type: 'transcript.text.done', text: TEXT, usage } as { type: string },
  ])
}

const embedding = ({ used, model }: Asked) =>
  whole({
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [0] }],
    model,
    usage: { prompt_tokens: used.input, total_tokens: used.input },
  })

/** How each API writes an answer. */
export const WRITERS: Readonly<Record<Answer, (asked: Asked) => Written>> = {
  chat,
  completion,
  responses,
  embedding,
  image,
  transcription,
  speech: () => ({ contentType: 'audio/mpeg', pieces: ['ID3'], hasUsage: false }),
  free: () => whole({ id: 'free', input_tokens: 5, totalTokens: 5 }, false),
  messages,
  complete: ({ isStream, model }) => {
    const said = { type: 'completion', completion: TEXT, stop_reason: 'stop_sequence', model }
    return isStream ? { ...named([said]), hasUsage: false } : whole(said, false)
  },
  gemini,
  geminiEmbed: () => whole({ embedding: { values: [0] } }, false),
  predict: ({ used }) =>
    whole({ predictions: [{ embeddings: { values: [0], statistics: { token_count: used.input, truncated: false } } }] }),
  converse,
  invoke,
  cohereChat1: cohere1,
  cohereChat2: cohere2,
  cohereEmbed: ({ used }) => whole({ id: 'e', embeddings: { float: [[0]] }, meta: { billed_units: { input_tokens: used.input } } }),
  cohereRerank: () => whole({ id: 'r', results: [], meta: { billed_units: { search_units: 1 } } }, false),
  ollamaChat: ollama,
  ollamaGenerate: ollama,
  ollamaEmbed: ({ used, model }) => whole({ model, embeddings: [[0]], prompt_eval_count: used.input }),
}

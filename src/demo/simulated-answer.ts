import { answerWords, simulatedTokens } from './answer-text.ts'

/** What a request to the simulated provider asks for. */
export interface Asked {
  readonly model: string
  readonly isStream: boolean
  readonly includesUsage: boolean
  readonly choices: number
  readonly inputTokens: number
  /** Per choice. */
  readonly outputTokens: number
}

/** An answer as it goes out: one JSON body, or the events of a stream. */
export type SimulatedAnswer =
  | { readonly kind: 'whole'; readonly body: unknown }
  | { readonly kind: 'events'; readonly events: readonly { readonly event?: string; readonly data: unknown }[] }

const CREATED = 1_760_000_000

export function chatAnswer(asked: Asked, seed: number): SimulatedAnswer {
  const usage = openAiUsage(asked, asked.outputTokens * asked.choices)
  const base = { id: `chatcmpl-sim-${seed}`, created: CREATED, model: asked.model }
  if (!asked.isStream) {
    const choices = numbered(asked.choices, (index) => ({
      index,
      message: messageOf(asked, seed + index),
      logprobs: null,
      finish_reason: 'stop',
    }))
    return { kind: 'whole', body: { ...base, object: 'chat.completion', choices, usage } }
  }
  const chunk = (choices: readonly unknown[], more: object = {}) => ({
    data: { ...base, object: 'chat.completion.chunk', choices, ...(asked.includesUsage ? { usage: null } : {}), ...more },
  })
  const deltas = numbered(asked.choices, (index) =>
    answerWords(asked.outputTokens, seed + index).map((word) => chunk([{ index, delta: { content: `${word} ` }, finish_reason: null }])),
  ).flat()
  const finish = chunk(numbered(asked.choices, (index) => ({ index, delta: {}, finish_reason: 'stop' })))
  const last = asked.includesUsage ? [chunk([], { usage })] : []
  return { kind: 'events', events: [...deltas, finish, ...last, { data: '[DONE]' }] }
}

function messageOf(asked: Asked, seed: number): unknown {
  const content = answerWords(asked.outputTokens, seed).join(' ')
  if (asked.model !== 'sim-tools') return { role: 'assistant', content, refusal: null }
  const call = { id: `call_${seed}`, type: 'function', function: { name: 'lookup', arguments: '{"id":1}' } }
  return { role: 'assistant', content: null, tool_calls: [call] }
}

export function completionAnswer(asked: Asked, seed: number): SimulatedAnswer {
  const usage = openAiUsage(asked, asked.outputTokens * asked.choices)
  const base = { id: `cmpl-sim-${seed}`, object: 'text_completion', created: CREATED, model: asked.model }
  const text = (index: number) => answerWords(asked.outputTokens, seed + index).join(' ')
  const choices = numbered(asked.choices, (index) => ({ index, text: text(index), logprobs: null, finish_reason: 'stop' }))
  if (!asked.isStream) return { kind: 'whole', body: { ...base, choices, usage } }
  const last = asked.includesUsage ? [{ data: { ...base, choices: [], usage } }] : []
  return { kind: 'events', events: [...choices.map((choice) => ({ data: { ...base, choices: [choice] } })), ...last, { data: '[DONE]' }] }
}

export function responsesAnswer(asked: Asked, seed: number): SimulatedAnswer {
  const words = answerWords(asked.outputTokens, seed)
  const item = {
    id: `msg_${seed}`,
    type: 'message',
    status: 'completed',
    role: 'assistant',
    content: [{ type: 'output_text', text: words.join(' '), annotations: [] }],
  }
  const usage = {
    input_tokens: asked.inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: asked.outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: asked.inputTokens + asked.outputTokens,
  }
  const response = {
    id: `resp_${seed}`,
    object: 'response',
    created_at: CREATED,
    status: 'completed',
    model: asked.model,
    output: [item],
    usage,
    error: null,
  }
  if (!asked.isStream) return { kind: 'whole', body: response }
  const started = { ...response, status: 'in_progress', output: [], usage: null }
  const deltas = words.map((word) => ({
    type: 'response.output_text.delta',
    item_id: item.id,
    output_index: 0,
    content_index: 0,
    delta: `${word} `,
  }))
  const events = [{ type: 'response.created', response: started }, ...deltas, { type: 'response.completed', response }]
  return { kind: 'events', events: events.map((event, i) => ({ event: event.type, data: { ...event, sequence_number: i } })) }
}

export function embeddingsAnswer(asked: Asked, inputs: number): SimulatedAnswer {
  const data = numbered(inputs, (index) => ({ object: 'embedding', index, embedding: [0.1, 0.2, 0.3] }))
  const usage = { prompt_tokens: asked.inputTokens, total_tokens: asked.inputTokens }
  return { kind: 'whole', body: { object: 'list', data, model: asked.model, usage } }
}

export function messagesAnswer(asked: Asked, seed: number): SimulatedAnswer {
  const words = answerWords(asked.outputTokens, seed)
  const counts = { input_tokens: asked.inputTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }
  const message = { id: `msg_sim_${seed}`, type: 'message', role: 'assistant', model: asked.model, stop_sequence: null }
  if (!asked.isStream) {
    const content = [{ type: 'text', text: words.join(' ') }]
    return {
      kind: 'whole',
      body: { ...message, content, stop_reason: 'end_turn', usage: { ...counts, output_tokens: asked.outputTokens } },
    }
  }
  const events = [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null, usage: { ...counts, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...words.map((word) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `${word} ` } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: asked.outputTokens } },
    { type: 'message_stop' },
  ]
  return { kind: 'events', events: events.map((data) => ({ event: data.type, data })) }
}

/** The input that a request's text counts. */
export function inputTokensOf(value: unknown): number {
  return simulatedTokens(JSON.stringify(value ?? ''))
}

function openAiUsage({ inputTokens }: Asked, outputTokens: number): unknown {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  }
}

function numbered<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

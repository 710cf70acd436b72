import { CREATED, piecesOf, type SimulatedAnswer, type SimulatedEvent } from './simulated-answer.ts'
import type { Asked } from './simulated-request.ts'

/** `POST /v1/responses` */
export function responsesAnswer(asked: Asked): SimulatedAnswer {
  const pieces = piecesOf(asked)
  const item = itemOf(asked, pieces.join(''), 'completed')
  const response = {
    id: `resp_sim_${asked.seed}`,
    object: 'response',
    created_at: CREATED,
    status: asked.isCut ? 'incomplete' : 'completed',
    incomplete_details: asked.isCut ? { reason: 'max_output_tokens' } : null,
    model: asked.model,
    output: [item],
    usage: asked.saysUsage ? usageOf(asked) : null,
    error: null,
  }
  if (!asked.isStream) return { kind: 'whole', body: response, outputTokens: asked.outputTokens }
  const started = { ...response, status: 'in_progress', incomplete_details: null, output: [], usage: null }
  const events = [
    { type: 'response.created', response: started },
    { type: 'response.in_progress', response: started },
    ...(asked.tool === undefined ? textEvents(asked, pieces) : toolEvents(asked, pieces)),
    { type: 'response.output_item.done', output_index: 0, item },
    { type: asked.isCut ? 'response.incomplete' : 'response.completed', response },
  ]
  return { kind: 'events', events: events.map(numberedEvent) }
}

interface ResponseEvent {
  readonly type: string
  readonly [name: string]: unknown
}

function numberedEvent(event: ResponseEvent, sequence: number): SimulatedEvent {
  return {
    event: event.type,
    data: { ...event, sequence_number: sequence },
    tokens: event.type.endsWith('.delta') ? 1 : 0,
  }
}

function textEvents(asked: Asked, pieces: readonly string[]): readonly ResponseEvent[] {
  const at = { item_id: itemIdOf(asked), output_index: 0, content_index: 0 }
  const text = pieces.join('')
  return [
    { type: 'response.output_item.added', output_index: 0, item: { ...itemOf(asked, '', 'in_progress'), content: [] } },
    { type: 'response.content_part.added', ...at, part: partOf('') },
    ...pieces.map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...at, text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part: partOf(text) },
  ]
}

function toolEvents(asked: Asked, pieces: readonly string[]): readonly ResponseEvent[] {
  const at = { item_id: itemIdOf(asked), output_index: 0 }
  return [
    { type: 'response.output_item.added', output_index: 0, item: itemOf(asked, '', 'in_progress') },
    ...pieces.map((delta) => ({ type: 'response.function_call_arguments.delta', ...at, delta })),
    { type: 'response.function_call_arguments.done', ...at, name: asked.tool, arguments: pieces.join('') },
  ]
}

function itemOf(asked: Asked, text: string, status: string): object {
  const id = itemIdOf(asked)
  if (asked.tool === undefined) return { id, type: 'message', status, role: 'assistant', content: [partOf(text)] }
  return { id, type: 'function_call', status, call_id: `call_${asked.seed}`, name: asked.tool, arguments: text }
}

function itemIdOf({ tool, seed }: Asked): string {
  return `${tool === undefined ? 'msg' : 'fc'}_${seed}`
}

function partOf(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

function usageOf({ inputTokens, cachedInputTokens, outputTokens }: Asked): object {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  }
}

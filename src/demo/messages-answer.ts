import { piecesOf, type SimulatedAnswer, type SimulatedEvent } from './simulated-answer.ts'
import type { Asked } from './simulated-request.ts'

/** Anthropic's `POST /v1/messages` */
export function messagesAnswer(asked: Asked): SimulatedAnswer {
  const message = { id: `msg_sim_${asked.seed}`, type: 'message', role: 'assistant', model: asked.model, stop_sequence: null }
  const pieces = piecesOf(asked)
  if (asked.isStream) return { kind: 'events', events: messageEvents(asked, message, pieces) }
  const body = { ...message, content: [blockOf(asked, pieces.join(''))], stop_reason: stopOf(asked), ...usageOf(asked, asked.outputTokens) }
  return { kind: 'whole', body, outputTokens: asked.outputTokens }
}

function messageEvents(asked: Asked, message: object, pieces: readonly string[]): readonly SimulatedEvent[] {
  const named = (data: { readonly type: string; readonly [name: string]: unknown }, tokens = 0): SimulatedEvent => ({
    event: data.type,
    data,
    tokens,
  })
  const delta = { stop_reason: stopOf(asked), stop_sequence: null }
  const usage = asked.saysUsage ? { usage: { output_tokens: asked.outputTokens } } : {}
  return [
    named({ type: 'message_start', message: { ...message, content: [], stop_reason: null, ...usageOf(asked, 1) } }),
    named({ type: 'content_block_start', index: 0, content_block: blockOf(asked, '') }),
    named({ type: 'ping' }),
    ...pieces.map((piece) => named({ type: 'content_block_delta', index: 0, delta: deltaOf(asked, piece) }, 1)),
    named({ type: 'content_block_stop', index: 0 }),
    named({ type: 'message_delta', delta, ...usage }),
    named({ type: 'message_stop' }),
  ]
}

function stopOf({ isCut, tool }: Asked): string {
  if (isCut) return 'max_tokens'
  return tool === undefined ? 'end_turn' : 'tool_use'
}

/** @param text the block's text, or its tool call's arguments; empty at the start of a stream */
function blockOf({ tool, seed, isCut }: Asked, text: string): object {
  if (tool === undefined) return { type: 'text', text }
  return { type: 'tool_use', id: `toolu_${seed}`, name: tool, input: text === '' || isCut ? {} : JSON.parse(text) }
}

function deltaOf({ tool }: Asked, piece: string): object {
  return tool === undefined ? { type: 'text_delta', text: piece } : { type: 'input_json_delta', partial_json: piece }
}

/** `input_tokens` is without what was read from the cache. */
function usageOf({ inputTokens, cachedInputTokens, saysUsage }: Asked, outputTokens: number): object {
  if (!saysUsage) return {}
  return {
    usage: {
      input_tokens: inputTokens - cachedInputTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: cachedInputTokens,
      output_tokens: outputTokens,
      service_tier: 'standard',
    },
  }
}

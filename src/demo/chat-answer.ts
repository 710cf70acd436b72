import { CREATED, numbered, openAiUsage, piecesOf, type SimulatedAnswer, type SimulatedEvent } from './simulated-answer.ts'
import type { Asked } from './simulated-request.ts'

const DONE: SimulatedEvent = { data: '[DONE]' }

/** `POST /v1/chat/completions` */
export function chatAnswer(asked: Asked): SimulatedAnswer {
  const base = { id: `chatcmpl-sim-${asked.seed}`, created: CREATED, model: asked.model }
  const outputTokens = asked.outputTokens * asked.choices
  if (asked.isStream) return { kind: 'events', events: chatEvents(asked, { ...base, object: 'chat.completion.chunk' }) }
  const choices = numbered(asked.choices, (index) => ({
    index,
    message: messageOf(asked, index),
    logprobs: null,
    finish_reason: finishOf(asked),
  }))
  const usage = asked.saysUsage ? { usage: openAiUsage(asked, outputTokens) } : {}
  return { kind: 'whole', body: { ...base, object: 'chat.completion', choices, ...usage }, outputTokens }
}

function finishOf({ isCut, tool }: Asked): string {
  if (isCut) return 'length'
  return tool === undefined ? 'stop' : 'tool_calls'
}

function messageOf(asked: Asked, choice: number): unknown {
  const text = piecesOf(asked, choice).join('')
  if (asked.tool === undefined) return { role: 'assistant', content: text, refusal: null }
  const call = { id: callIdOf(asked, choice), type: 'function', function: { name: asked.tool, arguments: text } }
  return { role: 'assistant', content: null, refusal: null, tool_calls: [call] }
}

function callIdOf({ seed }: Asked, choice: number): string {
  return `call_${seed}_${choice}`
}

function chatEvents(asked: Asked, base: object): readonly SimulatedEvent[] {
  const asksForUsage = asked.includesUsage && asked.saysUsage
  const chunk = (choices: readonly unknown[], tokens = 0): SimulatedEvent => ({
    data: { ...base, choices, ...(asksForUsage ? { usage: null } : {}) },
    tokens,
  })
  const delta = (index: number, value: unknown, tokens = 0) => chunk([{ index, delta: value, logprobs: null, finish_reason: null }], tokens)
  const pieces = numbered(asked.choices, (index) => piecesOf(asked, index))
  return [
    ...numbered(asked.choices, (index) => delta(index, openingDelta(asked, index))),
    // The choices are interleaved, as they are in real streams.
    ...numbered(asked.outputTokens, (token) =>
      pieces.map((ofChoice, index) => delta(index, pieceDelta(asked, ofChoice[token] ?? ''), 1)),
    ).flat(),
    ...numbered(asked.choices, (index) => chunk([{ index, delta: {}, logprobs: null, finish_reason: finishOf(asked) }])),
    ...(asksForUsage ? [{ data: { ...base, choices: [], usage: openAiUsage(asked, asked.outputTokens * asked.choices) } }] : []),
    DONE,
  ]
}

function openingDelta(asked: Asked, choice: number): unknown {
  if (asked.tool === undefined) return { role: 'assistant', content: '', refusal: null }
  const call = { index: 0, id: callIdOf(asked, choice), type: 'function', function: { name: asked.tool, arguments: '' } }
  return { role: 'assistant', content: null, tool_calls: [call] }
}

function pieceDelta({ tool }: Asked, piece: string): unknown {
  return tool === undefined ? { content: piece } : { tool_calls: [{ index: 0, function: { arguments: piece } }] }
}

/** `POST /v1/completions`: `n` answers for each prompt. */
export function completionAnswer(asked: Asked): SimulatedAnswer {
  const count = asked.choices * asked.inputs
  const outputTokens = asked.outputTokens * count
  const base = { id: `cmpl-sim-${asked.seed}`, object: 'text_completion', created: CREATED, model: asked.model }
  const finish = asked.isCut ? 'length' : 'stop'
  const choice = (index: number, text: string, reason: string | null) => ({ index, text, logprobs: null, finish_reason: reason })
  const usage = openAiUsage(asked, outputTokens)
  if (!asked.isStream) {
    const choices = numbered(count, (index) => choice(index, piecesOf(asked, index).join(''), finish))
    return { kind: 'whole', body: { ...base, choices, ...(asked.saysUsage ? { usage } : {}) }, outputTokens }
  }
  const texts = numbered(count, (index) =>
    piecesOf(asked, index).map((piece) => ({ data: { ...base, choices: [choice(index, piece, null)] }, tokens: 1 })),
  ).flat()
  const finishes = numbered(count, (index) => ({ data: { ...base, choices: [choice(index, '', finish)] } }))
  const last = asked.includesUsage && asked.saysUsage ? [{ data: { ...base, choices: [], usage } }] : []
  return { kind: 'events', events: [...texts, ...finishes, ...last, DONE] }
}

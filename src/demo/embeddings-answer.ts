import { numbered, type SimulatedAnswer } from './simulated-answer.ts'
import type { Asked } from './simulated-request.ts'

const DIMENSIONS = 8

/** `POST /v1/embeddings`: numbers, or base64 of 32-bit floats, which is what the official client asks for by itself. */
export function embeddingsAnswer(asked: Asked): SimulatedAnswer {
  const data = numbered(asked.inputs, (index) => ({ object: 'embedding', index, embedding: embedding(asked, index) }))
  const usage = asked.saysUsage ? { usage: { prompt_tokens: asked.inputTokens, total_tokens: asked.inputTokens } } : {}
  return { kind: 'whole', body: { object: 'list', data, model: asked.model, ...usage }, outputTokens: 0 }
}

function embedding({ seed, isBase64 }: Asked, index: number): readonly number[] | string {
  // Quarters are exact in 32 bits: both encodings say the same.
  const values = numbered(DIMENSIONS, (i) => ((seed + index + i) % DIMENSIONS) / 4 - 1)
  return isBase64 ? Buffer.from(new Float32Array(values).buffer).toString('base64') : values
}

import { expect, test } from 'vitest'
import { countTokens } from '../tokenizer.ts'
import { countOutput } from './encoding.ts'
import { refineInputBound } from './request.ts'

const HINDI = 'नमस्ते दुनिया, आप कैसे हैं? '.repeat(20)

test('models before GPT-4o have the encoding before, in which some scripts have more than twice the tokens', () => {
  const [older, newer] = [countTokens(HINDI, 'cl100k_base'), countTokens(HINDI)]
  expect(older).toBeGreaterThan(2 * newer)
  for (const model of ['gpt-4', 'gpt-4-turbo-2024-04-09', 'gpt-3.5-turbo']) {
    expect(countOutput(model)(HINDI)).toEqual({ tokens: older, atMost: older })
    expect(refineInputBound({ model, messages: [{ role: 'user', content: HINDI }] })).toBeGreaterThan(older)
  }
  for (const model of ['gpt-4o', 'gpt-4.1-mini', 'openai/gpt-5', 'o3']) expect(countOutput(model)(HINDI).tokens).toBe(newer)
})

test('a model of another maker may need a token for each byte of what is not ASCII', () => {
  const { tokens, atMost } = countOutput('mistral-small-latest')(HINDI)
  expect(atMost).toBeGreaterThan(tokens)
  expect(atMost).toBeGreaterThanOrEqual(Buffer.byteLength(HINDI.replace(/[\0-\x7f]/g, '')))
  const english = countOutput('llama-3.3-70b-versatile')('It was the best of times. '.repeat(10))
  expect(english.atMost).toBeCloseTo(english.tokens * 1.4, 5)
})

test.each(['gpt-oss-120b', 'mistral-large-latest', 'my-deployment'])('no tokenizer of OpenAI bounds %s', (model) => {
  expect(refineInputBound({ model, messages: [] })).toBe(Infinity)
})

import { describe, expect, test } from 'vitest'
import { InvalidRequest, type Metered, type RequestFacts } from '../provider.ts'
import { bedrock } from './shape.ts'

function meteredOf(action: string): Metered {
  const admission = bedrock.endpoints.find(({ path }) => path.endsWith(`/${action}`))?.admission
  return admission?.kind === 'metered' ? admission : expect.fail(`${action} is not metered`)
}

const factsOf = (action: string, model: string, body: string): RequestFacts =>
  meteredOf(action).readRequest(Buffer.from(body), { model }, '').facts

function clamped(action: string, model: string, body: string): string {
  const metered = meteredOf(action)
  const { facts } = metered.readRequest(Buffer.from(body), { model }, '')
  return metered.prepare(Buffer.from(body), facts, { outputMax: 5 }, { model }).body.toString()
}

describe('converse', () => {
  const MODEL = 'amazon.nova-lite-v1:0'

  test.each([
    ['{"messages":[]}', '{"inferenceConfig":{"maxTokens":5},"messages":[]}'],
    ['{"inferenceConfig": {}}', '{"inferenceConfig": {"maxTokens":5}}'],
    ['{"inferenceConfig":null}', '{"inferenceConfig":{"maxTokens":5}}'],
    ['{"inferenceConfig": {"temperature": 0.50, "maxTokens" : 900}}', '{"inferenceConfig": {"temperature": 0.50, "maxTokens" : 5}}'],
  ])('%s is clamped, and nothing else of it changed', (body, expected) => {
    expect(clamped('converse', MODEL, body)).toBe(expected)
  })

  test('its maximum bounds the output; the path says whether it streams', () => {
    const body = '{"inferenceConfig":{"maxTokens":900}}'
    expect(factsOf('converse', MODEL, body)).toMatchObject({ model: MODEL, outputMax: 900, outputMin: 1, canClamp: true, isStream: false })
    expect(factsOf('converse-stream', MODEL, body)).toMatchObject({ isStream: true })
    expect(factsOf('converse', MODEL, '{}').outputMax).toBeUndefined()
  })

  test('what the model may think is the least that it may put out', () => {
    const thinking =
      '{"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2048}},"inferenceConfig":{"maxTokens":4096}}'
    expect(factsOf('converse', MODEL, thinking)).toMatchObject({ outputMin: 2049, outputMax: 4096 })
  })

  test("a maximum in the model's own format beside it raises the bound, and is not clamped", () => {
    const body = '{"additionalModelRequestFields":{"max_tokens":9000},"inferenceConfig":{"maxTokens":10}}'
    expect(factsOf('converse', MODEL, body)).toMatchObject({ outputMax: 9000, canClamp: false })
  })

  test.each([
    ['[]', 'the request body must be a JSON object'],
    ['{"inferenceConfig":[]}', '"inferenceConfig" must be an object'],
    ['{"inferenceConfig":{"maxTokens":"9"}}', '"maxTokens" must be a whole number of 0 or more, and at most 2147483647'],
    ['{"inferenceConfig":{"maxTokens":1,"maxTokens":90000}}', 'the request body has the member "maxTokens" twice in one object'],
    ['{"inferenceConfig":{"maxTokens":1,"max\\u0054okens":90000}}', 'the request body has the member "maxTokens" twice in one object'],
  ])('%s is refused: %s', (body, message) => {
    expect(() => factsOf('converse', MODEL, body)).toThrow(new InvalidRequest(message))
  })

  test('a stored prompt is refused, since nothing in the request bounds it', () => {
    expect(() => factsOf('converse', 'arn:aws:bedrock:us-east-1:123456789012:prompt/ABC:1', '{}')).toThrow(/a stored prompt/)
  })

  test('an image counts by its pixels, a document by its pages, and their data not at all', () => {
    const bytes = 'A'.repeat(2_000_000)
    const boundOf = (content: string) =>
      factsOf('converse', 'us.anthropic.claude-haiku-4-5-20251001-v1:0', `{"messages":[{"role":"user","content":[${content}]}]}`).inputBound
    expect(boundOf(`{"image":{"format":"png","source":{"bytes":"${bytes}"}}}`)).toBeLessThan(6000)
    expect(boundOf(`{"document":{"format":"pdf","name":"a","source":{"bytes":"${bytes}"}}}`)).toBeLessThan(470_000)
    expect(boundOf('{"document":{"format":"pdf","name":"a","source":{"s3Location":{"uri":"s3://b/a"}}}}')).toBe(200_000)
    expect(boundOf(`{"document":{"format":"txt","name":"a","source":{"bytes":"${bytes}"}}}`)).toBeGreaterThan(2_000_000)
    const nested = `{"toolResult":{"toolUseId":"t","content":[{"image":{"format":"png","source":{"bytes":"${bytes}"}}}]}}`
    expect(boundOf(nested)).toBeLessThan(6000)
  })
})

describe('invoke', () => {
  test.each([
    ['anthropic.claude-3-haiku-20240307-v1:0', '{"messages":[],"max_tokens":90}', '{"messages":[],"max_tokens":5}'],
    ['global.anthropic.claude-sonnet-4-5-20250929-v1:0', '{"messages":[]}', '{"max_tokens":5,"messages":[]}'],
    ['anthropic.claude-v2:1', '{"prompt":"Hi","max_tokens_to_sample":90}', '{"prompt":"Hi","max_tokens_to_sample":5}'],
    ['anthropic.claude-v2', '{"prompt":"Hi"}', '{"max_tokens_to_sample":5,"prompt":"Hi"}'],
    ['amazon.titan-text-express-v1', '{"inputText":"Hi"}', '{"textGenerationConfig":{"maxTokenCount":5},"inputText":"Hi"}'],
    ['amazon.titan-text-lite-v1', '{"textGenerationConfig":{"maxTokenCount":90}}', '{"textGenerationConfig":{"maxTokenCount":5}}'],
    ['us.amazon.nova-micro-v1:0', '{"inferenceConfig":{"max_new_tokens":90}}', '{"inferenceConfig":{"max_new_tokens":5}}'],
    ['amazon.nova-micro-v1:0', '{"messages":[]}', '{"inferenceConfig":{"maxTokens":5},"messages":[]}'],
    ['us.meta.llama3-3-70b-instruct-v1:0', '{"prompt":"Hi"}', '{"max_gen_len":5,"prompt":"Hi"}'],
    ['mistral.mistral-7b-instruct-v0:2', '{"prompt":"Hi"}', '{"max_tokens":5,"prompt":"Hi"}'],
    ['cohere.command-r-v1:0', '{"message":"Hi","max_tokens":90}', '{"message":"Hi","max_tokens":5}'],
    ['ai21.j2-mid-v1', '{"prompt":"Hi"}', '{"maxTokens":5,"prompt":"Hi"}'],
    ['openai.gpt-oss-20b-1:0', '{"messages":[],"max_tokens":90}', '{"messages":[],"max_tokens":5}'],
    ['arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b-instruct-v1:0', '{"prompt":""}', '{"max_gen_len":5,"prompt":""}'],
    [
      'arn:aws:bedrock:us-east-1:1:application-inference-profile/a',
      '{"anthropic_version":"x"}',
      '{"max_tokens":5,"anthropic_version":"x"}',
    ],
  ])('%s reads %s, clamped to %s', (model, body, expected) => {
    expect(factsOf('invoke', model, body).canClamp).toBe(true)
    expect(clamped('invoke', model, body)).toBe(expected)
  })

  test('of a family that is not known every maximum counts, and none is changed', () => {
    const model = 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc'
    const body = '{"prompt":"Hi","max_gen_len":7,"max_tokens":90}'
    expect(factsOf('invoke', model, body)).toMatchObject({ outputMax: 90, canClamp: false })
    expect(factsOf('invoke', model, '{"prompt":"Hi"}').outputMax).toBeUndefined()
  })

  test('embeddings, rankings and images have no output', () => {
    for (const model of ['amazon.titan-embed-text-v2:0', 'us.cohere.embed-v4:0', 'cohere.rerank-v3-5:0', 'stability.sd3-large-v1:0']) {
      expect(factsOf('invoke', model, '{}')).toMatchObject({ outputMax: 0, outputMin: 0, canClamp: false })
    }
  })

  test('several answers are bounded', () => {
    expect(factsOf('invoke', 'cohere.command-text-v14', '{"prompt":"Hi","num_generations":4}').choices).toBe(4)
  })
})

test.each([
  ['anthropic.claude-3-haiku-20240307-v1:0', 4096],
  ['eu.anthropic.claude-sonnet-4-5-20250929-v1:0', 64_000],
  ['anthropic.claude-v2:1', 4096],
  ['us-gov.amazon.nova-lite-v1:0', 10_000],
  ['us.amazon.nova-2-lite-v1:0', 65_536],
  ['arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.meta.llama4-scout-17b-instruct-v1:0', 8192],
  ['arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc', 131_072],
])('%s puts out %d tokens at the most', (model, expected) => {
  expect(bedrock.outputMaxOf(model)).toBe(expected)
})

import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import { describe, expect, test } from 'vitest'
import type { AnswerReading, Metered } from './provider.ts'
import { apiShapes } from './registry.ts'

/* Reports of one answer, one after the other: counts are cumulative, so that none may fall. Each API's own events. */

function meteredOf(name: string): Metered {
  for (const { endpoints } of apiShapes) {
    for (const { name: of, admission } of endpoints) if (of === name && admission.kind === 'metered') return admission
  }
  throw new Error(`no endpoint ${name}`)
}

function read(name: string, chunks: readonly Buffer[], type = 'text/event-stream'): AnswerReading {
  const stream = meteredOf(name).readStream(false, { 'content-type': type })
  for (const chunk of chunks) stream.push(chunk)
  stream.end()
  return stream.reading()
}

const sse = (...events: readonly object[]) => events.map((event) => Buffer.from(`data: ${JSON.stringify(event)}\n\n`))
const codec = new EventStreamCodec(toUtf8, fromUtf8)
const aws = (name: string, payload: object) => {
  const headers = { ':message-type': { type: 'string' as const, value: 'event' }, ':event-type': { type: 'string' as const, value: name } }
  return Buffer.from(codec.encode({ headers, body: Buffer.from(JSON.stringify(payload)) }))
}
const invoked = (payload: object) => aws('chunk', { bytes: Buffer.from(JSON.stringify(payload)).toString('base64') })

const claude = (input: number, output: number, cached = 0) => ({
  input_tokens: input,
  output_tokens: output,
  cache_read_input_tokens: cached,
  cache_creation_input_tokens: 0,
})
const chat = (prompt: number, completion: number) => ({
  choices: [],
  usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
})
const response = (input: number, output: number) => ({
  type: 'response.completed',
  response: { usage: { input_tokens: input, output_tokens: output } },
})
const gemini = (prompt: number, candidates: number) => ({
  usageMetadata: { promptTokenCount: prompt, candidatesTokenCount: candidates, totalTokenCount: prompt + candidates },
})

describe('what was reported is not lowered by a later report', () => {
  test.each<[string, AnswerReading, number, number]>([
    ['openai.chat, zeros', read('openai.chat', sse(chat(100, 20), chat(0, 0))), 100, 20],
    ['openai.chat, less', read('openai.chat', sse(chat(100, 20), chat(90, 5))), 100, 20],
    ['openai.chat, more', read('openai.chat', sse(chat(100, 20), chat(100, 60))), 100, 60],
    ['openai.responses', read('openai.responses', sse(response(100, 20), response(0, 0))), 100, 20],
    [
      'anthropic.messages, a delta of zeros',
      read(
        'anthropic.messages',
        sse({ type: 'message_start', message: { usage: claude(15_000, 1, 3000) } }, { type: 'message_delta', usage: claude(0, 100) }),
      ),
      18_000,
      100,
    ],
    [
      'anthropic.messages, a second delta of zeros',
      read(
        'anthropic.messages',
        sse(
          { type: 'message_start', message: { usage: claude(10, 1) } },
          { type: 'message_delta', usage: claude(8050, 100) },
          { type: 'message_delta', usage: claude(0, 0) },
        ),
      ),
      8050,
      100,
    ],
    ['gemini.generateContent, zeros', read('gemini.generateContent', sse(gemini(100, 20), gemini(0, 0))), 100, 20],
    // Its counts begin anew after a tool, so that the last one is right though it is less: recorded with 169 and then 79.
    ['gemini.generateContent, anew', read('gemini.generateContent', sse(gemini(169, 20), gemini(79, 30))), 79, 30],
    [
      'bedrock.converse',
      read(
        'bedrock.converse',
        [
          aws('metadata', { usage: { inputTokens: 100, outputTokens: 20 } }),
          aws('metadata', { usage: { inputTokens: 0, outputTokens: 0 } }),
        ],
        'application/vnd.amazon.eventstream',
      ),
      100,
      20,
    ],
    [
      'bedrock.invoke, metrics',
      read(
        'bedrock.invoke',
        [
          invoked({ prompt_token_count: 9, generation_token_count: 5, stop_reason: null }),
          invoked({ prompt_token_count: 0, generation_token_count: 0, stop_reason: 'stop' }),
        ],
        'application/vnd.amazon.eventstream',
      ),
      9,
      5,
    ],
    [
      'ollama.native',
      read(
        'ollama.native',
        [
          { prompt_eval_count: 100, eval_count: 20 },
          { prompt_eval_count: 0, eval_count: 0, done: true },
        ].map((line) => Buffer.from(`${JSON.stringify(line)}\n`)),
        'application/x-ndjson',
      ),
      100,
      20,
    ],
    [
      'cohere.chat',
      read(
        'cohere.chat',
        sse(
          { type: 'message-end', delta: { usage: { tokens: { input_tokens: 100, output_tokens: 20 } } } },
          { type: 'message-end', delta: { usage: { tokens: { input_tokens: 0, output_tokens: 0 } } } },
        ),
      ),
      100,
      20,
    ],
  ])('%s', (_, { reported, isComplete }, input, output) => {
    expect([reported?.input?.total, reported?.output?.total, isComplete]).toEqual([input, output, true])
  })
})

const whole = (name: string, body: object) => meteredOf(name).readAnswer(200, Buffer.from(JSON.stringify(body)), {})

describe('usage is read wherever a provider reports it', () => {
  test.each<[string, AnswerReading, object]>([
    [
      'Moonshot: in the last choice',
      read(
        'openai.chat',
        sse({
          choices: [
            { index: 0, delta: {}, finish_reason: 'stop', usage: { prompt_tokens: 12_000, completion_tokens: 130, cached_tokens: 11_000 } },
          ],
        }),
      ),
      { reported: { input: { total: 12_000, cached: 11_000 }, output: { total: 130 } } },
    ],
    [
      'of several choices the outputs add up, and the input is one',
      read(
        'openai.chat',
        sse(
          ...[0, 1].map((index) => ({
            choices: [{ index, delta: {}, finish_reason: 'stop', usage: { prompt_tokens: 10, completion_tokens: 5 + index } }],
          })),
        ),
      ),
      { reported: { input: { total: 10 }, output: { total: 11 } } },
    ],
    [
      'Groq: x_groq',
      read('openai.chat', sse({ choices: [], x_groq: { usage: { prompt_tokens: 7, completion_tokens: 3 } } })),
      { reported: { input: { total: 7 }, output: { total: 3 } } },
    ],
    [
      'Perplexity’s deep research: citations and thoughts beside prompt and completion',
      whole('openai.chat', {
        choices: [],
        usage: {
          prompt_tokens: 33,
          completion_tokens: 7163,
          total_tokens: 7196,
          citation_tokens: 20_016,
          num_search_queries: 18,
          reasoning_tokens: 73_997,
        },
      }),
      { reported: { input: { total: 20_049 }, output: { total: 81_160, reasoning: 73_997 }, webSearches: 18 } },
    ],
    [
      'Mistral: seconds of audio',
      whole('openai.chat', { choices: [], usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14, prompt_audio_seconds: 8 } }),
      { reported: { input: { total: 9 }, audioSeconds: 8 } },
    ],
    [
      'OpenAI’s responses: the tool that makes images, beside usage',
      whole('openai.responses', {
        usage: { input_tokens: 1820, output_tokens: 210 },
        tool_usage: {
          image_gen: { input_tokens: 30, output_tokens: 7024, output_tokens_details: { image_tokens: 7024 } },
          web_search: { num_requests: 0 },
        },
      }),
      {
        reported: { input: { total: 1820 }, output: { total: 210 } },
        others: [{ model: { tool: 'image_generation' }, counts: { input: { total: 30 }, output: { total: 7024, image: 7024 } } }],
      },
    ],
    [
      'Anthropic: an advisor’s model',
      whole('anthropic.messages', {
        model: 'claude-haiku-4-5',
        usage: {
          ...claude(100, 50),
          iterations: [
            { type: 'message', ...claude(100, 50) },
            { type: 'advisor_message', model: 'claude-opus-5', ...claude(800, 200) },
          ],
        },
      }),
      {
        reported: { input: { total: 100 }, output: { total: 50 } },
        others: [{ model: 'claude-opus-5', counts: { input: { total: 800 }, output: { total: 200 } } }],
      },
    ],
    [
      'Anthropic: an attempt that produced nothing before a fallback is not billed',
      whole('anthropic.messages', {
        usage: {
          ...claude(100, 50),
          iterations: [
            { type: 'message', model: 'claude-opus-5', ...claude(100, 0) },
            { type: 'fallback_message', model: 'claude-haiku-4-5', ...claude(100, 50) },
          ],
        },
      }),
      {
        reported: { input: { total: 0 }, output: { total: 0 } },
        others: [{ model: 'claude-haiku-4-5', counts: { input: { total: 100 }, output: { total: 50 } } }],
      },
    ],
    ['Anthropic: fast mode', whole('anthropic.messages', { usage: { ...claude(1, 1), speed: 'fast' } }), { billing: { tier: 'fast' } }],
    [
      'Anthropic: one region, fast',
      whole('anthropic.messages', { usage: { ...claude(1, 1), speed: 'fast', inference_geo: 'us' } }),
      { billing: { tier: 'fast_regional' } },
    ],
    [
      'DeepInfra: its cost',
      whole('openai.chat', { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, estimated_cost: 0.000_25 } }),
      { billing: { costNanoUsd: 250_000 } },
    ],
    [
      'Whisper: the length of verbose JSON',
      whole('openai.transcriptions', { text: 'Hi', duration: 599.2 }),
      { reported: { audioSeconds: 600 } },
    ],
  ])('%s', (_, reading, expected) => {
    expect(reading).toMatchObject(expected)
  })
})

test.each([-5, 1.5, '130', 1e300, true, {}, [3]])('a count that is %o is not read, and never taken for zero', (bad) => {
  for (const reading of [
    whole('openai.chat', { choices: [{ message: { content: 'Hi' } }], usage: { prompt_tokens: 5, completion_tokens: bad } }),
    whole('openai.responses', { output: [{ content: [{ text: 'Hi' }] }], usage: { input_tokens: 5, output_tokens: bad } }),
    whole('anthropic.messages', { content: [{ text: 'Hi' }], usage: { input_tokens: 5, output_tokens: bad } }),
    whole('gemini.generateContent', {
      candidates: [{ content: { parts: [{ text: 'Hi' }] } }],
      usageMetadata: { promptTokenCount: 5, candidatesTokenCount: bad },
    }),
    whole('bedrock.converse', { output: { message: { content: [{ text: 'Hi' }] } }, usage: { inputTokens: 5, outputTokens: bad } }),
    whole('ollama.native', { message: { content: 'Hi' }, prompt_eval_count: 5, eval_count: bad }),
    whole('cohere.chat', { message: { content: [{ text: 'Hi' }] }, usage: { tokens: { input_tokens: 5, output_tokens: bad } } }),
  ]) {
    expect([reading.reported?.input?.total, reading.reported?.output, reading.isComplete, reading.produced]).toEqual([
      5,
      undefined,
      false,
      'Hi',
    ])
  }
})

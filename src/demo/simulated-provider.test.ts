import Anthropic, { APIConnectionError as AnthropicConnectionError, InternalServerError } from '@anthropic-ai/sdk'
import OpenAI, { APIConnectionError, APIError, RateLimitError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSimulatedProvider, type Produced, type SimulatedProvider } from './simulated-provider.ts'

/** The official clients straight against the simulated provider. What they are told equals its own meter. */

const provider = createSimulatedProvider()
const slow = createSimulatedProvider({ eventMs: 5, outputTokens: () => 400 })
let url: string
let openai: OpenAI
let anthropic: Anthropic

beforeAll(async () => {
  url = `http://127.0.0.1:${(await provider.listen()).port}`
  openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-any', maxRetries: 0 })
  anthropic = new Anthropic({ baseURL: url, apiKey: 'sk-any', maxRetries: 0 })
})

afterAll(async () => {
  await provider.close()
  await slow.close()
})

const messages = [{ role: 'user' as const, content: 'Say something nice about budgets.' }]

/** What the meter grew by while `run` ran. */
async function metered(run: () => Promise<unknown>, of: SimulatedProvider = provider): Promise<Produced> {
  const before = of.produced()
  await run()
  const after = of.produced()
  return { calls: after.calls - before.calls, input: after.input - before.input, output: after.output - before.output }
}

describe('the usage that a client is told is what the meter counted', () => {
  test('openai chat, whole', async () => {
    let answer: OpenAI.ChatCompletion | undefined
    const meter = await metered(async () => {
      answer = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages })
    })
    expect(answer?.choices[0]?.message.content?.split(' ')).toHaveLength(meter.output)
    expect(answer?.choices[0]?.finish_reason).toBe('stop')
    expect(answer?.usage).toMatchObject({
      prompt_tokens: meter.input,
      completion_tokens: meter.output,
      total_tokens: meter.input + meter.output,
      prompt_tokens_details: { cached_tokens: 0 },
    })
    expect(meter.calls).toBe(1)
  })

  test('openai chat, streamed through the stream helper, with the usage chunk asked for', async () => {
    let answer: OpenAI.ChatCompletion | undefined
    const meter = await metered(async () => {
      answer = await openai.chat.completions
        .stream({ model: 'gpt-4o-mini', messages, stream_options: { include_usage: true } })
        .finalChatCompletion()
    })
    expect(answer?.choices[0]?.message).toMatchObject({ role: 'assistant' })
    expect(answer?.choices[0]?.message.content?.split(' ')).toHaveLength(meter.output)
    expect(answer?.usage).toMatchObject({ prompt_tokens: meter.input, completion_tokens: meter.output })
  })

  test('openai completions: every prompt has n answers', async () => {
    let answer: OpenAI.Completion | undefined
    const meter = await metered(async () => {
      answer = await openai.completions.create({ model: 'gpt-3.5', prompt: ['one', 'two'], n: 3, max_tokens: 4 })
    })
    expect(answer?.choices.map(({ index, text }) => [index, text.split(' ').length])).toEqual([0, 1, 2, 3, 4, 5].map((index) => [index, 4]))
    expect(meter.output).toBe(24)
    expect(answer?.usage).toMatchObject({ prompt_tokens: meter.input, completion_tokens: 24 })
  })

  test('openai completions, streamed', async () => {
    let text = ''
    let usage: OpenAI.CompletionUsage | undefined
    const meter = await metered(async () => {
      const options = { stream: true, stream_options: { include_usage: true } } as const
      const stream = await openai.completions.create({ model: 'gpt-3.5', prompt: 'one', ...options })
      for await (const chunk of stream) {
        text += chunk.choices[0]?.text ?? ''
        usage = chunk.usage ?? usage
      }
    })
    expect(text.split(' ')).toHaveLength(meter.output)
    expect(usage).toMatchObject({ prompt_tokens: meter.input, completion_tokens: meter.output })
  })

  test('openai responses, whole and streamed', async () => {
    let whole: OpenAI.Responses.Response | undefined
    const wholeMeter = await metered(async () => {
      whole = await openai.responses.create({ model: 'gpt-5', input: 'hello' })
    })
    expect(whole?.output_text.split(' ')).toHaveLength(wholeMeter.output)
    expect(whole?.usage).toMatchObject({ input_tokens: wholeMeter.input, output_tokens: wholeMeter.output })

    let streamed: OpenAI.Responses.Response | undefined
    let deltas = 0
    const meter = await metered(async () => {
      const stream = openai.responses.stream({ model: 'gpt-5', input: 'hello' }).on('response.output_text.delta', () => deltas++)
      streamed = await stream.finalResponse()
    })
    expect(deltas).toBe(meter.output)
    expect(streamed?.status).toBe('completed')
    expect(streamed?.output_text.split(' ')).toHaveLength(meter.output)
    expect(streamed?.usage).toMatchObject({ input_tokens: meter.input, output_tokens: meter.output })
  })

  test('openai embeddings, in base64 (the client’s own choice) and in numbers', async () => {
    const twin = createSimulatedProvider({ random: () => 0.5 })
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${(await twin.listen()).port}/v1`, apiKey: 'sk-any', maxRetries: 0 })
    const input = ['one', 'two']
    let answer: OpenAI.CreateEmbeddingResponse | undefined
    const meter = await metered(async () => {
      answer = await client.embeddings.create({ model: 'text-embedding-3-small', input })
    }, twin)
    const asNumbers = await client.embeddings.create({ model: 'text-embedding-3-small', input, encoding_format: 'float' })
    await twin.close()
    expect(answer?.data).toHaveLength(2)
    expect(answer?.data.map(({ embedding }) => [...embedding])).toEqual(asNumbers.data.map(({ embedding }) => embedding))
    expect(answer?.usage).toEqual({ prompt_tokens: meter.input, total_tokens: meter.input })
    expect(meter.output).toBe(0)
  })

  test('anthropic, whole and streamed', async () => {
    const ask = { model: 'claude-simulated', max_tokens: 100, messages }
    let answer: Anthropic.Message | undefined
    const whole = await metered(async () => {
      answer = await anthropic.messages.create(ask)
    })
    expect(answer?.usage).toMatchObject({ input_tokens: whole.input, output_tokens: whole.output })

    let text = ''
    const streamed = await metered(async () => {
      const stream = anthropic.messages.stream(ask).on('text', (delta) => (text += delta))
      answer = await stream.finalMessage()
    })
    expect(text.split(' ')).toHaveLength(streamed.output)
    expect(answer?.stop_reason).toBe('end_turn')
    expect(answer?.usage).toMatchObject({ input_tokens: streamed.input, output_tokens: streamed.output })
  })

  test('what was read from a cache is part of the input, told as each API tells it', async () => {
    let chat: OpenAI.ChatCompletion | undefined
    const ofChat = await metered(async () => {
      chat = await openai.chat.completions.create({ model: 'sim-cached', messages })
    })
    expect(chat?.usage?.prompt_tokens).toBe(ofChat.input)
    expect(chat?.usage?.prompt_tokens_details?.cached_tokens).toBe(Math.floor(ofChat.input / 2))

    let message: Anthropic.Message | undefined
    const ofMessage = await metered(async () => {
      message = await anthropic.messages.create({ model: 'sim-cached', max_tokens: 100, messages })
    })
    expect(message?.usage.cache_read_input_tokens).toBe(Math.floor(ofMessage.input / 2))
    expect((message?.usage.input_tokens ?? 0) + (message?.usage.cache_read_input_tokens ?? 0)).toBe(ofMessage.input)
  })
})

test('n answers are n answers, whole and interleaved in a stream', async () => {
  const ask = { model: 'gpt-4o-mini', messages, n: 3, max_tokens: 5 }
  const whole = await metered(() => openai.chat.completions.create(ask))
  expect(whole.output).toBe(15)
  const stream = await openai.chat.completions.create({ ...ask, stream: true })
  const order: number[] = []
  for await (const { choices, usage } of stream) {
    expect(usage ?? undefined).toBeUndefined()
    if (choices[0]?.delta.content) order.push(choices[0].index)
  }
  expect(order).toEqual(Array.from({ length: 15 }, (_, i) => i % 3))
})

test('an answer cut by its maximum says so, in each API', async () => {
  const chat = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, max_completion_tokens: 5 })
  expect(chat.choices[0]?.finish_reason).toBe('length')
  expect(chat.usage?.completion_tokens).toBe(5)
  const response = await openai.responses.create({ model: 'gpt-5', input: 'hello', max_output_tokens: 5 })
  expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
  const types: string[] = []
  const stream = await openai.responses.create({ model: 'gpt-5', input: 'hello', max_output_tokens: 5, stream: true })
  for await (const { type } of stream) types.push(type)
  expect(types.at(-1)).toBe('response.incomplete')
  const message = await anthropic.messages.create({ model: 'claude-simulated', max_tokens: 5, messages })
  expect(message).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 5 } })
})

describe('sim-tools calls the tool that was offered', () => {
  const parameters = { type: 'object' as const, properties: { query: { type: 'string' } } }
  const chatTools = [{ type: 'function' as const, function: { name: 'find_budget', parameters } }]
  const query = expect.stringMatching(/\w+ \w+/)

  test('openai chat, whole and streamed', async () => {
    const ask = { model: 'sim-tools', messages, tools: chatTools }
    for (const answer of [await openai.chat.completions.create(ask), await openai.chat.completions.stream(ask).finalChatCompletion()]) {
      expect(answer.choices[0]?.finish_reason).toBe('tool_calls')
      const call = answer.choices[0]?.message.tool_calls?.[0]
      expect(call).toMatchObject({ type: 'function', function: { name: 'find_budget' } })
      expect(JSON.parse(call?.type === 'function' ? call.function.arguments : '')).toEqual({ query })
    }
  })

  test('openai responses, whole and streamed', async () => {
    const tools = [{ type: 'function' as const, name: 'find_budget', parameters, strict: false }]
    const ask = { model: 'sim-tools', input: 'hello', tools }
    for (const answer of [await openai.responses.create(ask), await openai.responses.stream(ask).finalResponse()]) {
      const item = answer.output[0]
      expect(item).toMatchObject({ type: 'function_call', name: 'find_budget' })
      expect(JSON.parse(item?.type === 'function_call' ? item.arguments : '')).toEqual({ query })
    }
  })

  test('anthropic, whole and streamed', async () => {
    const ask = { model: 'sim-tools', max_tokens: 100, messages, tools: [{ name: 'find_budget', input_schema: parameters }] }
    for (const answer of [await anthropic.messages.create(ask), await anthropic.messages.stream(ask).finalMessage()]) {
      expect(answer.stop_reason).toBe('tool_use')
      expect(answer.content[0]).toMatchObject({ type: 'tool_use', name: 'find_budget', input: { query } })
    }
  })
})

test('counting tokens and listing models is free', async () => {
  const meter = await metered(async () => {
    expect((await anthropic.messages.countTokens({ model: 'claude-simulated', messages })).input_tokens).toBeGreaterThan(0)
    expect((await anthropic.models.list()).data[0]?.display_name).toBe('Simulated')
    expect((await openai.models.list()).data[0]?.owned_by).toBe('simulated')
  })
  expect(meter).toEqual({ calls: 0, input: 0, output: 0 })
})

test('the same random numbers give the same answers', async () => {
  const texts: (string | null | undefined)[][] = []
  for (let run = 0; run < 2; run++) {
    const numbers = [0.25, 0.75, 0.125]
    const twin = createSimulatedProvider({ random: () => numbers.shift() ?? 0 })
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${(await twin.listen()).port}/v1`, apiKey: 'sk-any', maxRetries: 0 })
    const answers = []
    for (let i = 0; i < 3; i++) answers.push(await client.chat.completions.create({ model: 'gpt-4o-mini', messages }))
    texts.push(answers.map(({ choices }) => choices[0]?.message.content))
    await twin.close()
  }
  expect(texts[0]).toEqual(texts[1])
  expect(new Set(texts[0]).size).toBe(3)
})

describe('what goes wrong on request', () => {
  const chat = (model: string) => openai.chat.completions.create({ model, messages })
  const message = (model: string) => anthropic.messages.create({ model, max_tokens: 100, messages })

  test('sim-429 and sim-500 are typed errors of each client, counted as nothing', async () => {
    const received = provider.received()
    const meter = await metered(async () => {
      await expect(chat('sim-429')).rejects.toBeInstanceOf(RateLimitError)
      await expect(chat('sim-500')).rejects.toMatchObject({ status: 500, type: 'server_error' })
      await expect(message('sim-429')).rejects.toMatchObject({ status: 429, type: 'rate_limit_error' })
      await expect(message('sim-500')).rejects.toBeInstanceOf(InternalServerError)
    })
    expect(meter).toEqual({ calls: 0, input: 0, output: 0 })
    expect(provider.received() - received).toBe(4)
  })

  test('sim-html is a page where JSON was expected', async () => {
    const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify({ model: 'sim-html', messages }) })
    expect([response.status, response.headers.get('content-type')]).toEqual([502, 'text/html'])
    expect(await response.text()).toContain('<h1>502 Bad Gateway</h1>')
  })

  test('sim-hang never answers and produces nothing', async () => {
    const meter = await metered(async () => {
      const asked = provider.received()
      const stop = new AbortController()
      const hanging = openai.chat.completions.create({ model: 'sim-hang', messages }, { signal: stop.signal })
      await expect.poll(() => provider.received()).toBe(asked + 1)
      const outcome = await Promise.race([hanging, new Promise((resolve) => setTimeout(resolve, 100, 'still waiting'))])
      expect(outcome).toBe('still waiting')
      stop.abort()
      await expect(hanging).rejects.toThrow('aborted')
    })
    expect(meter.calls).toBe(0)
  })

  test('sim-reset breaks the connection in the middle; what went out in a stream is what counts', async () => {
    await expect(message('sim-reset')).rejects.toBeInstanceOf(Error)
    let pieces = 0
    const meter = await metered(async () => {
      const stream = await openai.chat.completions.create({ model: 'sim-reset', messages, stream: true })
      const reading = (async () => {
        for await (const { choices } of stream) if (choices[0]?.delta.content) pieces++
      })()
      await expect(reading).rejects.toThrow('terminated')
    })
    expect(pieces).toBeGreaterThan(0)
    expect(meter).toMatchObject({ calls: 1, output: pieces })
  })

  test('sim-stall stops in the middle and leaves the connection open', async () => {
    let pieces = 0
    const meter = await metered(async () => {
      const stream = await openai.chat.completions.create({ model: 'sim-stall', messages, stream: true })
      const reading = (async () => {
        for await (const { choices } of stream) if (choices[0]?.delta.content) pieces++
      })()
      const outcome = await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 100, 'still open'))])
      expect(outcome).toBe('still open')
      stream.controller.abort()
      await reading
    })
    expect(pieces).toBeGreaterThan(0)
    expect(meter.output).toBe(pieces)
  })

  test('sim-error-event ends a stream with the API’s own error event', async () => {
    const readChat = async () => {
      const stream = await openai.chat.completions.create({ model: 'sim-error-event', messages, stream: true })
      for await (const { choices } of stream) expect(choices).toHaveLength(1)
    }
    await expect(readChat()).rejects.toBeInstanceOf(APIError)
    const readMessage = anthropic.messages.stream({ model: 'sim-error-event', max_tokens: 100, messages }).finalMessage()
    await expect(readMessage).rejects.toThrow('simulated failure in mid-stream')
    await expect(chat('sim-error-event')).rejects.toMatchObject({ status: 500 })
  })

  test('sim-no-usage answers in full and does not say what it used', async () => {
    const meter = await metered(async () => {
      expect((await chat('sim-no-usage')).usage).toBeUndefined()
      const options = { stream: true, stream_options: { include_usage: true } } as const
      const stream = await openai.chat.completions.create({ model: 'sim-no-usage', messages, ...options })
      for await (const { choices, usage } of stream) {
        expect(choices).toHaveLength(1)
        expect(usage).toBeUndefined()
      }
      expect((await message('sim-no-usage')).usage).toBeUndefined()
    })
    expect(meter.calls).toBe(3)
    expect(meter.output).toBeGreaterThan(0)
  })

  test('closing ends calls that still hang', async () => {
    const twin = createSimulatedProvider()
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${(await twin.listen()).port}/v1`, apiKey: 'sk-any', maxRetries: 0 })
    const hanging = client.chat.completions.create({ model: 'sim-hang', messages }).catch((error: unknown) => error)
    await expect.poll(() => twin.received()).toBe(1)
    await twin.close()
    expect(await hanging).toBeInstanceOf(APIConnectionError)
    const gone = new Anthropic({ baseURL: client.baseURL, apiKey: 'sk-any', maxRetries: 0 })
    const late = gone.messages.create({ model: 'claude-simulated', max_tokens: 5, messages })
    await expect(late).rejects.toBeInstanceOf(AnthropicConnectionError)
  })
})

test('a client that leaves in mid-stream stops the meter', async () => {
  const client = new OpenAI({ baseURL: `http://127.0.0.1:${(await slow.listen()).port}/v1`, apiKey: 'sk-any', maxRetries: 0 })
  const stream = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })
  let pieces = 0
  for await (const { choices } of stream) {
    if (choices[0]?.delta.content && ++pieces === 10) break
  }
  const output = async () => {
    const before = slow.produced().output
    await new Promise((resolve) => setTimeout(resolve, 50))
    return slow.produced().output - before
  }
  await expect.poll(output).toBe(0)
  expect(slow.produced().output).toBeGreaterThanOrEqual(10)
  expect(slow.produced().output).toBeLessThan(200)
})

test.each([
  ['GET', '/v1/nothing', undefined, 404],
  ['POST', '/v1/nothing', '{"model":"x"}', 404],
  ['POST', '/v1/chat/completions', '{', 400],
  ['POST', '/v1/chat/completions', '{"messages":[]}', 400],
  ['POST', '/v1/chat/completions', '{"model":"x","n":1000000000}', 400],
])('%s %s with %s is refused with %i in the API’s shape', async (method, path, body, status) => {
  const response = await fetch(url + path, body === undefined ? { method } : { method, body })
  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } })
})

test('a bad request to anthropic is refused in its shape', async () => {
  const response = await fetch(`${url}/v1/messages`, { method: 'POST', body: '{' })
  expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } })
})

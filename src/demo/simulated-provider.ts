import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { z } from 'zod'
import {
  type Asked,
  chatAnswer,
  completionAnswer,
  embeddingsAnswer,
  inputTokensOf,
  messagesAnswer,
  responsesAnswer,
  type SimulatedAnswer,
} from './simulated-answer.ts'

/** What the provider's own meter counted. */
export interface Produced {
  readonly calls: number
  readonly input: number
  readonly output: number
}

export interface SimulatedProvider {
  /** Listens on 127.0.0.1; without a port on any free one. */
  readonly listen: (port?: number) => Promise<{ readonly port: number }>
  readonly produced: () => Produced
  readonly close: () => Promise<void>
}

export interface SimulatedProviderOptions {
  /** How long an answer takes to begin. */
  readonly latencyMs?: number
  /** How many output tokens an answer has, if its maximum allows. */
  readonly outputTokens?: (seed: number) => number
}

const count = z.number().int().min(0).nullish()

const request = z.looseObject({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  n: count,
  max_tokens: count,
  max_completion_tokens: count,
  max_output_tokens: count,
})

const OUTPUT_TOKENS = (seed: number) => 24 + (seed % 40)

/**
 * A provider that speaks OpenAI's and Anthropic's APIs over real HTTP, answers with words of no meaning, and counts what it
 * produced. Nothing in it knows of Bursar.
 */
export function createSimulatedProvider(options: SimulatedProviderOptions = {}): SimulatedProvider {
  const meter = { calls: 0, input: 0, output: 0 }
  const { latencyMs = 0, outputTokens = OUTPUT_TOKENS } = options
  let seed = 0

  const server = createServer((incoming, response) => {
    void readBody(incoming).then((body) => answer(incoming, body, response))
  })
  server.keepAliveTimeout = 60_000

  async function answer(incoming: IncomingMessage, body: string, response: ServerResponse): Promise<void> {
    const path = (incoming.url ?? '').split('?')[0] ?? ''
    if (incoming.method === 'GET') return sendJson(response, 200, modelsFor(incoming))
    const parsed = request.safeParse(parse(body))
    if (!parsed.success) return sendJson(response, 400, { error: { message: 'bad request', type: 'invalid_request_error' } })
    const asked = toAsked(parsed.data, outputTokens(seed))
    const made = simulate(path, parsed.data, asked, seed++)
    if (made === undefined) return sendJson(response, 404, { error: { message: `unknown path ${path}`, type: 'invalid_request_error' } })
    if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs))
    if (made.kind === 'whole' && !path.endsWith('count_tokens')) {
      meter.calls++
      meter.input += asked.inputTokens
      meter.output += path.endsWith('/embeddings') ? 0 : asked.outputTokens * asked.choices
    }
    if (made.kind === 'whole') return sendJson(response, 200, made.body)
    meter.calls++
    meter.input += asked.inputTokens
    meter.output += await sendEvents(response, made, asked.outputTokens * asked.choices)
  }

  return {
    produced: () => ({ ...meter }),
    listen: async (port = 0) => {
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
      const address = server.address()
      return { port: typeof address === 'object' && address !== null ? address.port : port }
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function simulate(path: string, json: z.infer<typeof request>, asked: Asked, seed: number): SimulatedAnswer | undefined {
  switch (path) {
    case '/v1/chat/completions':
      return chatAnswer(asked, seed)
    case '/v1/completions':
      return completionAnswer(asked, seed)
    case '/v1/responses':
      return responsesAnswer(asked, seed)
    case '/v1/embeddings':
      return embeddingsAnswer(asked, Array.isArray(json['input']) ? json['input'].length : 1)
    case '/v1/messages':
      return messagesAnswer(asked, seed)
    case '/v1/messages/count_tokens':
      return { kind: 'whole', body: { input_tokens: asked.inputTokens } }
    default:
      return undefined
  }
}

function toAsked(json: z.infer<typeof request>, wanted: number): Asked {
  const max = json.max_completion_tokens ?? json.max_tokens ?? json.max_output_tokens ?? Infinity
  return {
    model: json.model,
    isStream: json.stream === true,
    includesUsage: json.stream_options?.include_usage === true,
    choices: Math.max(1, json.n ?? 1),
    inputTokens: inputTokensOf(json['messages'] ?? json['input'] ?? json['prompt']),
    outputTokens: Math.min(wanted, max),
  }
}

/** @returns the output tokens that went out before the client was gone */
async function sendEvents(response: ServerResponse, made: SimulatedAnswer & { kind: 'events' }, outputTokens: number): Promise<number> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  let sent = 0
  for (const { event, data } of made.events) {
    if (response.destroyed) return Math.min(sent, outputTokens)
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    response.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`)
    // Now and then the loop turns, as between the tokens of a real answer.
    if (++sent % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  response.end()
  return outputTokens
}

function modelsFor(incoming: IncomingMessage): unknown {
  if (incoming.headers['anthropic-version'] !== undefined) {
    return {
      data: [{ id: 'claude-sonnet-4-5', type: 'model', display_name: 'Simulated', created_at: '2026-01-01T00:00:00Z' }],
      has_more: false,
    }
  }
  return { object: 'list', data: [{ id: 'gpt-4o-mini', object: 'model', created: 1, owned_by: 'simulated' }] }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

function readBody(incoming: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => resolve(Buffer.concat(chunks).toString()))
  })
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

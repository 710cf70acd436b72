import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { chatAnswer, completionAnswer } from './chat-answer.ts'
import { embeddingsAnswer } from './embeddings-answer.ts'
import { messagesAnswer } from './messages-answer.ts'
import { responsesAnswer } from './responses-answer.ts'
import { type Delivery, sendEvents, sendWhole } from './simulated-delivery.ts'
import type { SimulatedAnswer } from './simulated-answer.ts'
import { faultOf, type Refusal, refusal, refusalOf, type Shape } from './simulated-fault.ts'
import { type Asked, readAsked } from './simulated-request.ts'

/** What the provider's own meter counted: of calls that failed nothing, of calls cut short what had gone out. */
export interface Produced {
  readonly calls: number
  readonly input: number
  readonly output: number
}

export interface SimulatedProvider {
  /** Listens on 127.0.0.1; without a port on any free one. */
  readonly listen: (port?: number) => Promise<{ readonly port: number }>
  readonly produced: () => Produced
  /** Every request that came, those that failed too. */
  readonly received: () => number
  /** Destroys the connections that are still open. */
  readonly close: () => Promise<void>
}

export interface SimulatedProviderOptions {
  /** How long an answer takes to begin. */
  readonly latencyMs?: number
  /** How long a stream waits before each event. */
  readonly eventMs?: number
  /** How many output tokens an answer has, if its maximum allows. */
  readonly outputTokens?: (seed: number) => number
  /** In [0, 1): makes each call's seed, which decides its answer. Without it the seeds are 0, 1, 2, ... */
  readonly random?: () => number
}

const OUTPUT_TOKENS = (seed: number) => 24 + (seed % 40)
const SEEDS = 1_000_000

/**
 * A provider that speaks OpenAI's and Anthropic's APIs over real HTTP, answers with words of no meaning, and counts what it
 * produced. Nothing in it knows of Bursar. What can go wrong on request, by the model's name, is in `simulated-fault.ts`; the
 * models `sim-tools` (calls a tool), `sim-cached` (half of the input is cached) and `sim-no-usage` (does not say its usage) answer.
 */
export function createSimulatedProvider(options: SimulatedProviderOptions = {}): SimulatedProvider {
  const { latencyMs = 0, eventMs = 0, outputTokens = OUTPUT_TOKENS, random } = options
  const meter = { calls: 0, input: 0, output: 0 }
  let received = 0

  const server = createServer((incoming, response) => {
    const number = received++
    const seed = random === undefined ? number : Math.floor(random() * SEEDS)
    answer(incoming, response, seed).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000

  async function answer(incoming: IncomingMessage, response: ServerResponse, seed: number): Promise<void> {
    const path = (incoming.url ?? '').split('?', 1)[0] ?? ''
    const shape = shapeOf(path, incoming)
    const asked = readAsked(await readBody(incoming), seed, outputTokens(seed))
    if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs))
    const outcome = outcomeOf({ method: incoming.method, path, shape, asked })
    if (response.destroyed || outcome === 'silence') return
    if ('status' in outcome) return refuse(response, outcome)
    if (outcome.isMetered) {
      meter.calls++
      meter.input += outcome.inputTokens
    }
    const delivery: Delivery = { response, shape, fault: outcome.fault, eventMs, onOutput: (tokens) => (meter.output += tokens) }
    if (outcome.made.kind === 'whole') sendWhole(delivery, outcome.made)
    else await sendEvents(delivery, outcome.made)
  }

  return {
    produced: () => ({ ...meter }),
    received: () => received,
    listen: async (port = 0) => {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
      const address = server.address()
      return { port: typeof address === 'object' && address !== null ? address.port : port }
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

interface Answered {
  readonly made: SimulatedAnswer
  readonly fault: ReturnType<typeof faultOf>
  readonly isMetered: boolean
  readonly inputTokens: number
}

interface Arrival {
  readonly method: string | undefined
  readonly path: string
  readonly shape: Shape
  /** Undefined where the body is no request. */
  readonly asked: Asked | undefined
}

function outcomeOf({ method, path, shape, asked }: Arrival): Answered | Refusal | 'silence' {
  if (method === 'GET' && path === '/v1/models') return free(models(shape))
  const endpoint = method === 'POST' ? ENDPOINTS[path] : undefined
  if (endpoint === undefined) return refusal(shape, 404, `simulated: no ${method} ${path}`)
  if (asked === undefined) return refusal(shape, 400, 'simulated: this is no request')
  if (path === COUNT_TOKENS) return free({ input_tokens: asked.inputTokens })
  const fault = faultOf(asked.model)
  if (fault === 'hang') return 'silence'
  return refusalOf(fault, shape, asked.isStream) ?? { made: endpoint(asked), fault, isMetered: true, inputTokens: asked.inputTokens }
}

const COUNT_TOKENS = '/v1/messages/count_tokens'

const ENDPOINTS: Readonly<Record<string, (asked: Asked) => SimulatedAnswer>> = {
  '/v1/chat/completions': chatAnswer,
  '/v1/completions': completionAnswer,
  '/v1/responses': responsesAnswer,
  '/v1/embeddings': embeddingsAnswer,
  '/v1/messages': messagesAnswer,
  [COUNT_TOKENS]: (asked) => ({ kind: 'whole', body: { input_tokens: asked.inputTokens }, outputTokens: 0 }),
}

function free(body: object): Answered {
  return { made: { kind: 'whole', body, outputTokens: 0 }, fault: undefined, isMetered: false, inputTokens: 0 }
}

function shapeOf(path: string, { headers }: IncomingMessage): Shape {
  return path.startsWith('/v1/messages') || headers['anthropic-version'] !== undefined ? 'anthropic' : 'openai'
}

function models(shape: Shape): object {
  if (shape === 'openai') return { object: 'list', data: [{ id: 'gpt-4o-mini', object: 'model', created: 1, owned_by: 'simulated' }] }
  const model = { id: 'claude-sonnet-4-5', type: 'model', display_name: 'Simulated', created_at: '2026-01-01T00:00:00Z' }
  return { data: [model], has_more: false, first_id: model.id, last_id: model.id }
}

function refuse(response: ServerResponse, { status, headers, text }: Refusal): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('error', reject)
    incoming.on('end', () => resolve(Buffer.concat(chunks).toString()))
  })
}

import { Agent } from 'undici'
import { answerJson, chatCompletion, startUpstream } from '../e2e/upstream.ts'
import { USED } from './hostile-provider.ts'

/*
 * A process of its own with honest callers and their provider, so that what is measured is the gateway and not whoever attacks it.
 * Its parent tells it where the gateway is, then names windows; after each it sends what that window was like.
 */

/** What the parent sends. */
export type Order = { readonly gateway: string; readonly key: string } | { readonly windowMs: number }

/** What the honest callers saw in one window. */
export interface Seen {
  readonly calls: number
  readonly streams: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** To the first byte of a stream. */
  readonly streamP99Ms: number
  readonly failures: readonly string[]
}

const CALLS_PER_SECOND = 50
const STREAMS_AT_ONCE = 10
const EVENTS = 20
const EVENT_GAP_MS = 25
const AT_ONCE_MAX = 200
const PATH = '/honest/v1/chat/completions'

const event = { id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'word ' }, finish_reason: null }] }
const usage = { choices: [], usage: { prompt_tokens: USED.input, completion_tokens: USED.output, total_tokens: USED.input + USED.output } }

const provider = await startUpstream(async ({ body }, response) => {
  if (!body.includes('"stream":true')) return answerJson(response, chatCompletion(USED))
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let i = 0; i < EVENTS && !response.destroyed; i++) {
    response.write(`data: ${JSON.stringify(event)}\n\n`)
    await wait(EVENT_GAP_MS)
  }
  response.write(`data: ${JSON.stringify(usage)}\n\ndata: [DONE]\n\n`)
  response.end()
})

const agent = new Agent({ connections: AT_ONCE_MAX, keepAliveTimeout: 30_000 })
let target = { gateway: '', key: '' }
let latencies: number[] = []
let firstBytes: number[] = []
let failures: string[] = []

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function ask(isStream: boolean): Promise<void> {
  const startedAt = performance.now()
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    max_tokens: 100,
    stream: isStream,
    messages: [{ role: 'user', content: 'How are you?' }],
  })
  const headers = { authorization: `Bearer ${target.key}`, 'content-type': 'application/json' }
  try {
    const answer = await agent.request({ origin: target.gateway, path: PATH, method: 'POST', headers, body })
    if (isStream) firstBytes.push(performance.now() - startedAt)
    const text = await answer.body.text()
    const isWhole = isStream ? text.endsWith('data: [DONE]\n\n') : text.includes('"usage"')
    if (answer.statusCode !== 200 || !isWhole) failures.push(`${answer.statusCode} ${text.slice(0, 200)}`)
  } catch (error) {
    failures.push(String(error))
  }
  if (!isStream) latencies.push(performance.now() - startedAt)
}

async function stream(isOver: () => boolean): Promise<void> {
  while (!isOver()) await ask(true)
}

async function measure(windowMs: number): Promise<Seen> {
  latencies = []
  firstBytes = []
  failures = []
  let isOver = false
  const open = new Set<Promise<void>>()
  const timer = setInterval(() => {
    if (open.size >= AT_ONCE_MAX) return void failures.push('200 calls wait for their answers')
    const call = ask(false).finally(() => open.delete(call))
    open.add(call)
  }, 1000 / CALLS_PER_SECOND)
  const streams = Array.from({ length: STREAMS_AT_ONCE }, () => stream(() => isOver))
  await wait(windowMs)
  isOver = true
  clearInterval(timer)
  await Promise.all([...open, ...streams])
  const of = (values: number[], share: number) =>
    Number((values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0).toFixed(2))
  return {
    calls: latencies.length,
    streams: firstBytes.length,
    p50Ms: of(latencies, 0.5),
    p99Ms: of(latencies, 0.99),
    streamP99Ms: of(firstBytes, 0.99),
    failures,
  }
}

process.on('message', (order: Order) => {
  if ('gateway' in order) target = order
  else void measure(order.windowMs).then((seen) => process.send?.(seen))
})
process.on('disconnect', () => process.exit(0))
process.send?.({ providerUrl: provider.url })

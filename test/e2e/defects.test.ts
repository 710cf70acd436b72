import { once } from 'node:events'
import { createServer, type IncomingMessage, request as httpRequest, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LedgerRecord } from '../../src/domain/record.ts'
import { createCallIds } from '../../src/engine/call-ids.ts'
import { Distrusts } from '../../src/engine/distrust.ts'
import { type Engine, startEngine } from '../../src/engine/engine.ts'
import { ExpectedOutput } from '../../src/engine/expected-output.ts'
import { InputMargins } from '../../src/engine/input-margins.ts'
import { hashSecret, KeyBook } from '../../src/engine/key-book.ts'
import { systemClock } from '../../src/engine/system-clock.ts'
import { Conversations } from '../../src/gateway/conversations.ts'
import { createPipeline } from '../../src/gateway/pipeline.ts'
import { createRouter } from '../../src/gateway/route.ts'
import { UnknownInputs } from '../../src/gateway/unknown-inputs.ts'
import { createUpstream } from '../../src/gateway/upstream.ts'
import { countableText, isAllText } from '../../src/providers/countable-text.ts'
import { apiShape, apiShapes } from '../../src/providers/registry.ts'
import { countTokens } from '../../src/providers/tokenizer.ts'
import { BodyReader } from '../../src/http/body.ts'
import { createMemoryCounters } from '../../src/stores/memory/counters.ts'
import { ObjectBook } from '../../src/engine/object-book.ts'
import { configOf, KEY, remove, tempDir, until } from './bursar.ts'
import { answerJson, answerSse, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/*
 * Every step of a call fails once: each function that the pipeline is given, and each that those return, throws at its first
 * call, at its second, and so on; what they promise is also kept first and rejected then. The process lives, the caller gets
 * an answer in the API's shape or a broken connection, no hold stays, and the next call is answered.
 */

const dir = tempDir()
let upstream: Upstream
let gateway: Server
let url: string
let engine: Engine
let counters: ReturnType<typeof createMemoryCounters>
const unhandled: unknown[] = []
const onUnhandled = (error: unknown) => void unhandled.push(error)

/** How many steps there were, and which of them fails. */
let steps = 0
let failsAt = 0

function step(): void {
  if (++steps === failsAt) throw new Error(`step ${steps} fails`)
}

const wrapped = new WeakMap<object, object>()

/** The functions of these hand on what may fail too. */
const GIVING: ReadonlySet<PropertyKey> = new Set(['route', 'shapeOf', 'readStream', 'stream'])
/** Members whose functions may fail too. */
const HOLDING: ReadonlySet<PropertyKey> = new Set(['endpoint', 'admission', 'shape', 'pool', 'stoppable'])
/** Nothing can be done where it is kept and seems not to be: who was let in would not know it. */
const KEPT: ReadonlySet<PropertyKey> = new Set(['admit'])

function failing<T extends object>(target: T): T {
  const known = wrapped.get(target)
  if (known !== undefined) return known as T
  const proxy = new Proxy(target, {
    get: (from, name) => {
      const value: unknown = Reflect.get(from, name, from)
      if (typeof value === 'function') return (...args: unknown[]) => failingCall(name, () => Reflect.apply(value, from, args) as unknown)
      return HOLDING.has(name) && typeof value === 'object' && value !== null ? failing(value) : value
    },
  })
  wrapped.set(target, proxy)
  return proxy
}

function failingCall(name: PropertyKey, call: () => unknown): unknown {
  step()
  const result = call()
  if (result instanceof Promise && !KEPT.has(name)) return result.then((value: unknown) => (step(), value))
  return GIVING.has(name) && typeof result === 'object' && result !== null ? failing(result) : result
}

function failingResponse(response: ServerResponse): ServerResponse {
  for (const name of ['writeHead', 'write'] as const) {
    const real = response[name].bind(response) as (...args: unknown[]) => unknown
    Object.assign(response, { [name]: (...args: unknown[]) => failingCall(name, () => real(...args)) })
  }
  return response
}

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled)
  process.on('uncaughtException', onUnhandled)
  upstream = await startUpstream((received, response) => {
    const body = JSON.parse(received.body || '{}') as { model?: string; stream?: boolean; requests?: unknown }
    const chunk = {
      id: 'c',
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta: { content: 'five words are in here '.repeat(20) } }],
    }
    const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
    if (body.requests !== undefined) return answerJson(response, '{"id":"batch-1"}')
    if (body.stream === true) return answerSse(response, [chunk, chunk, { ...chunk, choices: [], usage }, '[DONE]'])
    answerJson(response, chatCompletion({ input: 3, output: 4 }))
  })
  const config = configOf({ upstreamUrl: upstream.url, dir, budgets: '  - { id: global, limit: { tokens: 100k }, hard_cap: true }' })
  const records: LedgerRecord[] = []
  const journal = {
    append: async (more: readonly LedgerRecord[]) => void records.push(...more),
    appendOrFail: async (record: LedgerRecord) => void records.push(record),
    trouble: () => undefined,
  }
  const state = { budgets: [], accounts: [], holds: [], keys: [] }
  counters = createMemoryCounters({ journal, channelNames: [], onStoreDown: 'refuse', state })
  const ids = createCallIds(() => systemClock.now())
  const prices = { priceOf: () => undefined }
  engine = await startEngine(
    { counters, catalog: counters, journal, clock: systemClock, ids, prices, holdTtlMs: 60_000, onLost: 'charge' },
    config.budgets,
  )
  const key = { id: 'k', name: 'k', hash: hashSecret(KEY), hint: '', attributes: {}, allow: [], models: ['*'], createdAt: 0 }
  const providerApis = new Map(config.providers.map(({ name, api }) => [name, api]))
  const functions = failing({ countTokens, countableText, isAllText, outputMaxOf: () => 4000, isDraining: () => false })
  const handle = createPipeline({
    engine: failing(engine),
    keys: failing(new KeyBook([key])),
    objects: failing(new ObjectBook({ journal, ledger: { objects: async () => [], ownsObjects: async () => false }, clock: systemClock })),
    router: failing(createRouter(apiShapes, providerApis)),
    upstreams: config.providers.map((provider) => failing(createUpstream(provider, apiShape(provider.api)))),
    clock: failing(systemClock),
    bodies: failing(new BodyReader({ bytesMax: 1 << 20, bytesInFlightMax: 1 << 24 })),
    countTokens: functions.countTokens,
    countableText: functions.countableText,
    isAllText: functions.isAllText,
    outputMaxOf: functions.outputMaxOf,
    isDraining: functions.isDraining,
    expectedOutput: failing(new ExpectedOutput()),
    inputMargins: failing(new InputMargins()),
    conversations: failing(new Conversations()),
    unknownInputs: failing(new UnknownInputs()),
    distrusts: failing(
      new Distrusts({
        journal: { appendOrFail: async () => {}, append: async () => {}, trouble: () => undefined },
        ledger: { distrusts: async () => [] },
        clock: systemClock,
        ids: createCallIds(() => Date.now()),
      }),
    ),
    closing: new AbortController().signal,
    onHangUp: 'drain',
    events: failing({ refused: () => undefined, ended: () => undefined, defect: () => undefined }),
  })
  gateway = createServer((request: IncomingMessage, response) => {
    handle(request, failingResponse(response)).catch(() => response.destroy())
  }).listen(0, '127.0.0.1')
  await once(gateway, 'listening')
  url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
})

afterAll(async () => {
  process.off('unhandledRejection', onUnhandled)
  process.off('uncaughtException', onUnhandled)
  gateway.closeAllConnections()
  gateway.close()
  await upstream.close()
  remove(dir)
})

interface Answer {
  readonly status: number
  readonly body: string
}

/** Undefined: the connection broke. */
function ask(path: string, body: object | undefined, hangsUp: boolean): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
    const request = httpRequest(url + path, { method: body === undefined ? 'GET' : 'POST', headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (hangsUp) request.destroy()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      response.on('error', () => resolve(undefined))
    })
    request.on('error', () => resolve(undefined))
    request.setTimeout(5000, () => reject(new Error(`no answer after step ${failsAt}`)))
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

const messages = [{ role: 'user', content: 'x' }]
const batch = { requests: [{ custom_id: 'a', params: { model: 'claude-x', max_tokens: 10, messages } }] }

test.each<[string, string, object | undefined, { hangsUp?: boolean }]>([
  ['a whole answer', '/v1/chat/completions', { model: 'm', max_tokens: 50, messages }, {}],
  ['a stream with a hidden chunk', '/v1/chat/completions', { model: 'o3', max_tokens: 50, stream: true, messages }, {}],
  ['a guarded stream', '/v1/chat/completions', { model: 'gpt-4o', stream: true, messages }, {}],
  ['a stream whose caller hangs up', '/v1/chat/completions', { model: 'o3', max_tokens: 50, stream: true, messages }, { hangsUp: true }],
  ['a free path', '/v1/models', undefined, {}],
  ['a batch', '/v1/messages/batches', batch, {}],
  ['a request that is refused', '/v1/chat/completions', { model: 'm', max_tokens: 'many', messages }, {}],
])('%s: whichever step fails, the rest goes on', async (_, path, body, { hangsUp = false }) => {
  failsAt = 0
  steps = 0
  await ask(path, body, hangsUp)
  await until(() => engine.callsInFlight() === 0)
  const all = steps
  expect(all).toBeGreaterThan(3)
  for (let at = 1; at <= all; at++) {
    steps = 0
    failsAt = at
    const answer = await ask(path, body, hangsUp)
    await until(() => engine.callsInFlight() === 0)
    failsAt = 0
    if (answer !== undefined && answer.status >= 400) expect(JSON.parse(answer.body), `step ${at}`).toHaveProperty('error')
    expect(unhandled, `step ${at}`).toEqual([])
  }
  // What a provider works on at holds what it may use.
  expect((await counters.holds()).filter(({ job }) => job === undefined)).toEqual([])
  expect((await ask('/v1/chat/completions', { model: 'm', max_tokens: 50, messages }, false))?.status).toBe(200)
}, 60_000) // prettier-ignore

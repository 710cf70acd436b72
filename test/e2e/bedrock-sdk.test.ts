import {
  AccessDeniedException,
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  ThrottlingException,
  ValidationException,
} from '@aws-sdk/client-bedrock-runtime'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { isSignedWith } from './aws-signature.ts'
import { KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, type Received, startUpstream, type Upstream } from './upstream.ts'

/** AWS's own SDK, unmodified but for endpoint, token and a client for HTTP/1.1. */

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const CLAUDE = 'us.anthropic.claude-haiku-4-5-20251001-v1:0'
const PROFILE = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123'
const dir = tempDir()
let upstream: Upstream
let bursar: App
let client: BedrockRuntimeClient

beforeAll(async () => {
  upstream = await startUpstream(answerAsBedrock)
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    providers: `  aws: { api: bedrock, base_url: "${upstream.url}", region: us-east-1, access_key_id: AKIDEXAMPLE, secret_access_key: "${SECRET}" }
  aws-key: { api: bedrock, base_url: "${upstream.url}", api_key: bedrock-api-key }`,
    budgets: `  - { id: global, name: Global Cap, limit: { tokens: 10M }, hard_cap: true }
  - { id: "user:broke", name: Nothing left, limit: { tokens: 0 }, hard_cap: true }
  - { id: "user:low", name: Nearly nothing left, limit: { tokens: 400 }, hard_cap: true }`,
  })
  client = createClient()
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

function createClient(more: BedrockRuntimeClientConfig & { readonly user?: string } = {}): BedrockRuntimeClient {
  const { user, ...config } = more
  const made = new BedrockRuntimeClient({
    region: 'eu-west-1',
    endpoint: bursar.url,
    token: { token: KEY },
    authSchemePreference: ['httpBearerAuth'],
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 1,
    ...config,
  })
  if (user !== undefined) addHeaders(made, { 'x-bursar-user': user })
  return made
}

function addHeaders(made: BedrockRuntimeClient, headers: Readonly<Record<string, string>>): void {
  const add = (args: { request: unknown }) => Object.assign((args.request as { headers: Record<string, string> }).headers, headers)
  made.middlewareStack.add(
    (next) => (args) => {
      add(args)
      return next(args)
    },
    { step: 'build' },
  )
}

const codec = new EventStreamCodec(toUtf8, fromUtf8)

function eventOf(name: string, payload: unknown, kind: 'event' | 'exception' = 'event'): Buffer {
  const headers = {
    [kind === 'event' ? ':event-type' : ':exception-type']: { type: 'string' as const, value: name },
    ':content-type': { type: 'string' as const, value: 'application/json' },
    ':message-type': { type: 'string' as const, value: kind },
  }
  return Buffer.from(codec.encode({ headers, body: Buffer.from(JSON.stringify(payload)) }))
}

const CONVERSE_USAGE = { inputTokens: 10, outputTokens: 20, cacheReadInputTokens: 30, cacheWriteInputTokens: 5, totalTokens: 65 }
const CONVERSE_EVENTS = [
  eventOf('messageStart', { role: 'assistant' }),
  eventOf('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Budgets are' } }),
  eventOf('contentBlockDelta', { contentBlockIndex: 0, delta: { text: ' kind.' } }),
  eventOf('contentBlockStop', { contentBlockIndex: 0 }),
  eventOf('messageStop', { stopReason: 'end_turn' }),
]
const METADATA = eventOf('metadata', { usage: CONVERSE_USAGE, metrics: { latencyMs: 1 } })
const MESSAGE_EVENTS = [
  { type: 'message_start', message: { role: 'assistant', content: [], usage: { input_tokens: 7, output_tokens: 1 } } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } },
  { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 7, outputTokenCount: 9 } },
]

async function answerAsBedrock(request: Received, response: ServerResponse): Promise<void> {
  const [, , model = '', action] = request.path.split('/')
  const isProven =
    request.headers.authorization === 'Bearer bedrock-api-key' || isSignedWith(SECRET, { ...request, body: Buffer.from(request.body) })
  if (!isProven) return answerJson(response, '{"message":"The request signature we calculated does not match."}', 403)
  if (action === 'converse') return answerJson(response, converseAnswer())
  if (action === 'count-tokens') return answerJson(response, '{"inputTokens":11}')
  if (action === 'invoke') return answerInvoke(response)
  const chunks = MESSAGE_EVENTS.map((event) => eventOf('chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64') }))
  const failing = [...CONVERSE_EVENTS.slice(0, 2), eventOf('throttlingException', { message: 'slow down' }, 'exception')]
  const events = action === 'invoke-with-response-stream' ? chunks : model.startsWith('meta.') ? failing : [...CONVERSE_EVENTS, METADATA]
  await answerEvents(response, Buffer.concat(events))
}

function converseAnswer(): string {
  const message = { role: 'assistant', content: [{ text: 'Budgets are kind.' }] }
  return JSON.stringify({ output: { message }, stopReason: 'end_turn', usage: CONVERSE_USAGE, metrics: { latencyMs: 1 } })
}

/** Mistral's answers say nothing of their use: it is in the headers. */
function answerInvoke(response: ServerResponse): void {
  response.setHeader('x-amzn-bedrock-input-token-count', '6')
  response.setHeader('x-amzn-bedrock-output-token-count', '11')
  answerJson(response, '{"outputs":[{"text":" kind","stop_reason":"stop"}]}')
}

/** In pieces that end in the middle of messages. */
async function answerEvents(response: ServerResponse, bytes: Buffer): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
  for (let at = 0; at < bytes.length; at += 97) {
    response.write(bytes.subarray(at, at + 97))
    await new Promise((resolve) => setImmediate(resolve))
  }
  response.end()
}

const messages = [{ role: 'user' as const, content: [{ text: 'Say something nice about budgets.' }] }]

/** What the ledger's counters grew by while `run` ran. */
async function charged(run: () => Promise<unknown>): Promise<number> {
  const before = await statusOf(bursar.url, 'global')
  await run()
  await expect.poll(() => bursar.engine.callsInFlight()).toBe(0)
  return (await statusOf(bursar.url, 'global')).used - before.used
}

const lastReceived = (): Received => upstream.received.at(-1) ?? expect.fail('nothing was received')

test('Converse: input, cached input and output are charged; the provider gets a signature that it can verify, and no key', async () => {
  const used = await charged(async () => {
    const answer = await client.send(new ConverseCommand({ modelId: CLAUDE, messages, inferenceConfig: { maxTokens: 100 } }))
    expect(answer.output?.message?.content?.[0]?.text).toBe('Budgets are kind.')
    expect(answer.usage).toMatchObject(CONVERSE_USAGE)
  })
  expect(used).toBe(65)
  const { path, headers, body } = lastReceived()
  expect(path).toBe(`/model/${encodeURIComponent(CLAUDE)}/converse`)
  expect(JSON.parse(body)).toEqual({ messages, inferenceConfig: { maxTokens: 100 } })
  expect(headers.authorization).toContain('/us-east-1/bedrock/aws4_request')
  expect(Object.keys(headers).filter((name) => name.startsWith('amz-sdk-'))).toEqual([])
  expect(JSON.stringify(headers)).not.toContain(KEY)
})

test('ConverseStream: every event arrives, and the usage of the last one is charged', async () => {
  const used = await charged(async () => {
    const { stream } = await client.send(new ConverseStreamCommand({ modelId: CLAUDE, messages }))
    let text = ''
    let usage: unknown
    for await (const event of stream ?? []) {
      text += event.contentBlockDelta?.delta?.text ?? ''
      usage = event.metadata?.usage ?? usage
    }
    expect(text).toBe('Budgets are kind.')
    expect(usage).toMatchObject(CONVERSE_USAGE)
  })
  expect(used).toBe(65)
})

test('ConverseStream: an exception inside the stream reaches the client as its typed error, and what was produced is charged', async () => {
  const read = async () => {
    const { stream } = await client.send(new ConverseStreamCommand({ modelId: 'meta.llama3-1-8b-instruct-v1:0', messages }))
    for await (const _ of stream ?? []);
  }
  const used = await charged(() => expect(read()).rejects.toBeInstanceOf(ThrottlingException))
  expect(used).toBeGreaterThan(0)
})

test('InvokeModel: usage that is only in headers is charged; the model may be an ARN', async () => {
  const body = JSON.stringify({ prompt: 'Hi', max_tokens: 50 })
  const used = await charged(async () => {
    const answer = await client.send(new InvokeModelCommand({ modelId: PROFILE, body, contentType: 'application/json' }))
    expect(answer.body.transformToString()).toContain(' kind')
  })
  expect(used).toBe(17)
  expect(lastReceived().path).toBe(`/model/${encodeURIComponent(PROFILE)}/invoke`)
  expect(lastReceived().body).toBe(body)
})

test('InvokeModelWithResponseStream: the chunks arrive as they were sent, and their usage is charged', async () => {
  const request = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 50, messages: [{ role: 'user', content: 'Hi' }] }
  const used = await charged(async () => {
    const { body } = await client.send(new InvokeModelWithResponseStreamCommand({ modelId: CLAUDE, body: JSON.stringify(request) }))
    const events: unknown[] = []
    for await (const { chunk } of body ?? []) events.push(JSON.parse(Buffer.from(chunk?.bytes ?? []).toString()))
    expect(events).toEqual(MESSAGE_EVENTS)
  })
  expect(used).toBe(16)
})

test('counting tokens is free', async () => {
  const used = await charged(async () => {
    const answer = await client.send(new CountTokensCommand({ modelId: CLAUDE, input: { converse: { messages } } }))
    expect(answer.inputTokens).toBe(11)
  })
  expect(used).toBe(0)
})

test('a provider with an API key gets it as a bearer token; the path may name the provider', async () => {
  const named = createClient({ endpoint: `${bursar.url}/aws-key` })
  await named.send(new ConverseCommand({ modelId: CLAUDE, messages }))
  expect(lastReceived().headers.authorization).toBe('Bearer bedrock-api-key')
})

test('a client that signs for itself sends its key in x-api-key; its signature does not reach the provider', async () => {
  const signing = createClient({ authSchemePreference: ['aws.auth#sigv4'], credentials: { accessKeyId: 'client', secretAccessKey: 'x' } })
  addHeaders(signing, { 'x-api-key': KEY })
  await signing.send(new ConverseCommand({ modelId: CLAUDE, messages }))
  expect(lastReceived().headers.authorization).toContain('Credential=AKIDEXAMPLE/')
})

test('near the cap the maximum is set where the model reads it', async () => {
  const low = createClient({ user: 'low' })
  await low.send(new ConverseCommand({ modelId: CLAUDE, messages, inferenceConfig: { temperature: 0 } }))
  const { maxTokens, temperature } = (JSON.parse(lastReceived().body) as { inferenceConfig: Record<string, number> }).inferenceConfig
  expect(maxTokens).toBeLessThan(400)
  expect(temperature).toBe(0)
})

test('a refusal is a ThrottlingException that says which budget', async () => {
  const broke = createClient({ user: 'broke' })
  const before = upstream.received.length
  const error = await broke.send(new ConverseCommand({ modelId: CLAUDE, messages })).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ThrottlingException)
  expect(error).toMatchObject({
    message: expect.stringContaining('Nothing left') as string,
    $metadata: { httpStatusCode: 429, attempts: 1 },
  })
  expect(upstream.received.length).toBe(before)
})

test('other refusals are typed too', async () => {
  const unknown = createClient({ token: { token: 'bsr_unknown' } })
  await expect(unknown.send(new ConverseCommand({ modelId: CLAUDE, messages }))).rejects.toBeInstanceOf(AccessDeniedException)
  const twice = new InvokeModelCommand({ modelId: CLAUDE, body: '{"max_tokens":1,"max_tokens":90000,"messages":[]}' })
  await expect(client.send(twice)).rejects.toBeInstanceOf(ValidationException)
})

import zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { createRandom } from '../simulation/random.ts'
import { SHAPES } from './fields.ts'
import { jsonText, object, oddStyle } from './json-text.ts'
import { chargeViolations, type Sent } from './judge.ts'
import type { LedgerCall } from './ledger-calls.ts'
import { asJson, COERCIONS } from './provider/coercion.ts'
import { servedAt } from './provider/paths.ts'
import type { Bill } from './provider/provider.ts'
import { readAsProvider } from './provider/reading.ts'
import { indexOfTrace, makeRequest, MUTATIONS } from './request.ts'

const INDEXES = Array.from({ length: 3000 }, (_, index) => index)
const textOf = ({ head, body }: { head: string; body: Buffer }) => head + body.toString('latin1')

describe('the grammar', () => {
  test('a request follows from its seed and index alone', () => {
    const first = INDEXES.slice(0, 300).map((index) => textOf(makeRequest({ seed: 5, index })))
    const backwards = INDEXES.slice(0, 300)
      .toReversed()
      .map((index) => textOf(makeRequest({ seed: 5, index })))
    expect(backwards.toReversed()).toEqual(first)
    expect(new Set(first).size).toBe(300)
  })

  test('every mutation and every kind of answer comes up', () => {
    const made = INDEXES.map((index) => makeRequest({ seed: 1, index }))
    const seen = new Set(made.flatMap(({ mutations }) => mutations))
    expect(MUTATIONS.filter(({ name, share }) => share > 0.002 && !seen.has(name))).toEqual([])
    expect(new Set(made.map(({ answer }) => answer))).toEqual(new Set(SHAPES.map(({ answer }) => answer)))
  })

  test('a mutation that is skipped leaves the others as they were', () => {
    const skip = new Set(['encoded'])
    const ofBytes = new Set(MUTATIONS.filter(({ stage }) => stage === 'bytes').map(({ name }) => name))
    const isAlone = (mutations: readonly string[]) => mutations.filter((name) => ofBytes.has(name)).join(' ') === 'encoded'
    const both = INDEXES.map((index) => [makeRequest({ seed: 1, index }), makeRequest({ seed: 1, index, skip })] as const)
    const compared = both.filter(([whole]) => isAlone(whole.mutations) && / gzip\r\n/.test(whole.head))
    expect(compared.length).toBeGreaterThan(2)
    expect(compared.map(([{ mutations }]) => mutations.filter((name) => name !== 'encoded'))).toEqual(
      compared.map(([, { mutations }]) => mutations),
    )
    expect(compared.map(([{ body }]) => zlib.gunzipSync(body))).toEqual(compared.map(([, { body }]) => body))
  })

  test('a request without mutations has a body that is what its head says', () => {
    const plain = INDEXES.map((index) => makeRequest({ seed: 2, index })).filter(({ isPlain, method }) => isPlain && method === 'POST')
    expect(plain.length).toBeGreaterThan(500)
    const wrong = plain.filter(({ head, body }) => head.includes('application/json') && asJson(JSON.parse(body.toString())) === undefined)
    expect(wrong).toEqual([])
  })

  test('however a text is written, it means the same', () => {
    const tree = object({ model: 'gpt-5', messages: [object({ content: 'Zürich "x" \\ \n', 'a b': [1, null, true] })] })
    const random = createRandom(7)
    const written = Array.from({ length: 100 }, () => jsonText(tree, oddStyle(random)))
    expect(new Set(written).size).toBeGreaterThan(50)
    for (const text of written) expect(JSON.parse(text)).toEqual(JSON.parse(jsonText(tree)))
  })

  test('the mark of a request is read from its trace, and no other trace is taken for one', () => {
    const traces = INDEXES.map((index) => /^traceparent: (.+)$/m.exec(makeRequest({ seed: 1, index }).head)?.[1])
    expect(traces.map(indexOfTrace)).toEqual(INDEXES)
    expect(indexOfTrace('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')).toBeUndefined()
  })
})

const request = { dialect: 'openai', answer: 'chat', path: '/v1/chat/completions', query: new URLSearchParams(), headers: {} } as const
const reading = (body: string, more: object = {}) => readAsProvider({ ...request, body: Buffer.from(body), ...more })

describe('a provider reads a request as its server does', () => {
  test.each([
    ['vllm', '{"model":"m","stream":"on","max_tokens":"7"}', { isStream: true, isUsageShown: false, outputMax: 7 }],
    ['vllm', '{"model":"m","stream":1,"stream_options":{"include_usage":"true"},"max_tokens":5.0}', { isUsageShown: true, outputMax: 5 }],
    ['llama', '{"model":"m","max_tokens":1,"n_predict":40000}', { outputMax: 40_000 }],
    ['llama', '{"model":"m","max_tokens":-1}', { outputMax: undefined }],
    ['llama', '{"model":"m","stream":"true","max_tokens":"9"}', { isStream: false, outputMax: undefined }],
    ['relay', '{"model":"m","stream":false,"\u017ftream":true,"max_tokens":1,"MAX_TOKEN\u017f":900}', { isStream: true, outputMax: 900 }],
    ['router', '{"model":"m","stream":"no","max_tokens":"12"}', { isStream: true, outputMax: 12 }],
    ['router', '{"model":"cheap","models":["dear"]}', { models: ['cheap', 'dear'] }],
    ['openai', '{"model":"a","model":"b","max_tokens":3}', { models: ['b'], outputMax: 3 }],
  ] as const)('%s: %s', async (dialect, body, expected) => {
    expect(await reading(body, { dialect })).toMatchObject(expected)
  })

  test.each([
    ['{"options":{"num_predict":0}}', undefined],
    ['{"options":{"num_predict":-1}}', undefined],
    ['{"options":{"num_predict":5},"OPTIONS":{"num_predict":90}}', 90],
    ['{"options":{"num_predict":5}}', 5],
  ])('ollama: %s', async (body, outputMax) => {
    expect(await reading(body, { dialect: 'ollama', answer: 'ollamaChat', path: '/ollama/api/chat' })).toMatchObject({
      isStream: true,
      outputMax,
    })
  })

  test('gemini: both spellings, numbers as text, and fields that leave the usage out', async () => {
    const at = { dialect: 'gemini', answer: 'gemini', path: '/gemini/v1beta/models/gemini-2.5-flash:generateContent' } as const
    const body = '{"generation_config":{"max_output_tokens":"77"}}'
    expect(await reading(body, at)).toMatchObject({ outputMax: 77, isUsageShown: true, models: ['gemini-2.5-flash'] })
    expect(await reading(body, { ...at, query: new URLSearchParams('$fields=candidates') })).toMatchObject({ isUsageShown: false })
    expect(await reading(body, { ...at, headers: { 'x-goog-fieldmask': 'candidates' } })).toMatchObject({ isUsageShown: false })
  })

  test('a form as undici reads it, an encoded body as it is decoded', async () => {
    const model = '--B\r\nContent-Disposition: form-data; name="z"; name="model"\r\n\r\ndear\r\n'
    const form = `${model}--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--B--\r\n`
    const headers = { 'content-type': 'multipart/form-data; boundary=B' }
    expect(await reading(form, { answer: 'transcription', headers })).toMatchObject({ models: ['dear'] })
    await expect(reading(`${model}--B--\r\n`, { answer: 'transcription', headers })).rejects.toThrow('file')
    const body = zlib.zstdCompressSync(Buffer.from('{"model":"m","max_tokens":4}'))
    expect(await reading('', { body, headers: { 'content-encoding': 'zstd' } })).toMatchObject({ outputMax: 4 })
  })

  test('every kind of dialect has its reader', () => {
    for (const { dialects } of SHAPES) for (const dialect of dialects) expect(COERCIONS[dialect]).toBeDefined()
  })
})

test.each([
  '/v1/files/..%2f..%2fadmin',
  '/v1/responses/%2e%2e',
  '/v1//chat/completions',
  '/v1/files/a%5c..%5cb',
  '/v1/files/a%00',
  '/v1/admin/keys',
])('no provider serves %s', (path) => expect(servedAt('GET', path)).toBeUndefined())

describe('the judge', () => {
  const sent: Sent = {
    request: { index: 1, key: 'main', user: 'u1', isPlain: true, wire: { kind: 'plain' }, mutations: [] },
    outcome: { status: 200, callId: 'call_1', text: '', end: 'answered' },
  }
  const bill: Bill = {
    index: 1,
    dialect: 'openai',
    answer: 'chat',
    model: 'm',
    used: { input: 10, output: 20 },
    end: 'reported',
    isFault: false,
    isShown: false,
  }
  const call: LedgerCall = {
    id: 'call_1', admittedAt: 1, user: 'u1', team: 'research', key: 'main', model: 'm', endpoint: 'openai.chat', ending: 'done', usageKind: 'reported',
    input: 10, output: 20, overrun: 0,
  } // prettier-ignore
  const judged = (bills: readonly Bill[], calls: readonly LedgerCall[], one = sent) =>
    chargeViolations([one], bills, calls).map(({ what }) => what)

  test('finds nothing where each call was charged what it used', () => {
    expect(judged([bill], [call])).toEqual([])
    expect(judged([{ ...bill, end: 'unreported' }], [{ ...call, output: 0 }])).toEqual([])
  })

  test.each([
    ['too little output', [bill], [{ ...call, output: 19 }], /used 10 \+ 20/],
    ['no record', [bill], [], /not in the ledger/],
    ['an overrun without a fault', [bill], [{ ...call, overrun: 1 }], /more was used than was held/],
    ['another user', [bill], [{ ...call, user: 'u2' }], /counted for the user/],
    ['another team', [bill], [{ ...call, team: 'sales' }], /counted for sales/],
  ] as const)('finds %s', (_, bills, calls, expected) => {
    expect(judged(bills, calls)).toEqual([expect.stringMatching(expected)])
  })

  test('finds the calls of callers that hung up by their user, and what is missing of them', () => {
    const gone: Sent = { ...sent, outcome: { text: '', end: 'hung up' } }
    expect(judged([bill], [call], gone)).toEqual([])
    expect(judged([bill], [{ ...call, output: 1 }], gone)).toEqual([expect.stringMatching(/hung up .* used 30, charged 11/)])
    expect(judged([bill], [], gone)).toHaveLength(2)
  })
})

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { remove, startInProcess, tempDir, until } from './bursar.ts'
import { answerJson, answerSse, type Received, startUpstream } from './upstream.ts'

const KEYS = { mia: 'bsr_mia_of_hr_0123456789', max: 'bsr_max_of_hr_0123456789', own: 'bsr_own_of_hr_0123456789', lab: 'bsr_ann_of_lab_012345678', ops: 'bsr_ops_all_0123456789012' } as const // prettier-ignore
type Name = keyof typeof KEYS

const LINE = JSON.stringify({
  custom_id: '1',
  method: 'POST',
  url: '/v1/responses',
  body: { model: 'gpt-5-mini', input: 'x', max_output_tokens: 16 },
})
const dir = tempDir()
let count = 0
let lines = LINE
let pages: readonly (readonly string[])[] = []
let upstream: Awaited<ReturnType<typeof startUpstream>>
let bursar: Awaited<ReturnType<typeof startInProcess>>

function answerOf({ method, path, body }: Received): unknown {
  const [plain = '', query = ''] = path.split('?')
  if (method === 'POST' && plain === '/v1/files') return { id: `file-${++count}`, object: 'file' }
  if (method === 'POST' && plain === '/v1/batches') return batch(`batch_${++count}`, 'validating')
  if (plain === '/v1/responses') return response(JSON.parse(body))
  if (plain.endsWith('/content')) return lines
  if (plain.startsWith('/v1/batches/')) return batch(plain.split('/')[3] ?? '', 'completed')
  if (plain === '/v1/files') return page(new URLSearchParams(query).get('after'))
  return { id: plain.split('/')[3], object: 'thing' }
}

function batch(id: string, status: string) {
  const files = status === 'completed' ? { output_file_id: `${id}-out`, error_file_id: `${id}-err` } : {}
  return { id, object: 'batch', endpoint: '/v1/responses', input_file_id: 'file-x', status, ...files }
}

function response(request: { store?: boolean }) {
  const id = ++count
  const output = [{ type: 'message', id: `msg_${id}`, content: [{ type: 'output_text', text: 'ok' }] }]
  return { id: `resp_${id}`, object: 'response', status: 'completed', store: request.store ?? true, output, usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 } } // prettier-ignore
}

function page(after: string | null) {
  const nr = after === null ? 0 : pages.findIndex((ids) => ids.at(-1) === after) + 1
  const ids = pages[nr] ?? []
  return { object: 'list', data: ids.map((id) => ({ id })), first_id: ids[0], last_id: ids.at(-1), has_more: nr < pages.length - 1 }
}

beforeAll(async () => {
  upstream = await startUpstream((request, reply) => {
    const found = answerOf(request)
    if (request.body.includes('"stream":true')) answerSse(reply, [{ type: 'response.completed', response: found }])
    else answerJson(reply, typeof found === 'string' ? found : JSON.stringify(found))
  })
  bursar = await start()
})

function start() {
  return startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: '  - { id: global, limit: { tokens: 1000M }, hard_cap: true }',
    keys: `  - { name: mia, secret: ${KEYS.mia}, team: hr }
  - { name: max, secret: ${KEYS.max}, team: hr }
  - { name: own, secret: ${KEYS.own}, team: hr, objects: own }
  - { name: lab, secret: ${KEYS.lab}, team: lab }
  - { name: ops, secret: ${KEYS.ops}, objects: all }`,
  })
}

beforeEach(() => {
  lines = LINE
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

async function call(who: Name, method: string, path: string, body?: unknown) {
  const reply = await fetch(bursar.url + path, {
    method,
    headers: { authorization: `Bearer ${KEYS[who]}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await reply.text()
  return { status: reply.status, text, id: /"id":"([^"]+)"/.exec(text)?.[1] ?? '' }
}

async function statuses(who: Name, calls: readonly (readonly [method: string, path: string])[]): Promise<readonly number[]> {
  return Promise.all(calls.map(async ([method, path]) => (await call(who, method, path)).status))
}

const respond = (who: Name, more = {}) =>
  call(who, 'POST', '/v1/responses', { model: 'gpt-5-mini', input: 'x', max_output_tokens: 16, ...more })

describe('a file, a batch and a stored response', () => {
  test('are for the team whose key made them, and whoever has the right to all', async () => {
    const file = await call('mia', 'POST', '/v1/files', {})
    const { id: sent } = await call('mia', 'POST', '/v1/batches', { input_file_id: file.id, endpoint: '/v1/responses' })
    const { id: answered } = await respond('mia')
    const paths = [
      ['GET', `/v1/files/${file.id}`],
      ['GET', `/v1/files/${file.id}/content`],
      ['GET', `/v1/batches/${sent}`],
      ['POST', `/v1/batches/${sent}/cancel`],
      ['GET', `/v1/responses/${answered}`],
      ['POST', `/v1/responses/${answered}/cancel`],
      ['DELETE', `/v1/responses/${answered}`],
      ['DELETE', `/v1/files/${file.id}`],
    ] as const
    const before = upstream.received.length
    expect(new Set([...(await statuses('lab', paths)), ...(await statuses('own', paths))])).toEqual(new Set([404]))
    expect(upstream.received.length).toBe(before)
    for (const who of ['mia', 'max', 'ops'] as const) expect(new Set(await statuses(who, paths)), who).toEqual(new Set([200]))
  })

  test('can’t be named in a request by others', async () => {
    const file = await call('mia', 'POST', '/v1/files', {})
    const { id, text } = await respond('mia', { stream: true })
    const item = /msg_\d+/.exec(text)?.[0]
    const requests = [
      { previous_response_id: id },
      { input: [{ type: 'item_reference', id: item }] },
      { input: [{ id: item }] },
      { input: [{ type: 'reasoning', id: item, summary: [] }] },
      { input: [{ role: 'user', content: [{ type: 'input_file', file_id: file.id }] }] },
      { tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: [file.id] } }] },
    ]
    for (const more of requests) {
      const before = upstream.received.length
      expect((await respond('lab', more)).status, JSON.stringify(more)).toBe(404)
      expect(upstream.received.length).toBe(before)
      expect((await respond('max', more)).status, JSON.stringify(more)).toBe(200)
    }
    expect((await respond('mia', { conversation: 'conv_made_elsewhere' })).status).toBe(404)
    expect((await respond('ops', { conversation: { id: 'conv_made_elsewhere' } })).status).toBe(200)
    expect((await call('lab', 'POST', '/v1/responses/input_tokens', { model: 'gpt-5-mini', previous_response_id: id })).status).toBe(404)
  })

  test('nor in a batch, in its lines either', async () => {
    const file = await call('mia', 'POST', '/v1/files', {})
    const { id } = await respond('mia')
    expect((await call('lab', 'POST', '/v1/batches', { input_file_id: file.id, endpoint: '/v1/responses' })).status).toBe(404)
    const own = await call('lab', 'POST', '/v1/files', {})
    lines = JSON.stringify({ body: { model: 'gpt-5-mini', input: 'x', max_output_tokens: 16, previous_response_id: id } })
    const before = upstream.received.filter(({ path }) => path === '/v1/batches').length
    expect((await call('lab', 'POST', '/v1/batches', { input_file_id: own.id, endpoint: '/v1/responses' })).status).toBe(404)
    expect(upstream.received.filter(({ path }) => path === '/v1/batches').length).toBe(before)
  })

  test('the files of a batch’s results are its submitter’s, learnt from its status or by Bursar itself', async () => {
    const file = await call('mia', 'POST', '/v1/files', {})
    const { id } = await call('mia', 'POST', '/v1/batches', { input_file_id: file.id, endpoint: '/v1/responses' })
    await until(async () => (await call('max', 'GET', `/v1/files/${id}-out/content`)).status === 200)
    expect((await call('lab', 'GET', `/v1/files/${id}-out/content`)).status).toBe(404)
    expect((await call('lab', 'GET', `/v1/files/${id}-err/content`)).status).toBe(404)
  })

  test('an answer that is not stored has no owner, and one that Bursar did not see is for whoever may reach all', async () => {
    const { id } = await respond('mia', { store: false })
    expect((await call('mia', 'GET', `/v1/responses/${id}`)).status).toBe(404)
    expect((await call('ops', 'GET', `/v1/responses/${id}`)).status).toBe(200)
    expect((await call('ops', 'GET', '/v1/files/file-made-elsewhere')).status).toBe(200)
    expect((await call('mia', 'GET', '/v1/files/file-made-elsewhere')).status).toBe(404)
  })
})

describe('a list', () => {
  test('shows what the key may reach, and goes on to the next page where one has nothing of it', async () => {
    const [one, two] = [await call('mia', 'POST', '/v1/files', {}), await call('lab', 'POST', '/v1/files', {})]
    pages = [
      ['file-a', 'file-b'],
      [two.id, 'file-c'],
      [one.id, 'file-d'],
    ]
    const listed = async (who: Name) => JSON.parse((await call(who, 'GET', '/v1/files?limit=2&purpose=batch')).text) as unknown
    expect(await listed('lab')).toEqual({ object: 'list', data: [{ id: two.id }], first_id: two.id, last_id: two.id, has_more: true })
    expect(await listed('mia')).toEqual({ object: 'list', data: [{ id: one.id }], first_id: one.id, last_id: one.id, has_more: false })
    expect(upstream.received.at(-1)?.path).toBe('/v1/files?limit=2&purpose=batch&after=file-c')
    expect(await listed('ops')).toMatchObject({ data: [{ id: 'file-a' }, { id: 'file-b' }] })
    pages = [['file-a']]
    expect(await listed('mia')).toMatchObject({ data: [], has_more: false })
  })

  test('is empty for a key that has made nothing, without asking the provider', async () => {
    const before = upstream.received.length
    expect(JSON.parse((await call('own', 'GET', '/v1/files')).text)).toMatchObject({ data: [], has_more: false })
    expect(upstream.received.length).toBe(before)
  })
})

test('owners are known after a restart', async () => {
  const file = await call('mia', 'POST', '/v1/files', {})
  await bursar.close()
  bursar = await start()
  expect((await call('max', 'GET', `/v1/files/${file.id}`)).status).toBe(200)
  expect((await call('lab', 'GET', `/v1/files/${file.id}`)).status).toBe(404)
})

import { readFileSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, test } from 'vitest'
import { periodAt } from '../../domain/budgets/period.ts'
import { sampleAlert } from '../sample-alert.ts'
import { type Answer, channelContract } from './channel.contract.ts'
import { type HttpReceiver, startHttpReceiver } from './http-receiver.ts'
import { createWebhookChannel, webhookId } from './webhook.ts'

const REFERENCE = readFileSync(new URL('../../../docs/reference/alerts.md', import.meta.url), 'utf8')
const SECRET = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`
const STATUS: Readonly<Record<Exclude<Answer, 'silent'>, number>> = { accept: 204, temporary: 500, permanent: 410 }

channelContract('webhook', {
  advice: 'alerts.channels.ops',
  secrets: ['s3cret-path', SECRET],
  createChannel: (port, timeoutMs = 5000) =>
    createWebhookChannel({ name: 'ops', url: `http://127.0.0.1:${port}/s3cret-path`, secret: SECRET, allowPrivateUrls: true, timeoutMs }),
  startReceiver: async (answers, port) => {
    const receiver = await startHttpReceiver((response, index) => {
      const answer = answers[index] ?? 'accept'
      if (answer !== 'silent') response.writeHead(STATUS[answer]).end(answer === 'accept' ? undefined : 'Cannot POST /s3cret-path')
    }, port)
    return {
      port: receiver.port,
      close: receiver.close,
      received: () => receiver.requests.map(({ headers, body }) => ({ id: String(headers['webhook-id']), content: body })),
    }
  },
})

describe('a webhook delivery', () => {
  let receiver: HttpReceiver | undefined
  afterEach(async () => {
    await receiver?.close()
    receiver = undefined
  })
  const deliver = async (alert = sampleAlert(), options: { secret?: string; url?: string } = {}, status = 200, headers = {}) => {
    receiver = await startHttpReceiver((response) => response.writeHead(status, headers).end('said'))
    const url = options.url ?? `http://127.0.0.1:${receiver.port}/hook`
    const channel = createWebhookChannel({ name: 'ops', allowPrivateUrls: true, ...options, url })
    const error: unknown = await channel.send(alert).catch((thrown: unknown) => thrown)
    return { error, request: receiver.requests[0]! }
  }
  const headersOf = (headers: object) => headers as Record<string, string>

  test('is verified by the standardwebhooks library, and by nobody with another secret or another body', async () => {
    const { request } = await deliver(sampleAlert(), { secret: SECRET })
    const verified = new Webhook(SECRET).verify(request.body, headersOf(request.headers))
    expect(verified).toMatchObject({ type: 'budget.threshold', data: { budget_id: 'team:marketing' } })
    expect(() => new Webhook(SECRET).verify(`${request.body} `, headersOf(request.headers))).toThrow('No matching signature')
    expect(() => new Webhook('whsec_AAAA').verify(request.body, headersOf(request.headers))).toThrow('No matching signature')
  })

  test('is signed with the UTF-8 bytes of a secret that is any other text', async () => {
    const { request } = await deliver(sampleAlert(), { secret: 'Geheimnis für alle' })
    const encoded = Buffer.from('Geheimnis für alle', 'utf8').toString('base64')
    expect(new Webhook(encoded).verify(request.body, headersOf(request.headers))).toBeTypeOf('object')
  })

  test('is verified by the code that the reference shows', async () => {
    const code = /```js\n(.*?)```/s.exec(REFERENCE)?.[1] ?? ''
    const { isGenuine } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
      isGenuine: (secret: string, headers: object, body: string) => boolean
    }
    for (const secret of [SECRET, 'any other text']) {
      const { request } = await deliver(sampleAlert(), { secret })
      expect(isGenuine(secret, request.headers, request.body)).toBe(true)
      expect(isGenuine(secret, request.headers, `${request.body} `)).toBe(false)
      expect(isGenuine('another', request.headers, request.body)).toBe(false)
      await receiver?.close()
    }
    receiver = undefined
  })

  test('is not signed without a secret', async () => {
    const { request } = await deliver()
    expect(request.headers).toHaveProperty('webhook-id')
    expect(request.headers).not.toHaveProperty('webhook-signature')
  })

  test('has the body that the reference describes', async () => {
    const { request } = await deliver()
    expect(request.body).toBe(JSON.stringify(JSON.parse(/```json\n(.*?)```/s.exec(REFERENCE)?.[1] ?? '')))
  })

  test('of an exhausted USD budget without a period has its own type, amounts in USD and no reset', async () => {
    const period = periodAt({ kind: 'total', timezone: 'UTC' }, 0)
    const alert = sampleAlert({ unit: 'usd', used: 50_000_000_001, limit: 50_000_000_000, threshold: 1, period })
    const { request } = await deliver(alert)
    expect(JSON.parse(request.body)).toMatchObject({
      type: 'budget.exhausted',
      data: { unit: 'usd', used: 50.000000001, limit: 50, resets_at: null, period: { kind: 'total', end: null } },
    })
  })

  test('stays under 20 kB and within header rules, whatever the names are', async () => {
    const { error, request } = await deliver(
      sampleAlert({ id: `alert-${'Ω\u{1F525}.'.repeat(60)}`, name: '\ud800"\\'.repeat(5000), each: '\u{1F525}'.repeat(5000) }),
    )
    expect(error).toBeUndefined()
    expect(Buffer.byteLength(request.body)).toBeLessThan(20_000)
    expect(request.headers['webhook-id']).toMatch(/^[\w:@%-]+$/)
  })

  test('has an id without dots, since the signed text is id.timestamp.body; different alerts keep different ids', () => {
    expect(webhookId('alert-key:a.b-0.8')).toBe('alert-key:a%2Eb-0%2E8')
    expect(webhookId('a%2Eb')).not.toBe(webhookId('a.b'))
  })

  test('follows no redirect', async () => {
    let isFollowed = false
    const elsewhere = await startHttpReceiver((response) => {
      isFollowed = true
      response.end()
    })
    const { error } = await deliver(sampleAlert(), {}, 307, { location: `http://127.0.0.1:${elsewhere.port}/` })
    await elsewhere.close()
    expect(error).toMatchObject({ isRetryable: true, message: expect.stringContaining('redirects are not followed') })
    expect(isFollowed).toBe(false)
  })

  test('that is refused with 429 says how long the receiver asked to wait', async () => {
    const { error } = await deliver(sampleAlert(), {}, 429, { 'retry-after': '120' })
    expect(error).toMatchObject({ isRetryable: true, retryAfterMs: 120_000 })
  })

  test('carries the credentials of its URL as basic authentication, and no error shows them', async () => {
    receiver = await startHttpReceiver((response) => response.writeHead(401).end('user bursar with passw0rd is unknown'))
    const url = `http://bursar:passw0rd@127.0.0.1:${receiver.port}/hook?token=t0ken-value`
    const error: unknown = await createWebhookChannel({ name: 'ops', allowPrivateUrls: true, url })
      .send(sampleAlert())
      .catch((thrown: unknown) => thrown)
    expect(receiver.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('bursar:passw0rd').toString('base64')}`)
    expect(String(error)).toMatch(/401/)
    expect(String(error)).not.toMatch(/passw0rd|t0ken-value|hook/)
  })

  test('that fails shows no part of its URL, also where what the receiver said is cut', async () => {
    receiver = await startHttpReceiver((response) => response.writeHead(500).end(`${'x'.repeat(150)}/hooks/very-secret-token`))
    const url = `http://127.0.0.1:${receiver.port}/hooks/very-secret-token`
    const error: unknown = await createWebhookChannel({ name: 'ops', allowPrivateUrls: true, url })
      .send(sampleAlert())
      .catch((thrown: unknown) => thrown)
    expect(String(error)).toMatch(/500 "x+/)
    expect(String(error)).not.toMatch(/hooks|very/)
  })

  test('to a private address is refused unless the config allows it', async () => {
    receiver = await startHttpReceiver((response) => response.end())
    for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '2130706433']) {
      const url = `http://${host}:${receiver.port}/hook`
      const send = () => createWebhookChannel({ name: 'ops', allowPrivateUrls: false, url }).send(sampleAlert())
      await expect(send()).rejects.toThrow('alerts.allow_private_urls')
    }
    expect(receiver.requests).toHaveLength(0)
    await createWebhookChannel({ name: 'ops', allowPrivateUrls: true, url: `http://localhost:${receiver.port}/` }).send(sampleAlert())
    expect(receiver.requests).toHaveLength(1)
  })

  test('to a metadata address is refused also where private addresses are allowed', async () => {
    const channel = createWebhookChannel({ name: 'ops', allowPrivateUrls: true, url: 'http://[::ffff:169.254.169.254]/latest/meta-data' })
    await expect(channel.send(sampleAlert())).rejects.toThrow('no channel may post there')
  })

  test('can not be set up with a whsec_ secret that is no base64', () => {
    expect(() => createWebhookChannel({ name: 'ops', url: 'https://example.com/', secret: 'whsec_!!', allowPrivateUrls: false })).toThrow(
      'alerts.channels.ops.secret',
    )
  })
})

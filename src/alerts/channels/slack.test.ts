import { afterEach, describe, expect, test } from 'vitest'
import { sampleAlert } from '../sample-alert.ts'
import { type Answer, channelContract } from './channel.contract.ts'
import { type HttpReceiver, startHttpReceiver } from './http-receiver.ts'
import { createSlackChannel } from './slack.ts'

const REPLY: Readonly<Record<Exclude<Answer, 'silent'>, readonly [number, string]>> = {
  accept: [200, 'ok'],
  temporary: [503, 'try later, /services/T000/B000/XXXX'],
  permanent: [404, 'no_service'],
}

interface SlackBody {
  readonly text: string
  readonly blocks: readonly {
    readonly type: string
    readonly text?: { text: string }
    readonly fields?: readonly { text: string }[]
    readonly elements?: readonly { text: string }[]
  }[]
}

const parse = (body: string) => JSON.parse(body) as SlackBody

channelContract('slack', {
  advice: 'make a new incoming webhook and set alerts.channels.slack.url',
  secrets: ['T000', 'XXXX'],
  createChannel: (port, timeoutMs = 5000) =>
    createSlackChannel({ name: 'slack', url: `http://127.0.0.1:${port}/services/T000/B000/XXXX`, allowPrivateUrls: true, timeoutMs }),
  startReceiver: async (answers, port) => {
    const receiver = await startHttpReceiver((response, index) => {
      const answer = answers[index] ?? 'accept'
      if (answer !== 'silent') response.writeHead(REPLY[answer][0]).end(REPLY[answer][1])
    }, port)
    return {
      port: receiver.port,
      close: receiver.close,
      received: () => receiver.requests.map(({ body }) => ({ id: parse(body).blocks.at(-1)?.elements?.[0]?.text ?? '', content: body })),
    }
  },
})

describe('a Slack message', () => {
  let receiver: HttpReceiver | undefined
  afterEach(async () => {
    await receiver?.close()
    receiver = undefined
  })
  const post = async (alert: ReturnType<typeof sampleAlert>, status = 200) => {
    receiver = await startHttpReceiver((response) => response.writeHead(status).end())
    const channel = createSlackChannel({ name: 'slack', url: `http://127.0.0.1:${receiver.port}/services/x`, allowPrivateUrls: true })
    const error: unknown = await channel.send(alert).catch((thrown: unknown) => thrown)
    return { error, body: parse(receiver.requests[0]!.body) }
  }

  test('has a header, a field for each fact with the bar, and a text for notifications', async () => {
    const { body } = await post(sampleAlert())
    expect(body.text).toBe('Marketing Team has used 83.2 % of its 5,000,000 tokens (advisory)')
    expect(body.blocks.map(({ type }) => type)).toEqual(['header', 'section', 'section', 'context'])
    expect(body.blocks[1]?.fields?.map(({ text }) => text)).toEqual([
      '*Budget*\nMarketing Team (team:marketing)',
      '*Used / limit*\n4,160,000 / 5,000,000 tokens',
      '*Share*\n`################----` 83.2 %',
      '*Limit*\nadvisory: calls go on',
      '*Period*\n2026-11',
      '*Resets*\n2026-12-01 00:00 UTC, 8 days after this alert',
      '*Reached*\n2026-11-22 10:00 UTC',
    ])
  })

  test('can not mention or link anything by a name, and keeps within what Slack accepts', async () => {
    const { body } = await post(sampleAlert({ name: '<!channel> & <https://evil.example|click> '.repeat(10), each: '<@U1>'.repeat(100) }))
    const texts = [
      body.text,
      ...body.blocks.flatMap(({ text, fields, elements }) =>
        [text, ...(fields ?? []), ...(elements ?? [])].flatMap((part) => part?.text ?? []),
      ),
    ]
    for (const text of texts) {
      expect(text).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/)
      expect(text.length).toBeLessThanOrEqual(2000)
    }
    expect(body.blocks[0]?.text?.text.length).toBeLessThanOrEqual(150)
    expect(body.blocks[1]?.fields?.length).toBeLessThanOrEqual(10)
  })

  test.each([403, 404, 410])('is dead after %d', async (status) => {
    expect((await post(sampleAlert(), status)).error).toMatchObject({ isRetryable: false })
  })

  test.each([302, 400, 408, 429, 500])('is tried again after %d', async (status) => {
    expect((await post(sampleAlert(), status)).error).toMatchObject({ isRetryable: true })
  })
})

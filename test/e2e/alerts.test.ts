import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { api, chat, remove, type Setup, startInProcess, startProcess, tempDir, until } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

let dir: string
let upstream: Upstream

beforeEach(async () => {
  dir = tempDir()
  upstream = await startUpstream((_, response) => answerJson(response, chatCompletion({ input: 300, output: 600 })))
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function startSlack(port: number, posts: string[]): Promise<Server> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      posts.push(body)
      response.end('ok')
    })
  })
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)))
}

function startSmtp(port: number, mails: { text: string; to: string[] }[]): Promise<SMTPServer> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      let text = ''
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
      stream.on('end', () => {
        mails.push({ text, to: session.envelope.rcptTo.map(({ address }) => address) })
        done()
      })
    },
  })
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)))
}

interface Alerts {
  alerts: { threshold: number; deliveries: { channel: string; state: string; attempts: number }[] }[]
}

async function untilAllAre(url: string, wanted: (delivery: { state: string; attempts: number }) => boolean): Promise<void> {
  await until(async () => {
    const { alerts } = await api<Alerts>(url, 'alerts')
    return alerts.length > 0 && alerts.every(({ deliveries }) => deliveries.length === 2 && deliveries.every(wanted))
  })
}

test.each([['stays up'], ['is killed']])(
  'Slack and mail are down at the crossing, and Bursar %s: each gets exactly one message once it is back',
  async (fate) => {
    const [slackPort, smtpPort] = [await freePort(), await freePort()]
    const setup: Setup = {
      upstreamUrl: upstream.url,
      dir,
      budgets: '  - { id: "team:research", name: Research Team, limit: { tokens: 4000 }, alert_at: [0.4], owner_email: owner@example.com }',
      more: `alerts:
  allow_private_urls: true
  channels:
    slack: { type: slack, url: "http://127.0.0.1:${slackPort}/services/T/B/x" }
    email: { type: email, smtp: "smtp://127.0.0.1:${smtpPort}", from: bursar@example.com, to: [ops@example.com] }`,
    }
    const first = await startProcess(setup)
    await Promise.all([chat(first.url, 700), chat(first.url, 700)])
    await untilAllAre(first.url, ({ attempts }) => attempts > 0)
    if (fate === 'is killed') await first.kill()

    const posts: string[] = []
    const mails: { text: string; to: string[] }[] = []
    const slack = await startSlack(slackPort, posts)
    const smtp = await startSmtp(smtpPort, mails)
    const second = fate === 'is killed' ? await startProcess(setup) : first
    await untilAllAre(second.url, ({ state }) => state === 'delivered')
    expect(await second.stop()).toBe(0)
    const third = await startProcess(setup)
    expect((await chat(third.url, 700)).status).toBe(200)
    await third.stop()
    slack.close()
    smtp.close(() => undefined)

    expect(posts).toHaveLength(1)
    expect(posts[0]).toContain('Research Team')
    expect(posts[0]).toContain('45')
    expect(mails).toHaveLength(1)
    expect(mails[0]?.to.toSorted()).toEqual(['ops@example.com', 'owner@example.com'])
  },
  120_000,
)

test('one call that crosses several thresholds fires the highest only, and never again in this period', async () => {
  const bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: '  - { id: global, name: Global, limit: { tokens: 1200 }, alert_at: [0.2, 0.5, 0.7] }',
  })
  await chat(bursar.url, 700)
  await chat(bursar.url, 700)
  await chat(bursar.url, 700)
  const { alerts } = await api<{ alerts: { threshold: number }[] }>(bursar.url, 'alerts')
  expect(alerts.map(({ threshold }) => threshold).toSorted((a, b) => a - b)).toEqual([0.7, 1])
  await bursar.close()
})

import { afterEach, describe, expect, test } from 'vitest'
import { sampleAlert } from '../sample-alert.ts'
import { type Answer, channelContract } from './channel.contract.ts'
import { createEmailChannel } from './email.ts'
import { type RecipientAnswer, type SmtpReceiver, type SmtpReceiverOptions, startSmtpReceiver } from './smtp-receiver.ts'

const TO_RECIPIENT: Readonly<Record<Answer, RecipientAnswer>> = {
  accept: undefined,
  temporary: undefined,
  permanent: 550,
  silent: 'silent',
}

/** Undoes quoted-printable, so that a test reads what a person reads. */
const decoded = (source: string) =>
  source.replaceAll('=\r\n', '').replace(/(?:=[0-9A-F]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('=', ''), 'hex').toString('utf8'))
const headersOf = (source: string) => decoded(source.slice(0, source.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' '))
const header = (source: string, name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(headersOf(source))?.[1]

/** What a mail says, without what is new on every try: when it was sent, and the boundary between its parts. */
const withoutTrace = (source: string) => {
  const boundary = /boundary="([^"]+)"/.exec(source)?.[1] ?? 'none'
  return decoded(source.replaceAll(boundary, 'BOUNDARY').replace(/^Date: .*\r\n/m, ''))
}

channelContract('email', {
  advice: 'alerts.channels.email',
  secrets: ['smtp-passw0rd'],
  createChannel: (port, timeoutMs = 5000) =>
    createEmailChannel({
      name: 'email',
      smtp: `smtp://127.0.0.1:${port}`,
      from: 'Bursar <bursar@example.com>',
      to: ['ops@example.com'],
      timeoutMs,
    }),
  startReceiver: async (answers, port) => {
    const receiver = await startSmtpReceiver({
      ...(port === undefined ? {} : { port }),
      answer: () => TO_RECIPIENT[answers[0] ?? 'accept'],
      answerToMail: (index) => (answers[index] === 'temporary' ? 451 : undefined),
    })
    const received = () => receiver.mails.map(({ source }) => ({ id: header(source, 'Message-ID') ?? '', content: withoutTrace(source) }))
    return { port: receiver.port, close: receiver.close, received }
  },
})

describe('a mail', () => {
  let receiver: SmtpReceiver | undefined
  afterEach(async () => {
    await receiver?.close()
    receiver = undefined
  })
  const start = async (answers: Readonly<Record<string, RecipientAnswer>> = {}, options: Partial<SmtpReceiverOptions> = {}) => {
    receiver = await startSmtpReceiver({ answer: (recipient) => answers[recipient], ...options })
    return receiver
  }
  const channelTo = (to: readonly string[], { port }: SmtpReceiver, login = '') =>
    createEmailChannel({
      name: 'email',
      smtp: `smtp://${login}127.0.0.1:${port}`,
      from: 'Bursar <bursar@example.com>',
      to,
      timeoutMs: 5000,
    })
  const failure = (promise: Promise<void>) =>
    promise.then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    )

  test('goes to the channel and to the owner, each once', async () => {
    const server = await start()
    await channelTo(['ops@example.com', 'Owner@example.com', 'ops@example.com'], server).send(sampleAlert())
    expect(server.mails.map(({ recipients }) => recipients)).toEqual([['ops@example.com', 'Owner@example.com']])
  })

  test('has a subject, a text and an HTML part, the same Message-ID on every try, and is marked as automatic', async () => {
    const server = await start()
    await channelTo(['ops@example.com'], server).send(sampleAlert())
    await channelTo(['ops@example.com'], server).send(sampleAlert())
    const [first, second] = server.mails.map(({ source }) => source)
    expect(header(first!, 'Message-ID')).toMatch(/^<[0-9a-f]{32}@example\.com>$/)
    expect(header(second!, 'Message-ID')).toBe(header(first!, 'Message-ID'))
    expect(header(first!, 'Auto-Submitted')).toBe('auto-generated')
    expect(header(first!, 'Subject')).toContain('[Bursar] Marketing Team has used')
    expect(header(first!, 'Content-Type')).toContain('multipart/alternative')
    expect(decoded(first!)).toContain('Share:        ################---- 83.2 %')
    expect(decoded(first!)).toContain('<td>4,160,000 / 5,000,000 tokens</td>')
  })

  test('gains no header, recipient or markup from a name', async () => {
    const server = await start()
    const alert = sampleAlert({
      name: 'A\r\nBcc: evil@example.com\r\n\r\n<script>x</script>',
      ownerEmail: 'a@example.com\r\nRCPT TO:<evil@example.com>',
    })
    const error = await failure(channelTo(['ops@example.com'], server).send(alert))
    expect(error).toMatchObject({
      isRetryable: false,
      message: expect.stringContaining('it is no mail address (the other recipients have the mail)'),
    })
    expect(server.mails.map(({ recipients }) => recipients)).toEqual([['ops@example.com']])
    expect(headersOf(server.mails[0]!.source)).not.toMatch(/^Bcc:/im)
    const html = decoded(server.mails[0]!.source)
    expect(html.slice(html.indexOf('<!doctype html>'))).not.toContain('<script>')
  })

  test('that some recipients refuse for now goes again to these only', async () => {
    const answers: Record<string, RecipientAnswer> = { 'owner@example.com': 451 }
    const server = await start(answers)
    const channel = channelTo(['ops@example.com'], server)
    expect(await failure(channel.send(sampleAlert()))).toMatchObject({ isRetryable: true, message: expect.stringContaining('451') })
    answers['owner@example.com'] = undefined
    await channel.send(sampleAlert())
    expect(server.mails.map(({ recipients }) => recipients)).toEqual([['ops@example.com'], ['owner@example.com']])
  })

  test('that one recipient refuses for good reaches the others, and fails with the address to correct', async () => {
    const server = await start({ 'owner@example.com': 550 })
    const error = await failure(channelTo(['ops@example.com'], server).send(sampleAlert()))
    expect(error).toMatchObject({ isRetryable: false })
    expect(error?.message).toMatch(/owner@example\.com: 550 .*the other recipients have the mail.*owner_email/)
    expect(server.mails.map(({ recipients }) => recipients)).toEqual([['ops@example.com']])
  })

  test('that one refuses for good and one for now is tried again', async () => {
    const server = await start({ 'owner@example.com': 550, 'ops@example.com': 421 })
    expect(await failure(channelTo(['ops@example.com'], server).send(sampleAlert()))).toMatchObject({ isRetryable: true })
  })

  test('logs in with the password of the URL; a refused login is a permanent failure that does not show it', async () => {
    const server = await start({}, { password: 'p@ss word' })
    await channelTo(['ops@example.com'], server, 'bursar:p%40ss%20word@').send(sampleAlert())
    expect(server.mails).toHaveLength(1)
    const error = await failure(channelTo(['ops@example.com'], server, 'bursar:smtp-passw0rd@').send(sampleAlert()))
    expect(error).toMatchObject({ isRetryable: false, message: expect.stringContaining('535') })
    expect(error?.message).not.toContain('smtp-passw0rd')
  })
})

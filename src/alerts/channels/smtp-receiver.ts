import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

/** A mail that the server was given, as it came. */
interface ReceivedMail {
  readonly recipients: readonly string[]
  readonly source: string
}

/** What the server says to a recipient: undefined accepts it, a number refuses it with that code, `silent` never answers. */
export type RecipientAnswer = number | 'silent' | undefined

export interface SmtpReceiver {
  readonly port: number
  readonly mails: readonly ReceivedMail[]
  readonly close: () => Promise<void>
}

export interface SmtpReceiverOptions {
  readonly answer: (recipient: string) => RecipientAnswer
  /** What it says to the mail of that number, from 0; undefined takes it, a number refuses it with that code. */
  readonly answerToMail?: (index: number) => number | undefined
  readonly port?: number
  /** Asks for a login, and accepts this password only. */
  readonly password?: string
}

/** A real SMTP server for tests. */
export async function startSmtpReceiver({ answer, answerToMail, port = 0, password }: SmtpReceiverOptions): Promise<SmtpReceiver> {
  const mails: ReceivedMail[] = []
  const server = new SMTPServer({
    authOptional: password === undefined,
    allowInsecureAuth: true,
    disabledCommands: password === undefined ? ['STARTTLS', 'AUTH'] : ['STARTTLS'],
    closeTimeout: 1,
    onAuth: (auth, _session, callback) => {
      if (auth.password === password) callback(null, { user: 'bursar' })
      else callback(refusal(535, `wrong password ${auth.password ?? ''}`))
    },
    onRcptTo: ({ address }, _session, callback) => {
      const code = answer(address)
      if (code === undefined) callback(null)
      else if (code !== 'silent') callback(refusal(code, `no ${address} here`))
    },
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        mails.push({ recipients: session.envelope.rcptTo.map(({ address }) => address), source: Buffer.concat(chunks).toString('utf8') })
        const code = answerToMail?.(mails.length - 1)
        callback(code === undefined ? null : refusal(code, 'not this mail'))
      })
    },
  })
  server.on('error', () => undefined)
  server.listen(port, '127.0.0.1')
  await once(server.server, 'listening')
  return { port: portOf(server.server.address()), mails, close: () => new Promise((resolve) => server.close(resolve)) }
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0
}

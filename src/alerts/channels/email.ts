import { createHash } from 'node:crypto'
import { createTransport } from 'nodemailer'
import { z } from 'zod'
import type { Alert } from '../../domain/accounts/alert.ts'
import type { Channel } from '../../engine/ports.ts'
import { messageOf } from '../message.ts'
import { plainLine } from '../plain-line.ts'
import { ChannelError } from './channel-error.ts'
import { mailContent } from './mail-content.ts'
import { quotable } from './redaction.ts'

const TIMEOUT_MS = 60_000
/** Partly delivered mails to remember; beyond it, a recipient may get one twice. */
const PARTIAL_COUNT_MAX = 1000
const ADDRESS = /^[^\s@<>,;:"()[\]\\\p{Cc}]+@[^\s@<>,;:"()[\]\\\p{Cc}]+$/u

export interface EmailOptions {
  readonly name: string
  /** `smtps://user:password@host:port`; the operator's own server, so any address may be used. */
  readonly smtp: string
  /** An address, or `Name <address>`. */
  readonly from: string
  readonly to: readonly string[]
  /** For the whole exchange; default 60 s. */
  readonly timeoutMs?: number
}

/** A recipient that the server did not accept. */
interface Rejection {
  readonly recipient: string
  readonly isPermanent: boolean
  readonly said: string
}

/**
 * Mail by SMTP to the channel's own recipients and the budget's owner. It is delivered when every recipient was accepted: a try
 * that some refused fails, and the next one goes only to those. `send` throws ChannelError; an answer 5yz is permanent.
 */
export function createEmailChannel(options: EmailOptions): Channel {
  const deliver = createDelivery(options)
  const reachedByAlert = new Map<string, ReadonlySet<string>>()
  return {
    name: options.name,
    send: async (alert) => {
      const reached = reachedByAlert.get(alert.id) ?? new Set()
      const all = recipientsOf(options.to, alert.ownerEmail)
      const missing = all.filter((recipient) => !reached.has(recipient))
      const rejections = await deliver(alert, { all, missing })
      reachedByAlert.delete(alert.id)
      if (rejections.length === 0) return
      const failure = failureOf(rejections, { options, isPartial: rejections.length < all.length })
      if (failure.isRetryable) remember(reachedByAlert, alert.id, new Set(all.filter((to) => !rejections.some((r) => r.recipient === to))))
      throw failure
    },
  }
}

interface Recipients {
  readonly all: readonly string[]
  /** Those that have not been reached yet. */
  readonly missing: readonly string[]
}

/** @returns who was not accepted; throws ChannelError where nobody was, for a reason that is not a recipient's */
function createDelivery(options: EmailOptions): (alert: Alert, to: Recipients) => Promise<readonly Rejection[]> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const timeouts = {
    connectionTimeout: timeoutMs / 4,
    greetingTimeout: timeoutMs / 4,
    dnsTimeout: timeoutMs / 4,
    socketTimeout: timeoutMs / 2,
  }
  const transport = createTransport({ url: options.smtp, disableFileAccess: true, disableUrlAccess: true, ...timeouts })
  return async (alert, { all, missing }) => {
    const [valid, invalid] = [missing.filter((to) => ADDRESS.test(to)), missing.filter((to) => !ADDRESS.test(to))]
    const unusable = invalid.map((recipient) => ({ recipient, isPermanent: true, said: 'it is no mail address' }))
    if (valid.length === 0) return unusable
    try {
      const sent = await transport.sendMail({
        ...mailContent(messageOf(alert)),
        from: options.from,
        to: all.filter((to) => ADDRESS.test(to)).map((address) => ({ name: '', address })),
        envelope: { from: options.from, to: valid },
        messageId: messageIdOf(alert.id, options.from),
        headers: { 'Auto-Submitted': 'auto-generated' },
        signal: AbortSignal.timeout(timeoutMs),
      })
      return [...unusable, ...rejectionsIn(sent)]
    } catch (error) {
      const rejections = rejectionsIn(error)
      if (rejections.length > 0) return [...unusable, ...rejections]
      throw smtpFailure(error, options)
    }
  }
}

/** The channel's recipients and the budget's owner, each once; addresses that differ in case only are the same. */
function recipientsOf(to: readonly string[], ownerEmail: string | undefined): readonly string[] {
  const byAddress = new Map<string, string>()
  for (const address of [...to, ...(ownerEmail === undefined ? [] : [ownerEmail])]) {
    if (!byAddress.has(address.toLowerCase())) byAddress.set(address.toLowerCase(), address)
  }
  return [...byAddress.values()]
}

/** The same for every try, so that a mail program that gets it twice can tell. */
function messageIdOf(alertId: string, from: string): string {
  const domain = /@([\w.-]+)>?$/.exec(from.trim())?.[1] ?? 'bursar.invalid'
  return `<${createHash('sha256').update(alertId).digest('hex').slice(0, 32)}@${domain}>`
}

function failureOf(
  rejections: readonly Rejection[],
  context: { readonly options: EmailOptions; readonly isPartial: boolean },
): ChannelError {
  const { options, isPartial } = context
  const isRetryable = rejections.some((rejection) => !rejection.isPermanent)
  const who = rejections.map(({ recipient, said }) => `${plainLine(recipient, 100)}: ${quoted(said, options)}`).join('; ')
  const others = isPartial ? ' (the other recipients have the mail)' : ''
  const advice = isRetryable ? '' : `; correct alerts.channels.${options.name}.to or the budget's owner_email`
  return new ChannelError(`${hostOf(options)} did not accept ${who}${others}${advice}`, { isRetryable })
}

// What nodemailer's errors hold; its messages are not used, since they may quote what was sent.
const smtpError = z.object({
  code: z.string().optional(),
  originalCode: z.string().optional(),
  response: z.string().optional(),
  permanent: z.boolean().optional(),
})

const rejected = z.object({
  rejectedErrors: z.array(z.object({ recipient: z.string(), response: z.string().default(''), permanent: z.boolean().default(false) })),
})

function rejectionsIn(result: unknown): readonly Rejection[] {
  const { data } = rejected.safeParse(result)
  return data?.rejectedErrors.map(({ recipient, response, permanent }) => ({ recipient, isPermanent: permanent, said: response })) ?? []
}

function smtpFailure(error: unknown, options: EmailOptions): ChannelError {
  const { code = 'no code', originalCode, response, permanent = false } = smtpError.safeParse(error).data ?? {}
  const host = hostOf(options)
  if (response === undefined) {
    const why = code === 'ABORT_ERR' || (error instanceof Error && error.name === 'TimeoutError') ? 'timed out' : (originalCode ?? code)
    return new ChannelError(`${host} could not be reached or did not answer (${why})`, { isRetryable: true })
  }
  const advice = permanent ? `; correct alerts.channels.${options.name}` : ''
  return new ChannelError(`${host} answered "${quoted(response, options)}"${advice}`, { isRetryable: !permanent })
}

function hostOf({ smtp }: EmailOptions): string {
  return new URL(smtp).host
}

function quoted(said: string, { smtp }: EmailOptions): string {
  const { username, password } = new URL(smtp)
  return quotable(said, [password, username])
}

function remember(reachedByAlert: Map<string, ReadonlySet<string>>, alertId: string, reached: ReadonlySet<string>): void {
  const [oldest] = reachedByAlert.keys()
  if (reachedByAlert.size >= PARTIAL_COUNT_MAX && oldest !== undefined) reachedByAlert.delete(oldest)
  reachedByAlert.set(alertId, reached)
}

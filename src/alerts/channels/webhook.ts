import { Webhook } from 'standardwebhooks'
import type { Alert } from '../../domain/accounts/alert.ts'
import { Failure } from '../../engine/failure.ts'
import type { Channel } from '../../engine/ports.ts'
import { displayAmount } from '../../domain/amount.ts'
import { isExhausted, messageOf, percentOf, resetsAt } from '../message.ts'
import { plainLine } from '../plain-line.ts'
import { createPost } from './http-post.ts'

const SECRET_PREFIX = 'whsec_'
const TEXT_LENGTH_MAX = 300

export interface WebhookOptions {
  readonly name: string
  readonly url: string
  /** `whsec_` and base64, or any other string, whose UTF-8 bytes are the key; absent: deliveries are not signed. */
  readonly secret?: string | undefined
  readonly allowPrivateUrls: boolean
  readonly timeoutMs?: number
}

/**
 * A receiver of JSON by HTTP POST, as Standard Webhooks has it. Every try sends the same bytes and the same `webhook-id`; only
 * its timestamp and signature are new. `send` throws ChannelError; 410 is a permanent failure.
 * @throws Failure invalid_config where the secret has the prefix `whsec_` but no base64 after it
 */
export function createWebhookChannel(options: WebhookOptions): Channel {
  const signature = createSignature(options)
  const post = createPost({
    ...options,
    deadStatuses: [410],
    deadAdvice: `the receiver wants no more of these; correct or remove alerts.channels.${options.name}`,
  })
  return {
    name: options.name,
    send: (alert) => {
      const body = JSON.stringify(webhookBody(alert))
      const [id, sentAt] = [webhookId(alert.id), new Date()]
      const timestamp = String(Math.floor(sentAt.getTime() / 1000))
      const headers = { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': timestamp }
      return post(body, { ...headers, ...signature(id, sentAt, body) })
    },
  }
}

/**
 * The alert's id as a header can carry it. Also its dots are percent-encoded: the signed text is `id.timestamp.body`, and a
 * dot inside the id could be read as the end of it.
 */
export function webhookId(alertId: string): string {
  return alertId.toWellFormed().replace(/[^A-Za-z0-9_:@-]/gu, (character) => (character === '.' ? '%2E' : encodeURIComponent(character)))
}

function createSignature({ name, secret }: WebhookOptions): (id: string, sentAt: Date, body: string) => Readonly<Record<string, string>> {
  if (secret === undefined) return () => ({})
  const webhook = signerOf(secret, name)
  return (id, sentAt, body) => ({ 'webhook-signature': webhook.sign(id, sentAt, body) })
}

function signerOf(secret: string, name: string): Webhook {
  try {
    return secret.startsWith(SECRET_PREFIX) ? new Webhook(secret) : new Webhook(Buffer.from(secret, 'utf8'), { format: 'raw' })
  } catch {
    throw new Failure('invalid_config', `alerts.channels.${name}.secret: expected whsec_ and base64, or any other text`)
  }
}

function webhookBody(alert: Alert): object {
  return {
    type: isExhausted(alert) ? 'budget.exhausted' : 'budget.threshold',
    timestamp: new Date(alert.at).toISOString(),
    data: {
      alert_id: alert.id.toWellFormed(),
      budget_id: alert.budget,
      name: plainLine(alert.name, TEXT_LENGTH_MAX),
      account: alert.each === null ? null : plainLine(alert.each, TEXT_LENGTH_MAX),
      ...amountsOf(alert),
      ...periodOf(alert),
      owner_email: alert.ownerEmail === undefined ? null : plainLine(alert.ownerEmail, TEXT_LENGTH_MAX),
      message: messageOf(alert).title,
    },
  }
}

function amountsOf(alert: Alert): object {
  return {
    unit: alert.unit,
    threshold: alert.threshold,
    used: displayAmount(alert.unit, alert.used),
    limit: displayAmount(alert.unit, alert.limit),
    pct: percentOf(alert),
    hard_cap: alert.isHardCap,
  }
}

function periodOf(alert: Alert): object {
  const { kind, name, startsAt } = alert.period
  const end = resetsAt(alert)
  const endIso = end === null ? null : new Date(end).toISOString()
  return { period: { kind, name, start: new Date(startsAt).toISOString(), end: endIso }, resets_at: endIso }
}

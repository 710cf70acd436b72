import type { Alert } from '../../domain/accounts/alert.ts'
import type { Channel } from '../../engine/ports.ts'
import { type Message, messageOf } from '../message.ts'
import { createPost } from './http-post.ts'

/** Slack refuses a header block with more. */
const HEADER_LENGTH_MAX = 150

export interface SlackOptions {
  readonly name: string
  /** The incoming webhook's URL; whoever has it can post. */
  readonly url: string
  readonly allowPrivateUrls: boolean
  readonly timeoutMs?: number
}

/** A Slack channel, by an incoming webhook. `send` throws ChannelError; a webhook that is gone (403, 404, 410) is a permanent failure. */
export function createSlackChannel(options: SlackOptions): Channel {
  const post = createPost({
    ...options,
    deadStatuses: [403, 404, 410],
    deadAdvice: `Slack does not accept this webhook any more; make a new incoming webhook and set alerts.channels.${options.name}.url`,
  })
  return {
    name: options.name,
    send: (alert) => post(JSON.stringify(slackBody(alert)), { 'content-type': 'application/json' }),
  }
}

function slackBody(alert: Alert): object {
  const message = messageOf(alert)
  return {
    text: escaped(message.title),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: escaped(message.title, HEADER_LENGTH_MAX), emoji: false } },
      { type: 'section', fields: fieldsOf(message) },
      { type: 'section', text: formatted(escaped(message.explanation)) },
      { type: 'context', elements: [{ type: 'plain_text', text: escaped(alert.id, 600), emoji: false }] },
    ],
  }
}

function fieldsOf({ facts, bar }: Message): readonly object[] {
  return facts.map(({ label, value }) => formatted(`*${label}*\n${label === 'Share' ? `\`${bar}\` ` : ''}${escaped(value)}`))
}

// `verbatim` keeps Slack from making links and mentions out of names.
function formatted(text: string): object {
  return { type: 'mrkdwn', text, verbatim: true }
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** The three characters that Slack reads as control characters, escaped; cut between characters, never inside an entity. */
function escaped(text: string, lengthMax = Infinity): string {
  let result = ''
  for (const character of text) {
    const next = ENTITIES[character] ?? character
    if (result.length + next.length > lengthMax - 1) return `${result}…`
    result += next
  }
  return result
}

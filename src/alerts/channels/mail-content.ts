import type { Fact, Message } from '../message.ts'

export interface MailContent {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** An alert as a mail: plain text, and the same as simple HTML. */
export function mailContent(message: Message): MailContent {
  return { subject: `[Bursar] ${message.title}`, text: textOf(message), html: htmlOf(message) }
}

function textOf({ title, explanation, facts, bar }: Message): string {
  const width = Math.max(...facts.map(({ label }) => label.length)) + 2
  const lines = facts.map((fact) => `${`${fact.label}:`.padEnd(width)}${valueOf(fact, bar)}`)
  return `${title}\n\n${lines.join('\n')}\n\n${explanation}\n`
}

function htmlOf({ title, explanation, facts, bar }: Message): string {
  const rows = facts.map(
    (fact) => `<tr><th align="left" style="padding-right:1em">${escaped(fact.label)}</th><td>${escaped(valueOf(fact, bar))}</td></tr>`,
  )
  return `<!doctype html><html><body><h2>${escaped(title)}</h2><table>${rows.join('')}</table><p>${escaped(explanation)}</p></body></html>`
}

function valueOf({ label, value }: Fact, bar: string): string {
  return label === 'Share' ? `${bar} ${value}` : value
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

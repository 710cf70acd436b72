import { randomInt } from 'node:crypto'

/** A request of a caller, and what becomes of it where the caller does not wait for its end. */
export interface PlannedCall {
  readonly path: string
  readonly key: string
  readonly user?: string
  /** Bytes of a request; not all are JSON. */
  readonly body: string
  readonly hangsUpAfterMs?: number
}

export const KEYS = {
  research: 'bsr_soak_research_0123456789',
  marketing: 'bsr_soak_marketing_012345678',
  tight: 'bsr_soak_tight_0123456789012',
  lent: 'bsr_soak_lent_01234567890123',
} as const

/**
 * Users come and go: so many call at a time, and all of them have called within a few seconds. What is kept for each of them, and
 * for each answer that can be continued, is there in full before memory is looked at.
 */
const USERS = 12
const USERS_AT_ONCE = 4
const USERS_MS = 500
export const ANSWERS = 100

const TEXT = 'How much of the budget of this month is left, and who used it? '

const FAULTS = ['sim-500', 'sim-429', 'sim-html', 'sim-reset', 'sim-error-event']

/** The share of each kind in all calls, in per cent. */
const KINDS: readonly (readonly [share: number, make: () => PlannedCall])[] = [
  [22, () => chat({ max_tokens: 40 })],
  [16, () => chat({ max_tokens: 40, stream: true })],
  [6, () => chat({ max_tokens: 40, stream: true, stream_options: { include_usage: true } })],
  [6, () => chat({ stream: true })],
  [6, () => chat({ max_tokens: 40 }, KEYS.lent)],
  [6, () => nameless(chat({ max_tokens: 20, model: pick(['gpt-4o', 'gpt-4.1-mini', 'sim-cached']) }))],
  [5, () => messages({})],
  [5, () => messages({ stream: true })],
  [4, () => responses({ previous_response_id: answerId() })],
  [4, () => responses({ conversation: `conv_${randomInt(ANSWERS)}`, stream: true })],
  [3, () => embeddings()],
  [3, () => ({ ...nameless(chat({ max_tokens: 40, stream: true, model: 'sim-stall' })), hangsUpAfterMs: randomInt(20, 60) })],
  [1, () => ({ ...nameless(chat({ max_tokens: 40, model: 'sim-hang' })), hangsUpAfterMs: randomInt(20, 60) })],
  [4, () => nameless(chat({ max_tokens: 40, stream: randomInt(2) === 0, model: pick(FAULTS) }))],
  [1, () => nameless(chat({ max_tokens: 40, model: 'sim-no-usage' }))],
  [5, () => chat({ max_tokens: 40 }, KEYS.tight)],
  [1, () => ({ ...chat({}), key: `bsr_unknown_${randomInt(1_000_000)}` })],
  [1, () => ({ ...chat({}), body: '{"model":' })],
  [1, () => ({ ...chat({}), path: '/v1/nothing' })],
]

const ALL_SHARES = KINDS.reduce((sum, [share]) => sum + share, 0)

/** A call of any kind, as often as its share says. */
export function planCall(): PlannedCall {
  let at = randomInt(ALL_SHARES)
  for (const [share, make] of KINDS) {
    if (at < share) return make()
    at -= share
  }
  return chat({})
}

function chat(more: object, key: string = pick([KEYS.research, KEYS.research, KEYS.marketing])): PlannedCall {
  return { path: '/v1/chat/completions', ...calledBy(key), body: JSON.stringify({ model: 'gpt-4o-mini', messages: text(), ...more }) }
}

function messages(more: object): PlannedCall {
  const body = JSON.stringify({ model: 'claude-sonnet-4-5', max_tokens: 40, messages: text(), ...more })
  return { path: '/v1/messages', ...calledBy(KEYS.research), body }
}

function responses(more: object): PlannedCall {
  const body = JSON.stringify({ model: 'gpt-4.1-mini', max_output_tokens: 40, input: TEXT, ...more })
  return { path: '/v1/responses', ...calledBy(KEYS.research), body }
}

function embeddings(): PlannedCall {
  return {
    path: '/v1/embeddings',
    ...calledBy(KEYS.marketing),
    body: JSON.stringify({ model: 'text-embedding-3-small', input: TEXT.repeat(8) }),
  }
}

/** What is rare is not kept for each user, or it would take long until it is there for all. */
function nameless({ path, key, body }: PlannedCall): PlannedCall {
  return { path, key, body }
}

const text = () => [{ role: 'user', content: TEXT.repeat(randomInt(1, 4)) }]

/** As the simulated provider names its answers. */
const answerId = () => `resp_sim_${randomInt(ANSWERS)}`

function calledBy(key: string): Pick<PlannedCall, 'key' | 'user'> {
  const first = Math.floor(Date.now() / USERS_MS) * (USERS_AT_ONCE / 2)
  return { key, user: `user-${(first + randomInt(USERS_AT_ONCE)) % USERS}` }
}

function pick(values: readonly string[]): string {
  return values[randomInt(values.length)] ?? ''
}

/** The story: three teams' ordinary week, and a Friday night on which an experiment runs in a loop. */

export interface Team {
  readonly name: string
  readonly key: string
  readonly project: string
  readonly week: Pace
  /** What still runs at night; undefined: nothing but the experiment. */
  readonly night: Pace | undefined
}

/** What a team's calls are like, and how fast they are made: each caller begins one every `everyMs`, or as soon as the last has ended. */
export interface Pace {
  readonly callers: number
  readonly everyMs: number
  readonly model: string
}

/** How long the acts of the story take, and how large its hard cap is. */
export interface Plan {
  readonly dayMs: number
  /** The night ends after this many refusals. */
  readonly refusalsMax: number
  /** The night also ends after this many calls, for a cap that does not hold. */
  readonly callsMax: number
  readonly loop: Pace
  /** The limit of the team whose experiment it is. */
  readonly researchUsd: number
}

/** A second of the demo is a good half of a working day; the night takes some fifteen seconds on a fast machine. */
export const FRIDAY_NIGHT: Plan = {
  dayMs: 1500,
  refusalsMax: 200,
  callsMax: 20_000,
  loop: { callers: 12, everyMs: 110, model: 'gpt-5-pro' },
  researchUsd: 60,
}

export const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'] as const
/** A call of such a model takes about a minute, and the loop makes twelve at a time. */
export const MINUTES_PER_CALL = 1 / 12
/** From Friday 18:00 to Saturday 09:00, when somebody looks. */
export const NIGHT_MINUTES = 15 * 60
const NIGHT_STARTS_AT_MINUTE = 18 * 60

export const PROVIDER_LATENCY_MS = 30
export const OUTPUT_TOKENS_MAX = 500

/** The last is the one whose experiment it is. */
export function teams(makeKey: () => string): readonly Team[] {
  const model = 'gpt-5'
  const onCall = { callers: 1, everyMs: 250, model }
  return [
    { name: 'marketing', key: makeKey(), project: 'newsletter', week: { callers: 3, everyMs: 60, model }, night: onCall },
    { name: 'engineering', key: makeKey(), project: 'code-review', week: { callers: 6, everyMs: 60, model }, night: onCall },
    { name: 'research', key: makeKey(), project: 'experiment', week: { callers: 2, everyMs: 60, model }, night: undefined },
  ]
}

export interface DemoUrls {
  readonly provider: string
  readonly alerts: string
}

/** The gateway's config: budgets of a size that a demo can fill. */
export function demoConfig(all: readonly Team[], urls: DemoUrls, { researchUsd }: Pick<Plan, 'researchUsd'>): string {
  const keys = all.map(
    ({ name, key, project }) => `  - { name: ${name}, secret: ${key}, team: ${name}, project: ${project}, allow: [user] }`,
  )
  return `
server: { host: 127.0.0.1, port: 0 }
store: { data_dir: . }
providers:
  simulated: { api: openai, base_url: ${urls.provider}/v1 }
keys:
${keys.join('\n')}
budgets:
  - { id: global, name: Global Cap, limit: { usd: 100 }, hard_cap: true, alert_at: [0.9] }
  - { id: "team:marketing", name: Marketing, limit: { usd: 10 }, alert_at: [0.8] }
  - { id: "team:engineering", name: Engineering, limit: { usd: 20 }, alert_at: [0.9] }
  - { id: "team:research", name: Research, limit: { usd: ${researchUsd} }, alert_at: [0.85], hard_cap: true }
alerts:
  allow_private_urls: true
  channels:
    pager: { type: webhook, url: "${urls.alerts}" }
`
}

/** `Friday 21:45`, after so many minutes of the night. */
export function clockOf(minutes: number): string {
  const total = Math.floor(NIGHT_STARTS_AT_MINUTE + minutes)
  const day = total < 24 * 60 ? 'Friday' : 'Saturday'
  const two = (value: number) => String(value).padStart(2, '0')
  return `${day} ${two(Math.floor(total / 60) % 24)}:${two(total % 60)}`
}

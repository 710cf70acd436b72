/** The story: three teams' ordinary week, and a Friday night on which an experiment runs in a loop. */

export interface Team {
  readonly name: string
  readonly key: string
  readonly project: string
  /** Calls in flight at a time in the ordinary week. */
  readonly atOnce: number
}

/** One second of the demo is a working day of the week, and five minutes of the night. */
export const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'] as const
export const DAY_MS = 1500
export const NIGHT_MINUTES_PER_SECOND = 5
/** From Friday 18:00 to Saturday 09:00, when somebody looks. */
export const NIGHT_MINUTES = 15 * 60
const NIGHT_STARTS_AT_MINUTE = 18 * 60

/** The loop gives up for the demo once it was refused so often. */
export const REFUSALS_SHOWN = 300
export const LOOP_AT_ONCE = 24
export const NIGHT_MS_MAX = 20_000

export const PROVIDER_LATENCY_MS = 30

export function teams(makeKey: () => string): readonly Team[] {
  return [
    { name: 'marketing', key: makeKey(), project: 'newsletter', atOnce: 2 },
    { name: 'engineering', key: makeKey(), project: 'code-review', atOnce: 4 },
    { name: 'research', key: makeKey(), project: 'experiment', atOnce: 2 },
  ]
}

/** The gateway's config: budgets of a size that a demo can fill. */
export function demoConfig(all: readonly Team[], urls: { readonly provider: string; readonly alerts: string }): string {
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
  - { id: global, name: Global Cap, limit: { tokens: 2M }, hard_cap: true, alert_at: [0.9] }
  - { id: "team:marketing", name: Marketing, monthly_token_limit: 200000, alert_threshold: 0.8, hard_cap: false }
  - { id: "team:engineering", name: Engineering, monthly_token_limit: 600000, alert_threshold: 0.9, hard_cap: false }
  - { id: "team:research", name: Research, monthly_token_limit: 300000, alert_threshold: 0.5, hard_cap: true, owner_email: research-lead@example.com }
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

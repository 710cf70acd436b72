import { clockOf, NIGHT_MINUTES } from './scenario.ts'

/** What was measured in the night. */
export interface Night {
  /** What the loop cost by the ledger, with its calls that were in flight at the first refusal. */
  readonly burntUsd: number
  /** Minutes until the hard cap first refused the loop, or until the demo ended. */
  readonly loopMinutes: number
  readonly isStopped: boolean
  /** The first of the night, and minutes into it; undefined: none came. */
  readonly firstAlert: { readonly minutes: number; readonly text: string } | undefined
  readonly refused: number
  /** What the first refusal said. */
  readonly refusal: string | undefined
  /** Of the other teams' calls in that night. */
  readonly othersAnswered: number
  readonly othersRefused: number
  /** Calls of anybody that neither were answered nor met a budget. */
  readonly failed: number
}

/** The lines that end the demo. Each says what was measured, and the extrapolation says how it is made. */
export function summaryLines(night: Night): readonly string[] {
  const perMinute = night.loopMinutes > 0 ? night.burntUsd / night.loopMinutes : 0
  const stopped = `the hard cap stopped it at ${clockOf(night.loopMinutes)}`
  const { firstAlert } = night
  const others = `${count(night.othersAnswered)} calls in the night answered, ${count(night.othersRefused)} refused`
  return [
    'Saturday 09:00.',
    fact('without Bursar, burnt', `$${formatUsd(perMinute * NIGHT_MINUTES, 0)}`),
    fact('', `(its $${formatUsd(perMinute, 2)} a minute until ${clockOf(night.loopMinutes)}, for the 15 hours from 18:00)`),
    fact('with Bursar, burnt', `$${formatUsd(night.burntUsd, 2)}`),
    fact('', `(${night.isStopped ? stopped : 'the hard cap did not stop it'})`),
    fact('the first alert', firstAlert === undefined ? 'none' : clockOf(firstAlert.minutes)),
    ...(firstAlert === undefined ? [] : [fact('', `"${firstAlert.text}"`)]),
    fact('refused', `${count(night.refused)} calls of the loop`),
    ...(night.refusal === undefined ? [] : [fact('', `"${night.refusal}"`)]),
    fact('the other teams', others),
    ...(night.failed === 0 ? [] : [fact('failed otherwise', `${count(night.failed)} calls`)]),
  ]
}

/** What to do after the demo. */
export function nextSteps(): readonly string[] {
  return [
    'Next: "npm start" writes a bursar.yaml and shows your first call; docs/tutorial.md sets a budget, step by step;',
    '"npx bursar status" shows what is left, and docs/reference/alerts.md says how alerts reach Slack, email or a webhook.',
  ]
}

function formatUsd(usd: number, digits: number): string {
  return usd.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function fact(label: string, value: string): string {
  return `  ${label.padEnd(22)} ${value}`
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

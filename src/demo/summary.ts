import { clockOf, NIGHT_MINUTES } from './scenario.ts'

/** What was measured in the night. */
export interface Night {
  /** Tokens of the loop that the ledger counts, those of calls that were in flight at the first refusal too. */
  readonly burntTokens: number
  /** Minutes until the hard cap first refused the loop, or until the demo ended. */
  readonly loopMinutes: number
  readonly isStopped: boolean
  /** Minutes into the night; undefined: none came. */
  readonly firstAlertMinutes: number | undefined
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
  const perMinute = night.loopMinutes > 0 ? night.burntTokens / night.loopMinutes : 0
  const stopped = `the hard cap stopped it at ${clockOf(night.loopMinutes)}`
  const alert = night.firstAlertMinutes === undefined ? 'none' : clockOf(night.firstAlertMinutes)
  const others = `${count(night.othersAnswered)} calls in the night answered, ${count(night.othersRefused)} refused`
  return [
    'Saturday 09:00.',
    fact('without Bursar, burnt', `${count(perMinute * NIGHT_MINUTES)} tokens`),
    fact('', `(its ${count(perMinute)} a minute until ${clockOf(night.loopMinutes)}, for the 15 hours from 18:00)`),
    fact('with Bursar, burnt', `${count(night.burntTokens)} tokens`),
    fact('', `(${night.isStopped ? stopped : 'it did not meet the hard cap before the demo ended'})`),
    fact('the first alert', alert),
    fact('refused', `${count(night.refused)} calls of the loop`),
    ...(night.refusal === undefined ? [] : [fact('', `"${night.refusal}"`)]),
    fact('the other teams', others),
    ...(night.failed === 0 ? [] : [fact('failed otherwise', `${count(night.failed)} calls`)]),
  ]
}

function fact(label: string, value: string): string {
  return `  ${label.padEnd(22)} ${value}`
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

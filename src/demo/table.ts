import type { BudgetStatus } from './budget-status.ts'

const BAR_CHARS = 20
const COLORS: Readonly<Record<string, number>> = { OK: 32, WARNING: 33, EXCEEDED: 31 }

/** The budgets as lines of at most 79 columns, for limits below 1,000 USD. */
export function budgetLines(budgets: readonly BudgetStatus[], isColored: boolean): readonly string[] {
  return budgets.map(({ name, pct, used, limit, status, hard_cap: isHard }) => {
    const amounts = `$${used.toFixed(2)} / $${limit.toFixed(2)}`
    const painted = (text: string) => (isColored ? `\u001B[${COLORS[status] ?? 0}m${text}\u001B[0m` : text)
    return `${name.padEnd(11)} ${painted(bar(pct))} ${`${pct.toFixed(1)} %`.padStart(7)} ${amounts.padStart(17)}  ${isHard ? 'hard    ' : 'advisory'}  ${painted(status)}`
  })
}

/** `#####---------------` */
function bar(percent: number): string {
  const filled = Math.max(0, Math.min(BAR_CHARS, Math.floor((percent / 100) * BAR_CHARS)))
  return '#'.repeat(filled) + '-'.repeat(BAR_CHARS - filled)
}

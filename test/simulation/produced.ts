import type { BudgetDefinition } from '../../src/domain/budgets/budget.ts'

/** What a provider produced for a call, in tokens. */
export interface Produced {
  readonly input: number
  readonly output: number
}

/** What the prices of the simulation come to, in nano-USD. */
export const PICO = { input: 2_500_000, output: 10_000_000 } as const

export const NOTHING: Produced = { input: 0, output: 0 }

/** Of that, in the unit of a budget. */
export function amountOf(unit: BudgetDefinition['unit'], { input, output }: Produced): number {
  switch (unit) {
    case 'tokens':
      return input + output
    case 'requests':
      return input + output > 0 ? 1 : 0
    case 'usd':
      return Math.ceil((input * PICO.input + output * PICO.output) / 1000)
  }
}

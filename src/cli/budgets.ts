import type { Command } from 'commander'
import { z } from 'zod'
import { type Io, print } from './io.ts'
import type { Server } from './server.ts'
import { amount, table } from './table.ts'

const budget = z.object({
  id: z.string(),
  name: z.string(),
  each: z.string().nullable(),
  limit: z.record(z.string(), z.number()),
  period: z.string(),
  timezone: z.string(),
  hard_cap: z.boolean(),
  archived: z.boolean(),
})

const answer = z.object({ budgets: z.array(budget) })

/** `bursar budgets` */
export function addBudgets(program: Command, io: Io, server: () => Server): void {
  program
    .command('budgets')
    .description('the budgets as they are defined')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar budgets')
    .action(async (options: { json?: boolean }) => {
      const found = await server().get('budgets')
      print(io, options, found, () => {
        const rows = answer.parse(found).budgets.filter(({ archived }) => !archived)
        const lines = rows.map((row) => [
          row.id,
          row.each === null ? row.name : `${row.name} (each ${row.each})`,
          Object.entries(row.limit)
            .map(([unit, value]) => `${amount(unit, value)}${unit === 'usd' ? '' : ` ${unit}`}`)
            .join(),
          row.period === 'total' ? 'in total' : `a ${row.period} (${row.timezone})`,
          row.hard_cap ? 'hard cap' : 'advisory',
        ])
        return table(lines, ['left', 'left', 'right', 'left', 'left'])
      })
    })
}

/** `bursar reset` */
export function addReset(program: Command, io: Io, server: () => Server): void {
  program
    .command('reset')
    .description('close the current account of a budget and begin anew at zero (audited)')
    .argument('<budget>', 'the id of the budget')
    .requiredOption('--reason <text>', 'why; it is kept in the audit log')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar reset team:marketing --reason "agreed with finance"')
    .action(async (id: string, options: { reason: string; json?: boolean }) => {
      const found = await server().post(`budgets/${encodeURIComponent(id)}/reset`, { reason: options.reason })
      print(io, options, found, () => `${id} begins anew at zero; what was used is in "bursar history"\n`)
    })
}

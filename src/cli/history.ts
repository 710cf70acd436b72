import type { Command } from 'commander'
import { z } from 'zod'
import { countUpTo } from './argument.ts'
import { type Io, print } from './io.ts'
import { query, type Server } from './server.ts'
import { accountName, amount, table } from './table.ts'

const close = z.object({
  name: z.string(),
  account: z.string().nullable(),
  unit: z.string(),
  period: z.object({ name: z.string() }),
  used: z.number(),
  limit: z.number(),
  granted: z.number(),
  pct: z.number(),
  closed_at: z.string(),
})

const history = z.object({ closes: z.array(close) })
const closing = z.object({ closed: z.array(close), waiting: z.array(z.object({ id: z.string(), period: z.string() })) })

/** `bursar history` */
export function addHistory(program: Command, io: Io, server: () => Server): void {
  program
    .command('history')
    .description('the periods that have ended, newest first')
    .option('--budget <id>', 'of one budget')
    .option('--limit <count>', 'how many', countUpTo(10_000), '50')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar history --budget team:marketing')
    .action(async (options: { budget?: string; limit: string; json?: boolean }) => {
      const found = await server().get(`history${query({ budget: options.budget, limit: options.limit })}`)
      print(io, options, found, () => formatCloses(history.parse(found).closes, 'no period has ended yet\n'))
    })
}

/** `bursar close` */
export function addClose(program: Command, io: Io, server: () => Server): void {
  program
    .command('close')
    .description('close every period that has ended (it happens by itself; twice is harmless)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar close')
    .action(async (options: { json?: boolean }) => {
      const answer = await server().post('close')
      print(io, options, answer, () => {
        const { closed, waiting } = closing.parse(answer)
        const waits = waiting.map(({ id, period }) => `${id} ${period} waits for calls in flight\n`).join('')
        return formatCloses(closed, 'nothing to close\n') + waits
      })
    })
}

function formatCloses(closes: readonly z.infer<typeof close>[], none: string): string {
  if (closes.length === 0) return none
  const rows = closes.map((row) => [
    row.period.name,
    accountName(row),
    `${row.pct.toFixed(1)} %`,
    `${amount(row.unit, row.used)} / ${amount(row.unit, row.limit + row.granted)}${row.unit === 'usd' ? '' : ` ${row.unit}`}`,
  ])
  return table(rows, ['left', 'left', 'right', 'right'])
}

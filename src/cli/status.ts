import type { Command } from 'commander'
import { z } from 'zod'
import { type Io, paint, print } from './io.ts'
import type { Server } from './server.ts'
import { accountName, amount, bar, table } from './table.ts'

const status = z.object({
  at: z.string(),
  next_cursor: z.string().nullable(),
  budgets: z.array(
    z.object({
      name: z.string(),
      account: z.string().nullable(),
      unit: z.string(),
      used: z.number(),
      limit: z.number(),
      granted: z.number(),
      pct: z.number(),
      status: z.enum(['OK', 'WARNING', 'EXCEEDED']),
      forecast: z.object({ exhausted_at: z.string().nullable() }),
    }),
  ),
})

type Row = z.infer<typeof status>['budgets'][number]

const WATCH_MS = 2000
const COLORS = { OK: 'green', WARNING: 'yellow', EXCEEDED: 'red' } as const

/** `bursar status` */
export function addStatus(program: Command, io: Io, server: () => Server): void {
  program
    .command('status')
    .description('the budgets, the most used first')
    .option('--watch', 'draw it anew every 2 seconds')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar status --watch')
    .action(async (options: { watch?: boolean; json?: boolean }) => {
      const show = async () => {
        const answer = await server().get('status')
        if (options.watch === true && io.isTty) io.stdout.write('\u001B[H\u001B[2J')
        print(io, options, answer, () => formatStatus(io, status.parse(answer)))
      }
      await show()
      while (options.watch === true) {
        await new Promise((resolve) => setTimeout(resolve, WATCH_MS))
        await show()
      }
    })
}

/** The table of `bursar status`. */
function formatStatus(io: Io, { budgets, next_cursor: more }: z.infer<typeof status>): string {
  if (budgets.length === 0) return 'no budgets yet: add one to bursar.yaml\n'
  const rows = budgets.map((row) => [
    accountName(row),
    paint(io, COLORS[row.status], bar(row.pct)),
    `${row.pct.toFixed(1)} %`,
    `${amount(row.unit, row.used)} / ${amount(row.unit, row.limit + row.granted)}${row.unit === 'usd' ? '' : ` ${row.unit}`}`,
    paint(io, COLORS[row.status], row.status),
    runsOut(row),
  ])
  const rest = more === null ? '' : `and more: these are the ${budgets.length} most used\n`
  return table(rows, ['left', 'left', 'right', 'right', 'left', 'left']) + rest
}

function runsOut({ status: state, forecast }: Row): string {
  if (state === 'EXCEEDED') return 'has run out'
  return forecast.exhausted_at === null ? '' : `runs out ${forecast.exhausted_at.slice(0, 16).replace('T', ' ')} UTC`
}

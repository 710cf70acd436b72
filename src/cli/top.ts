import { type Command, Option } from 'commander'
import { z } from 'zod'
import { countUpTo, isoInstant } from './argument.ts'
import { type Io, print } from './io.ts'
import { query, type Server } from './server.ts'
import { amount, shortName, table } from './table.ts'

const answer = z.object({ rows: z.array(z.record(z.string(), z.union([z.string(), z.number()]))) })

/** `bursar top` */
export function addTop(program: Command, io: Io, server: () => Server): void {
  program
    .command('top')
    .description('who uses the most')
    .addOption(new Option('--by <attribute>').choices(['team', 'project', 'user', 'key', 'provider', 'model']).default('user'))
    .option('--from <date>', 'from this date (default: the start of this month)', isoInstant)
    .option('--to <date>', 'up to this date, exclusive', isoInstant)
    .option('--limit <count>', 'how many', countUpTo(1000), '20')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar top --by team --from 2026-10-01')
    .action(async (options: { by: string; from?: string; to?: string; limit: string; json?: boolean }) => {
      const { by, from, to, limit } = options
      const found = answer.parse(await server().get(`top${query({ by, from, to, limit })}`))
      print(io, options, found, () => formatTop(by, found.rows))
    })
}

function formatTop(by: string, rows: z.infer<typeof answer>['rows']): string {
  if (rows.length === 0) return 'no usage in this time\n'
  const names = by === 'user' ? ['user', 'team'] : [by]
  const cell = (row: (typeof rows)[number], name: string) => (row[name] === '' ? '(none)' : shortName(String(row[name])))
  const lines = rows.map((row) => [
    ...names.map((name) => cell(row, name)),
    amount('tokens', Number(row['total'])),
    amount('requests', Number(row['calls'])),
    amount('usd', Number(row['cost_usd'])),
  ])
  return table([[...names, 'tokens', 'calls', 'cost'], ...lines], [...names.map(() => 'left' as const), 'right', 'right', 'right'])
}

import type { Command } from 'commander'
import { z } from 'zod'
import { Failure } from '../engine/failure.ts'
import { type Io, print } from './io.ts'
import type { Server } from './server.ts'
import { table } from './table.ts'

const diagnosis = z.object({
  differences: z.array(z.object({ account: z.string(), what: z.string(), calls: z.number(), other: z.number() })),
  calls_in_flight: z.number(),
  trouble: z.string().nullable(),
})

/** `bursar doctor` */
export function addDoctor(program: Command, io: Io, server: () => Server): void {
  program
    .command('doctor')
    .description('recompute every sum from the ledger; exits 1 on any difference')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar doctor')
    .action(async (options: { json?: boolean }) => {
      const found = diagnosis.parse(await server().get('doctor'))
      print(io, options, found, () => format(found))
      const isIll = found.differences.length > 0 || found.trouble !== null
      if (isIll) throw new Failure('store_unavailable', found.trouble ?? `${found.differences.length} sums differ from the ledger's calls`)
    })
}

function format({ differences, calls_in_flight: inFlight }: z.infer<typeof diagnosis>): string {
  const flight = inFlight === 0 ? '' : ` (${inFlight} calls in flight are not in the sums)`
  if (differences.length === 0) return `every account, close and report adds up to the ledger's calls${flight}\n`
  const rows = differences.map(({ account, what, calls, other }) => [what, account, `calls add up to ${calls}`, `found ${other}`])
  return table(rows, ['left', 'left', 'right', 'right'])
}

import type { Command } from 'commander'
import { Failure } from '../engine/failure.ts'

/** Commands that later versions bring, with the example of their help; until then they say so. */
const LATER: ReadonlyMap<string, string> = new Map([
  ['apply', '--dry-run'],
  ['forecast', ''],
  ['export', ''],
  ['grant', ''],
  ['simulate', 'trace.jsonl'],
  ['mcp', ''],
])

/** The commands of later versions. */
export function addLater(program: Command): void {
  for (const [name, rest] of LATER) {
    program
      .command(name, { hidden: true })
      .description('not available yet')
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  $ bursar ${name} ${rest}`.trimEnd())
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new Failure('not_found', `"bursar ${name}" is not available yet`)
      })
  }
}

import type { Command } from 'commander'
import { Failure } from '../engine/failure.ts'

/** Commands that later versions bring; until then they say so. */
const LATER = ['apply', 'forecast', 'export', 'grant', 'simulate', 'mcp'] as const

export function addLater(program: Command): void {
  for (const name of LATER) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new Failure('not_found', `"bursar ${name}" is not available yet`)
      })
  }
}

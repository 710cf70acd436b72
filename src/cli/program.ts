import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { z } from 'zod'
import { addAlerts } from './alerts.ts'
import { addBudgets, addReset } from './budgets.ts'
import { addDoctor } from './doctor.ts'
import { addClose, addHistory } from './history.ts'
import type { Io } from './io.ts'
import { addKeys } from './keys.ts'
import { addLater } from './later.ts'
import { type Actions, addLocal } from './local.ts'
import { findServer } from './server.ts'
import { addStatus } from './status.ts'
import { addTop } from './top.ts'

const DATA_DIR = './data'

/** As the package says it. */
const VERSION = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))).version

/** The `bursar` command. It throws CommanderError for a wrong call, and Failure for what went wrong. */
export function createProgram(io: Io, actions: Actions): Command {
  const program = new Command('bursar')
  program
    .description("token budgets for a company's AI")
    .version(VERSION, '--version', 'the version of this command')
    .option('--data-dir <dir>', 'where the server of this machine keeps its ledger', DATA_DIR)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nExample:\n  $ bursar status\n\nCommands talk to BURSAR_URL with BURSAR_TOKEN; on the server’s own machine both are found.',
    )
  const server = () => findServer(io, program.opts<{ dataDir: string }>().dataDir)
  addLocal(program, io, actions)
  for (const add of [addStatus, addTop, addHistory, addClose, addBudgets, addReset, addKeys, addAlerts, addDoctor]) add(program, io, server)
  addLater(program)
  return program
}

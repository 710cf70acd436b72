import type { Command } from 'commander'
import { Failure } from '../engine/failure.ts'
import { type Io, print } from './io.ts'

/** What commands without a running server do; handed in, since they stand on the whole house. */
export interface Actions {
  readonly serve: (options: { readonly config?: string }) => Promise<void>
  readonly demo: () => Promise<void>
  /** Writes a first config; returns what to say. */
  readonly init: (options: { readonly path?: string; readonly force: boolean }) => string
  readonly check: (path: string) => Promise<{ readonly ok: boolean; readonly text: string }>
  /** Replaces the admin token of the server that a config describes; returns the new one. */
  readonly resetToken: (configPath: string) => string
}

/** `bursar serve`, `init`, `check`, `demo` and `token`. */
export function addLocal(program: Command, io: Io, actions: Actions): void {
  program
    .command('serve')
    .description('run the gateway and the control plane')
    .option('--config <file>', 'the config (default: bursar.yaml, written on the first start)')
    .addHelpText('after', '\nExample:\n  $ bursar serve --config /etc/bursar.yaml')
    .action((options: { config?: string }, command: Command) => {
      // It would be taken for the place of the ledger, which only the config says.
      if (program.getOptionValueSource('dataDir') === 'cli')
        command.error("error: serve takes no --data-dir; the config's store.data_dir says it")
      return actions.serve(options)
    })
  program
    .command('demo')
    .description('the Friday night in half a minute: no key, no network')
    .addHelpText('after', '\nExample:\n  $ bursar demo')
    .action(() => actions.demo())
  program
    .command('init')
    .description('write a commented bursar.yaml')
    .argument('[file]', 'where', 'bursar.yaml')
    .option('--force', 'also where the file exists')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar init')
    .action((path: string, options: { force?: boolean; json?: boolean }) => {
      const said = actions.init({ path, force: options.force === true })
      print(io, options, { path, message: said }, () => said)
    })
  program
    .command('check')
    .description('read a config and name every mistake with its line')
    .argument('[file]', 'the config', 'bursar.yaml')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar check bursar.yaml')
    .action(async (path: string, options: { json?: boolean }) => {
      const { ok, text } = await actions.check(path)
      if (options.json === true) print(io, options, { ok, messages: text.split('\n') }, () => text)
      else if (ok) print(io, options, undefined, () => text)
      if (!ok) throw new Failure('invalid_config', options.json === true ? `${path} is not valid` : text)
    })
  program
    .command('token')
    .description('the admin token of the server of this machine')
    .command('reset')
    .description('make a new admin token and print it; the one before is no longer good')
    .option('--config <file>', "the server's config", 'bursar.yaml')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar token reset --config /etc/bursar.yaml')
    .action((options: { config: string; json?: boolean }) => {
      const token = actions.resetToken(options.config)
      print(io, options, { token }, () => `admin token, shown this once: ${token}`)
    })
}

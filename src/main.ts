import { existsSync, rmSync } from 'node:fs'
import { CommanderError } from 'commander'
import pino from 'pino'
import { resetAdminToken } from './api/admin-token.ts'
import { createProgram } from './cli/program.ts'
import { writeFirstConfig } from './config/first-config.ts'
import type { Config } from './config/config.ts'
import { ConfigInvalid, loadConfig } from './config/load.ts'
import { unmatchedNames } from './config/unmatched-names.ts'
import { Failure } from './engine/failure.ts'
import { watchLaunchers } from './parent.ts'

/** Exit codes: done, failed, called wrongly. */
const EXIT = { done: 0, failed: 1, usage: 2 } as const

const DEFAULT_CONFIG = 'bursar.yaml'
const REPEAT_MS = 300
/** For output that is on its way. */
const LEFT_MS = 1000

const logger = pino({ name: 'bursar', level: process.env['LOG_LEVEL'] ?? 'info' }, pino.destination(2))

function log(message: string, error?: unknown): void {
  if (error === undefined) logger.warn(message)
  else logger.error({ err: error }, message)
}

/** Runs until a signal comes; a second signal ends it at once. */
async function runServer(configPath: string): Promise<void> {
  // Commands that only ask a server load none of it.
  const [{ serve }, notesOf] = await Promise.all([import('./serve.ts'), loadNotesOf()])
  // Listened for before the start: whoever reads the address may end the server in the same instant.
  const stopped = stopSignal()
  process.on('SIGHUP', () => log('SIGHUP: the config is read at the start only; restart to take up a change'))
  const app = await serve({ configPath, env: process.env, notesOf, print: (text) => process.stdout.write(`${text}\n`), log })
  const signal = await stopped
  process.stdout.write(`${signal}: no new calls; waiting for ${app.engine.callsInFlight()} in flight (again to stop at once)\n`)
  await app.close()
}

/** The first signal to stop. A later one ends the process at once; one Ctrl-C may come twice, from the terminal and from npm. */
function stopSignal(): Promise<string> {
  let firstAt: number | undefined
  return new Promise((resolve) => {
    const hear = (name: string) => {
      firstAt ??= Date.now()
      if (Date.now() - firstAt > REPEAT_MS) process.exit(EXIT.failed)
      resolve(name)
    }
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => hear(name))
    // Not a second signal: what launched it may end before its calls do.
    watchLaunchers(process.env, () => resolve('the process that started this one has ended'))
  })
}

async function main(): Promise<number> {
  const program = createProgram(
    {
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      isTty: process.stdout.isTTY,
      columns: process.stdout.columns ?? 80,
      fetch,
    },
    {
      serve: ({ config }) => runServer(config ?? DEFAULT_CONFIG),
      demo: () => playDemo(),
      init: ({ path = DEFAULT_CONFIG, force }) => initConfig(path, force),
      check: (path) => checkConfig(path),
      resetToken: (path) => resetToken(path),
    },
  )
  await program.parseAsync(process.argv)
  return EXIT.done
}

async function playDemo(): Promise<void> {
  const [{ runDemo }, { startDemoGateway }] = await Promise.all([import('./demo/demo.ts'), import('./demo-gateway.ts')])
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  const out = process.stdout
  await runDemo({ startGateway: startDemoGateway(log), out, isTty: out.isTTY, signal: stop.signal })
}

function initConfig(path: string, force: boolean): string {
  if (existsSync(path)) {
    if (!force) throw new Failure('invalid_config', `${path} exists: nothing was changed (--force writes it anew)`)
    rmSync(path)
  }
  const key = writeFirstConfig(path)
  return `wrote ${path}: four budgets and two example keys; the first is ${key}`
}

async function checkConfig(path: string): Promise<{ readonly ok: boolean; readonly text: string }> {
  try {
    const config = loadConfig(path, process.env)
    const notesOf = await loadNotesOf()
    const summary = `${path} is valid: ${config.budgets.length} budgets, ${config.keys.length} keys, ${config.providers.length} providers`
    return { ok: true, text: [summary, ...notesOf(config).map((note) => `note: ${note}`)].join('\n') }
  } catch (error) {
    if (error instanceof ConfigInvalid) return { ok: false, text: error.message }
    throw error
  }
}

/** What finds all that is allowed in a config and probably not meant. Commands that read no config load no price list. */
async function loadNotesOf(): Promise<(config: Config) => readonly string[]> {
  const { knownModels } = await import('./providers/prices/known-models.ts')
  return (config) => [...config.warnings, ...unmatchedNames(config, knownModels())]
}

function resetToken(configPath: string): string {
  const { store, server } = loadConfig(configPath, process.env)
  return resetAdminToken(store.dataDir, server.adminToken)
}

// `bursar status | head`: nobody reads on, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(EXIT.done)
})

try {
  process.exitCode = await main()
} catch (error) {
  process.exitCode = exitCodeOf(error)
  // Whatever a failed start may have left running does not keep the process, and with it the lock of data_dir.
  setTimeout(() => process.exit(), LEFT_MS).unref()
  if (error instanceof Failure) process.stderr.write(`${error.message}\n`)
  else if (!(error instanceof CommanderError)) log('bursar ended in an unexpected error', error)
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof CommanderError)) return EXIT.failed
  return error.exitCode === 0 ? EXIT.done : error.code.startsWith('commander.') ? EXIT.usage : error.exitCode
}

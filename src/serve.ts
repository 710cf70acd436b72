import { existsSync, rmSync } from 'node:fs'
import { openAdminAccess } from './api/admin-token.ts'
import { type App, startApp } from './compose.ts'
import type { Config } from './config/config.ts'
import { writeFirstConfig } from './config/first-config.ts'
import { loadConfig } from './config/load.ts'
import { Failure } from './engine/failure.ts'
import { isOwnAddress } from './gateway/own-address.ts'
import { announceLeaving, startWhenFree, untilSucceeded } from './handover.ts'
import { keepTickShape } from './tick-shape.ts'

export interface ServeOptions {
  /** Path of the config; where there is none, a first one is written. */
  readonly configPath: string
  readonly env: NodeJS.ProcessEnv
  /** What is allowed in a config and probably not meant, a line each. */
  readonly notesOf: (config: Config) => readonly string[]
  readonly print: (text: string) => void
  readonly log: (message: string, error?: unknown) => void
}

/**
 * Starts Bursar and says where it is. The first start writes a config, and shows what can be seen only once when it serves; where
 * it fails, it leaves no config behind, so that the next one is the first again.
 * @throws Failure invalid_config, store_unavailable
 */
export async function serve(options: ServeOptions): Promise<App> {
  keepTickShape()
  const { configPath } = options
  const first = existsSync(configPath) ? undefined : writeFirstConfig(configPath)
  try {
    return await start(options, first)
  } catch (error) {
    if (first !== undefined) rmSync(configPath)
    throw error
  }
}

async function start({ configPath, env, notesOf, print, log }: ServeOptions, first: string | undefined): Promise<App> {
  const config = loadConfig(configPath, env)
  refuseOwnUpstream(config)
  for (const note of notesOf(config)) print(`note: ${note}`)
  const access = openAdminAccess(config.store.dataDir, config.server.adminToken)
  const { dataDir } = config.store
  const begin = (isSuccessor: boolean) => startApp(config, { log, isAdminToken: access.isAdminToken, isSuccessor })
  const app = await startWhenFree(dataDir, begin, print).catch((error: unknown) => {
    throw explainStart(error, config.server)
  })
  try {
    access.announce(app.url)
  } catch (error) {
    await app.close()
    throw new Failure('store_unavailable', `can't write to the data_dir ${config.store.dataDir}: ${String(error)}`, error)
  }
  print(`Bursar counts at ${app.url} (config ${configPath}, ${config.budgets.length} budgets, ledger in ${dataDir})`)
  if (access.generated !== undefined) print(`admin token, shown this once: ${access.generated} (lost: "npx bursar token reset")`)
  if (first !== undefined) print(firstSteps(app.url, configPath, first))
  return {
    ...app,
    close: () => {
      announceLeaving(dataDir)
      return app.close(() => untilSucceeded(dataDir))
    },
  }
}

/** Calls to a provider that is this server would come in again, refused there or counted twice. */
function refuseOwnUpstream({ providers, server }: Config): void {
  const own = providers.find(({ baseUrl }) => isOwnAddress(baseUrl, server))
  if (own === undefined) return
  throw new Failure(
    'invalid_config',
    `providers.${own.name}.base_url (${own.baseUrl}) is this Bursar itself: set the provider's own address there. ` +
      'Is OPENAI_BASE_URL or ANTHROPIC_BASE_URL meant for your clients set where Bursar starts?',
  )
}

function firstSteps(url: string, configPath: string, key: string): string {
  return `
wrote ${configPath}: four budgets and two example keys. Your first call (the provider's own key comes from OPENAI_API_KEY):

  curl ${url}/v1/chat/completions \\
    -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\
    -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}'

then: npx bursar status
`
}

function explainStart(error: unknown, { host, port }: { readonly host: string; readonly port: number }): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return new Failure('invalid_config', `port ${port} on ${host} is in use: stop what listens there, or set another server.port`, error)
  if (code === 'EACCES')
    return new Failure('invalid_config', `port ${port} on ${host} needs more rights: set a server.port of 1024 or more`, error)
  return error
}

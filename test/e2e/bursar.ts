import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openAdminAccess } from '../../src/api/admin-token.ts'
import { type App, startApp } from '../../src/compose.ts'
import type { Config } from '../../src/config/config.ts'
import { formatConfigErrors, parseConfig } from '../../src/config/load.ts'
import type { Clock } from '../../src/engine/ports.ts'

export const KEY = 'bsr_test_key_0123456789'
const ADMIN = 'bsr_admin_test_0123456789'

/** A directory of its own for one Bursar, removed at the end. */
export function tempDir(): string {
  return mkdtempSync(join(tmpdir(), 'bursar-test-'))
}

export interface Setup {
  readonly upstreamUrl: string
  readonly dir: string
  /** YAML of the list under `budgets`. */
  readonly budgets: string
  readonly keys?: string
  /** Further YAML below `providers`. */
  readonly providers?: string
  /** Further top-level YAML. */
  readonly more?: string
  readonly store?: string
  /** Further keys of `server`, each after a comma. */
  readonly server?: string
  /** Any free one unless told. */
  readonly port?: number
  /** How long a provider may take to answer; 5s unless told. */
  readonly timeout?: string
  /** Options of Node for a process of its own. */
  readonly nodeOptions?: readonly string[]
}

function configText({
  upstreamUrl,
  dir,
  budgets,
  keys,
  providers = '',
  more = '',
  store = '',
  server = '',
  port = 0,
  timeout = '5s',
}: Setup): string {
  return `
server: { port: ${port}, admin_token: ${ADMIN}${server} }
store: { data_dir: ${join(dir, 'data')}${store} }
providers:
  openai: { api: openai, base_url: ${upstreamUrl}/v1, api_key: sk-provider, timeout: ${timeout}, forward_headers: [x-trace-line, x-custom-*] }
  anthropic: { api: anthropic, base_url: ${upstreamUrl}, api_key: sk-ant-provider, timeout: ${timeout} }
${providers}
keys:
${keys ?? `  - { name: tester, secret: ${KEY}, team: research, project: lab, allow: [user, tag.*] }`}
budgets:
${budgets}
${more}
`
}

/** @throws Error with what is wrong in it */
export function configOf(setup: Setup): Config {
  const path = join(setup.dir, 'bursar.yaml')
  const parsed = parseConfig(configText(setup), { path, env: {} })
  if (parsed.kind === 'invalid') throw new Error(formatConfigErrors(path, parsed.errors))
  return parsed.config
}

/** Bursar in this process, with a clock that the test may move. */
export async function startInProcess(setup: Setup, clock?: Clock): Promise<App & { readonly logged: string[] }> {
  mkdirSync(join(setup.dir, 'data'), { recursive: true })
  const config = configOf(setup)
  const logged: string[] = []
  const access = openAdminAccess(config.store.dataDir, ADMIN)
  const app = await startApp(config, {
    ...(clock === undefined ? {} : { clock }),
    log: (message, error) => logged.push(error instanceof Error ? `${message}: ${error.stack}` : message),
    isAdminToken: access.isAdminToken,
  })
  return { ...app, logged }
}

/** Bursar as a user runs it: a process of its own, that can be killed. */
export interface Process {
  readonly url: string
  readonly child: ChildProcess
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<number | null>
}

export async function startProcess(setup: Setup): Promise<Process> {
  const path = join(setup.dir, 'bursar.yaml')
  writeFileSync(path, configText(setup))
  const bin = new URL('../../bin/bursar.js', import.meta.url).pathname
  const child = spawn(process.execPath, [...(setup.nodeOptions ?? []), bin, 'serve', '--config', path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: setup.dir,
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`bursar ended with ${code}: ${errors}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /http:\/\/\S+/.exec(line)?.[0]
      if (found !== undefined) resolve(found)
    })
  })
  const ended = once(child, 'exit')
  return {
    url,
    child,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
    stop: async () => {
      child.kill('SIGTERM')
      const [code] = (await ended) as [number | null]
      return code
    },
  }
}

export async function api<T>(url: string, path: string, init: RequestInit = {}): Promise<T> {
  const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' }
  const response = await fetch(`${url}/api/v1/${path}`, { ...init, headers })
  const body = (await response.json()) as T
  if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`)
  return body
}

export interface StatusRow {
  readonly id: string
  readonly account: string | null
  readonly used: number
  readonly held: number
  readonly limit: number
  readonly pct: number
  readonly status: string
}

export async function statusOf(url: string, id: string): Promise<StatusRow> {
  const { budgets } = await api<{ budgets: StatusRow[] }>(url, 'status')
  const row = budgets.find((budget) => budget.id === id)
  if (row === undefined) throw new Error(`no budget ${id} in ${JSON.stringify(budgets)}`)
  return row
}

export function post(url: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

export function chat(url: string, maxTokens: number | undefined, more: Record<string, unknown> = {}): Promise<Response> {
  const limit = maxTokens === undefined ? {} : { max_tokens: maxTokens }
  return post(url, '/v1/chat/completions', { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }], ...limit, ...more })
}

/** Waits until `holds` is true; the caller's test time limit bounds it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

export function remove(dir: string): void {
  rmSync(dir, { recursive: true, force: true })
}

import { execFile } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { findPostgres, findProgram, REDIS_CLI, REDIS_SERVER } from './programs.ts'

const UPDATE_MS_MAX = 60_000
const INSTALL_MS_MAX = 180_000

/** Debian asks this script before it starts a service of a package that was installed. */
const POLICY = '/usr/sbin/policy-rc.d'

/**
 * Installs Debian's packages of what the tests need and is not there, where this process may: as root, and with apt-get.
 * @returns why something is missing still; undefined: it was installed, or there was nothing to install
 */
export async function installMissing(wanted: { readonly redis: boolean; readonly postgres: boolean }): Promise<string | undefined> {
  const hasRedis = findProgram(REDIS_SERVER) !== undefined && findProgram(REDIS_CLI) !== undefined
  const packages = [
    ...(wanted.redis && !hasRedis ? ['redis-server'] : []),
    ...(wanted.postgres && findPostgres() === undefined ? ['postgresql'] : []),
  ]
  if (packages.length === 0) return undefined
  const names = packages.join(' and ')
  if (process.getuid?.() !== 0 || findProgram(['apt-get']) === undefined)
    return `${names} not installed; on Debian: apt-get install ${packages.join(' ')}`
  process.stdout.write(`installing ${names} for the tests\n`)
  return await withoutStartingServices(() => aptInstall(packages)).catch(
    (error: unknown) => `${names} could not be installed: ${String(error).split('\n')[0] ?? ''}`,
  )
}

async function aptInstall(packages: readonly string[]): Promise<undefined> {
  const run = promisify(execFile)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update'], { env, timeout: UPDATE_MS_MAX })
  await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env, timeout: INSTALL_MS_MAX, maxBuffer: 16e6 })
}

async function withoutStartingServices<T>(install: () => Promise<T>): Promise<T> {
  if (existsSync(POLICY)) return install()
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return install().finally(() => rmSync(POLICY))
}

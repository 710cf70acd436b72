import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export const REDIS_SERVER = ['redis-server', 'valkey-server']
export const REDIS_CLI = ['redis-cli', 'valkey-cli']

const DEBIANS_POSTGRES = '/usr/lib/postgresql'

/** The path of the first of these programs that is installed. */
export function findProgram(names: readonly string[], folders: readonly string[] = foldersOfPath()): string | undefined {
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/** The folder of PostgreSQL's server programs, the newest version's; Debian keeps them out of PATH. */
export function findPostgres(): string | undefined {
  const versions = existsSync(DEBIANS_POSTGRES) ? readdirSync(DEBIANS_POSTGRES) : []
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(DEBIANS_POSTGRES, version, 'bin'))
  return [...newestFirst, ...foldersOfPath()].find(
    (folder) => isExecutable(join(folder, 'postgres')) && isExecutable(join(folder, 'initdb')),
  )
}

function foldersOfPath(): readonly string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

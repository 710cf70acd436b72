import { execFile } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findPostgres } from './programs.ts'
import { freePort, startServer } from './server-process.ts'

const run = promisify(execFile)

/**
 * Starts a PostgreSQL on 127.0.0.1, in a directory of its own, which `stop` removes. It survives `kill -9` and no power cut.
 * @throws Error where none is installed
 */
export async function startPostgres(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const folder = findPostgres()
  if (folder === undefined) throw new Error('postgresql is not installed')
  const dir = mkdtempSync(join(tmpdir(), 'bursar-postgres-'))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  try {
    const user = process.getuid?.() === 0 ? await userOf('postgres') : undefined
    if (user !== undefined) chownSync(dir, user.uid, user.gid)
    const init = ['-D', dir, '-U', 'bursar', '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions']
    await run(join(folder, 'initdb'), init, { cwd: dir, ...user })
    const port = await freePort()
    const server = await startServer({
      program: join(folder, 'postgres'),
      args: ['-D', dir, '-p', String(port), ...settings(dir)],
      readyLine: /database system is ready to accept connections/,
      lastSignal: 'INT',
      cwd: dir,
      ...(user === undefined ? {} : { user }),
    })
    const stop = async () => {
      // Immediate: what is left behind is thrown away.
      await server.end('SIGQUIT')
      remove()
    }
    return { url: `postgres://bursar@127.0.0.1:${port}/postgres`, stop }
  } catch (error) {
    remove()
    throw error
  }
}

function settings(socketDir: string): readonly string[] {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: socketDir, max_connections: '200', fsync: 'off' }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** PostgreSQL refuses to run as root. */
async function userOf(name: string): Promise<{ uid: number; gid: number }> {
  const idOf = async (flag: string) => Number((await run('id', [flag, name])).stdout)
  return { uid: await idOf('-u'), gid: await idOf('-g') }
}

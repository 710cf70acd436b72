import { execFile } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { findPostgres } from './programs.ts'
import { freePort, type ServerProcess, startServer } from './server-process.ts'

const run = promisify(execFile)

/** A PostgreSQL of the tests' own, in a directory of its own. It survives `kill -9` and no power cut. */
export interface PostgresServer {
  readonly url: string
  readonly port: number
  /** Ends it, and throws its data away. */
  readonly stop: () => Promise<void>
  /** Kills it at once; its data stays. */
  readonly kill9: () => Promise<void>
  /** Starts it again at the same port with its data. */
  readonly restart: () => Promise<void>
}

const TRIES = 100
const PAUSE_MS = 100

/**
 * Starts a PostgreSQL on 127.0.0.1.
 * @throws Error where none is installed
 */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = findPostgres()
  if (folder === undefined) throw new Error('postgresql is not installed')
  const dir = mkdtempSync(join(tmpdir(), 'bursar-postgres-'))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  try {
    const user = process.getuid?.() === 0 ? await userOf('postgres') : undefined
    if (user !== undefined) chownSync(dir, user.uid, user.gid)
    // Not the name of Bursar's schema: PostgreSQL would look there first, and hide who forgets to say so.
    const init = ['-D', dir, '-U', 'tester', '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions']
    await run(join(folder, 'initdb'), init, { cwd: dir, ...user })
    const port = await freePort()
    const start = () =>
      startServer({
        program: join(folder, 'postgres'),
        args: ['-D', dir, '-p', String(port), ...settings(dir)],
        readyLine: /database system is ready to accept connections/,
        lastSignal: 'INT',
        cwd: dir,
        ...(user === undefined ? {} : { user }),
      })
    let server = await start()
    return {
      url: `postgres://tester@127.0.0.1:${port}/postgres`,
      port,
      stop: async () => {
        // Immediate: what is left behind is thrown away.
        await server.end('SIGQUIT')
        remove()
      },
      kill9: () => server.end('SIGKILL'),
      restart: async () => {
        server = await onceOrphansAreGone(start)
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

/** The processes of one that was killed end a little later; until then its data is in use. */
async function onceOrphansAreGone(start: () => Promise<ServerProcess>): Promise<ServerProcess> {
  for (let tries = 1; ; tries++) {
    try {
      return await start()
    } catch (error) {
      if (tries === TRIES || !String(error).includes('pre-existing shared memory')) throw error
      await delay(PAUSE_MS)
    }
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

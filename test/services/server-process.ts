import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { findProgram } from './programs.ts'

/** A server in a process of its own; it ends at the latest when this process does. */
export interface ServerProcess {
  readonly pid: number
  readonly isRunning: () => boolean
  /** Returns when it has ended; a process that has ended already is left alone. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>
}

export interface ServerCommand {
  readonly program: string
  readonly args: readonly string[]
  /** What it prints once it takes connections. */
  readonly readyLine: RegExp
  /** What ends it when this process dies without having ended it. */
  readonly lastSignal: 'KILL' | 'INT'
  readonly cwd?: string
  readonly user?: { readonly uid: number; readonly gid: number }
}

const READY_MS_MAX = 30_000

/**
 * Starts a server and waits until it is ready.
 * @throws Error with what it printed, where it ends before
 */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const { program, args, readyLine, lastSignal, cwd, user } = command
  // Linux ends it for us where this process is killed and can't.
  const setpriv = process.platform === 'linux' ? findProgram(['setpriv']) : undefined
  const [file, ...allArgs] = setpriv === undefined ? [program, ...args] : [setpriv, '--pdeathsig', lastSignal, program, ...args]
  const child = spawn(file ?? program, allArgs, { stdio: ['ignore', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }), ...user })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  endAtExit(child)
  await ready(child, readyLine).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  child.stdout.resume()
  child.stderr.resume()
  child.unref()
  const isRunning = () => child.exitCode === null && child.signalCode === null
  return {
    pid: child.pid ?? 0,
    isRunning,
    end: async (signal) => {
      if (!isRunning()) return
      child.ref()
      child.kill(signal)
      // A process that was stopped takes no other signal before it goes on.
      child.kill('SIGCONT')
      await ended
    },
  }
}

const running = new Set<ChildProcess>()

function endAtExit(child: ChildProcess): void {
  if (running.size === 0) process.once('exit', killAll)
  running.add(child)
  child.once('exit', () => {
    running.delete(child)
    if (running.size === 0) process.off('exit', killAll)
  })
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

function ready(child: ChildProcess, readyLine: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = ''
    const fail = (why: string) => reject(new Error(`${child.spawnfile} ${why}: ${printed.trim().slice(-1000)}`))
    const deadline = setTimeout(() => fail('was not ready in time'), READY_MS_MAX)
    const hear = (chunk: Buffer) => {
      printed += chunk.toString()
      if (!readyLine.test(printed)) return
      clearTimeout(deadline)
      child.stdout?.off('data', hear)
      child.stderr?.off('data', hear)
      resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('error', (error) => fail(error.message))
    child.once('exit', () => {
      clearTimeout(deadline)
      fail('ended')
    })
  })
}

/** A port of 127.0.0.1 that nothing listens at, below those that the system gives to clients. */
export async function freePort(isFree: (port: number) => Promise<boolean> = canListen): Promise<number> {
  for (;;) {
    const port = 10_200 + Math.floor(Math.random() * 12_000)
    if (await isFree(port)) return port
  }
}

/** True where a server could listen at that port of 127.0.0.1. */
export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

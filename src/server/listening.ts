import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ListenOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** True where the process before this one still answers on the port, and will leave it. */
  readonly isSuccessor: boolean
}

/** How long a successor waits for a port, on systems where two processes can't have it at once. */
const PORT_WAIT_MS = 30_000
const PORT_RETRY_MS = 25
/** How long a start waits for a port that a process which has just ended is about to leave. */
const LEFT_MS = 3000

/**
 * Listens on a port that another process of the same user may take over while this one still answers on it (SO_REUSEPORT), so that a
 * restart refuses no connection. A port that somebody else has is refused all the same.
 * @returns the URL
 * @throws Error EADDRINUSE, EACCES
 */
export async function listenOn(server: Server, options: ListenOptions): Promise<string> {
  const { host, isSuccessor } = options
  if (!isSuccessor && options.port !== 0) await refuseTaken(server, options)
  await listenShared(server, options)
  const address = server.address()
  const port = isAddressInfo(address) ? address.port : options.port
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** A port can be shared only by who asked for that: any other process that has it, another Bursar too, is found by not asking. */
async function refuseTaken(server: Server, { host, port }: ListenOptions): Promise<void> {
  await patiently(LEFT_MS, () => listening(server, { host, port }))
  await new Promise((resolve) => server.close(resolve))
}

/** Tries again while the port is taken. */
async function patiently(patienceMs: number, listen: () => Promise<void>): Promise<void> {
  for (const giveUpAt = performance.now() + patienceMs; ;) {
    try {
      return await listen()
    } catch (error) {
      if (!isTaken(error) || performance.now() > giveUpAt) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, PORT_RETRY_MS))
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}

/** Not all systems can share a port; there a successor waits until it is left. */
async function listenShared(server: Server, { host, port, isSuccessor }: ListenOptions): Promise<void> {
  const patienceMs = isSuccessor ? PORT_WAIT_MS : 0
  try {
    await patiently(patienceMs, () => listening(server, { host, port, reusePort: true }))
  } catch (error) {
    if (isTaken(error)) throw error
    await patiently(patienceMs, () => listening(server, { host, port }))
  }
}

function listening(server: Server, options: { host: string; port: number; reusePort?: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      server.off('listening', listens)
      reject(error)
    }
    const listens = () => {
      server.off('error', failed)
      resolve()
    }
    server.once('error', failed).once('listening', listens).listen(options)
  })
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null
}

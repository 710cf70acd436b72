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

/** A port can be shared only by who asked for that: whoever has it for himself, and another Bursar too, is found by not asking. */
async function refuseTaken(server: Server, { host, port }: ListenOptions): Promise<void> {
  await listening(server, { host, port })
  await new Promise((resolve) => server.close(resolve))
}

async function listenShared(server: Server, { host, port, isSuccessor }: ListenOptions): Promise<void> {
  const giveUpAt = performance.now() + PORT_WAIT_MS
  for (let reusePort = true; ;) {
    try {
      return await listening(server, { host, port, reusePort })
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      const isTaken = code === 'EADDRINUSE'
      if (reusePort && !isTaken) reusePort = false
      else if (!isTaken || !isSuccessor || performance.now() > giveUpAt) throw error
      else await new Promise((resolve) => setTimeout(resolve, PORT_RETRY_MS))
    }
  }
}

function listening(server: Server, options: { host: string; port: number; reusePort?: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null
}

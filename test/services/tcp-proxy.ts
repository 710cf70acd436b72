import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server of 127.0.0.1 that the test can break and mend. */
export interface TcpProxy {
  readonly port: number
  /** Ends all connections, and refuses new ones. */
  readonly cut: () => void
  /** Carries no byte any more, either way; connections stay, and new ones are taken. */
  readonly hang: () => void
  /** Mends it: what waited in connections that are still there goes on. */
  readonly heal: () => void
  /** From now on it leads to another port; connections to the one before end. */
  readonly lead: (port: number) => void
  readonly close: () => Promise<void>
}

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

/** Starts a way to that port of 127.0.0.1. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let to = target
  let state: 'open' | 'cut' | 'hanging' = 'open'
  const server = createServer((near) => {
    if (state === 'cut') {
      near.resetAndDestroy()
      return
    }
    const pair = join(near, to, () => pairs.delete(pair))
    pairs.add(pair)
    if (state === 'hanging') pause(pair)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endAll = () => {
    for (const { near, far } of pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      state = 'cut'
      endAll()
    },
    hang: () => {
      state = 'hanging'
      pairs.forEach(pause)
    },
    heal: () => {
      state = 'open'
      for (const { near, far } of pairs) {
        near.resume()
        far.resume()
      }
    },
    lead: (port) => {
      to = port
      endAll()
    },
    close: async () => {
      endAll()
      server.close()
      await once(server, 'close')
    },
  }
}

function join(near: Socket, port: number, onEnd: () => void): Pair {
  const far = connect(port, '127.0.0.1')
  relay(near, far)
  relay(far, near)
  near.once('close', onEnd)
  return { near, far }
}

function relay(from: Socket, to: Socket): void {
  from.setNoDelay(true)
  from.on('data', (chunk: Buffer) => to.write(chunk))
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
  from.on('end', () => to.end())
}

function pause({ near, far }: Pair): void {
  near.pause()
  far.pause()
}

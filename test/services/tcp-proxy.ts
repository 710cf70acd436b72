import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server that can be broken and mended. */
export interface TcpProxy {
  readonly port: number
  /** Ends all connections, and refuses new ones. */
  readonly cut: () => void
  /** Carries no byte any more, either way; connections stay, and new ones are taken. */
  readonly hang: () => void
  /** Carries requests, and no answers: what was asked for is done, and nobody hears of it. */
  readonly mute: () => void
  /**
   * Mends it. After `hang`, what waited in connections that are still there goes on; after `mute` they end: later answers would be
   * taken for those that are missing.
   */
  readonly heal: () => void
  /** From now on it leads to another port; connections to the one before end. */
  readonly lead: (port: number) => void
  readonly close: () => Promise<void>
}

export interface Target {
  /** 127.0.0.1 unless told. */
  readonly host?: string
  readonly port: number
}

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

/** Starts a way there from a free port of 127.0.0.1. */
export async function startTcpProxy({ host = '127.0.0.1', port }: Target): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let to = port
  let state: 'open' | 'cut' | 'hanging' | 'mute' = 'open'
  const server = createServer((near) => {
    if (state === 'cut') {
      near.resetAndDestroy()
      return
    }
    const far = connect(to, host)
    const pair = { near, far }
    relay(near, far, () => true)
    relay(far, near, () => state !== 'mute')
    near.once('close', () => pairs.delete(pair))
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
    mute: () => {
      state = 'mute'
    },
    heal: () => {
      if (state === 'mute') endAll()
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
      state = 'cut'
      endAll()
      server.close()
      await once(server, 'close')
    },
  }
}

function relay(from: Socket, to: Socket, isCarried: () => boolean): void {
  from.setNoDelay(true)
  from.on('data', (chunk: Buffer) => {
    if (isCarried()) to.write(chunk)
  })
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
  from.on('end', () => to.end())
}

function pause({ near, far }: Pair): void {
  near.pause()
  far.pause()
}

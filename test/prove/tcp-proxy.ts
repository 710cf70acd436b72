import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server, anywhere, that may be cut. */
export interface TcpProxy {
  readonly port: number
  /** Ends all connections, and refuses new ones. */
  readonly cut: () => void
  /** Carries requests, and no answers: what was asked for is done, and nobody hears of it. */
  readonly mute: () => void
  /** Carries everything again. Connections in which answers are missing end: later ones would be taken for them. */
  readonly heal: () => void
  readonly close: () => Promise<void>
}

export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const open = new Set<Socket>()
  let state: 'whole' | 'cut' | 'mute' = 'whole'
  const endAll = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  const server = createServer((near) => {
    if (state === 'cut') {
      near.resetAndDestroy()
      return
    }
    const far = connect(target)
    relay(near, far, () => true)
    relay(far, near, () => state !== 'mute')
    open.add(near)
    near.once('close', () => open.delete(near))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: portOf(server.address()),
    cut: () => {
      state = 'cut'
      endAll()
    },
    mute: () => {
      state = 'mute'
    },
    heal: () => {
      if (state === 'mute') endAll()
      state = 'whole'
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
  from.on('data', (bytes: Buffer) => {
    if (isCarried()) to.write(bytes)
  })
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}

function portOf(address: AddressInfo | string | null): number {
  return address === null || typeof address === 'string' ? 0 : address.port
}

import type { Server } from 'node:http'
import type { Engine } from '../engine/engine.ts'
import { createListener, type Handler } from '../http/listener.ts'
import { closeListener, drain } from './drain.ts'
import { type ListenOptions, listenOn } from './listening.ts'
import { OpenRequests } from './open-requests.ts'

export interface PortOptions extends ListenOptions {
  /** Paths of the control plane; everything else is a call to a provider. */
  readonly isControlPlane: (url: string) => boolean
  readonly controlPlane: Handler
  readonly gateway: Handler
  /** Answers for the control plane once its stores are closed. */
  readonly closed: Handler
  /** Hears of what a handler did not answer. */
  readonly failed: (error: unknown) => void
}

/** Waited for before the port is left. */
export type HandOver = () => Promise<void>

/**
 * The one port of a Bursar. Calls to providers pass no web framework, which would cost more than all of the gateway.
 */
export class Port {
  readonly url: string
  readonly #listener: Server
  readonly #open: OpenRequests
  readonly #state: { isClosed: boolean }

  private constructor(url: string, listener: Server, open: OpenRequests, state: { isClosed: boolean }) {
    this.url = url
    this.#listener = listener
    this.#open = open
    this.#state = state
  }

  /** @throws Error EADDRINUSE, EACCES */
  static async open(options: PortOptions): Promise<Port> {
    const open = new OpenRequests()
    const state = { isClosed: false }
    const handle = open.counted((request, response) => {
      if (!options.isControlPlane(request.url ?? '')) return options.gateway(request, response)
      return state.isClosed ? options.closed(request, response) : options.controlPlane(request, response)
    })
    const listener = createListener(handle, options.failed)
    return new Port(await listenOn(listener, options), listener, open, state)
  }

  /** Resolves when what is open has ended, or was cut off. New requests are still answered. */
  async drain(engine: Pick<Engine, 'callsInFlight'>, closing: AbortController): Promise<void> {
    await drain(this.#open, engine, closing)
    this.#state.isClosed = true
  }

  /** Tells callers to come again until that is no longer wanted, and leaves the port. */
  async leave(handOver: HandOver | undefined): Promise<void> {
    await handOver?.()
    await closeListener(this.#listener)
  }
}

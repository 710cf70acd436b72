import { once } from 'node:events'

/** What a process keeps in memory, in bytes, right after all garbage was collected. */
export interface Kept {
  /** In the heap of its main thread. */
  readonly heap: number
  /** In the heaps of its other threads. */
  readonly threads: number
  /** Outside of these heaps, for buffers of all threads. */
  readonly buffers: number
}

/** Another process, seen through the inspector of its Node, which it was started with: it needs no part in it. */
export interface Inspector {
  readonly kept: () => Promise<Kept>
  /** What keeps its event loop alive, by kind. */
  readonly resources: () => Promise<readonly string[]>
  /** Adds up what the objects of each kind keep themselves: the heap's snapshot, as DevTools read it. */
  readonly snapshot: () => Promise<string>
  readonly close: () => Promise<void>
}

interface Message {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
  readonly method?: string
  readonly params?: { readonly sessionId: string; readonly message: string; readonly chunk: string }
}

type Params = Readonly<Record<string, unknown>>

/** One thread's side of the protocol: https://chromedevtools.github.io/devtools-protocol/v8/ */
class Thread {
  readonly #post: (text: string) => void
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #lastId = 0

  constructor(post: (text: string) => void) {
    this.#post = post
  }

  ask<T>(method: string, params: Params = {}): Promise<T> {
    const id = ++this.#lastId
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    this.#post(JSON.stringify({ id, method, params }))
    return waiting.promise as Promise<T>
  }

  hear({ id = 0, result, error }: Message): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error.message))
  }

  gone(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error('the thread, or its process, ended'))
    this.#waiting.clear()
  }
}

interface HeapUsage {
  readonly usedSize: number
  readonly backingStorageSize: number
}

/** @param port where the process was told to open it: `--inspect=127.0.0.1:PORT` */
export async function openInspector(port: number): Promise<Inspector> {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { webSocketDebuggerUrl: string }[]
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '')
  const main = new Thread((text) => socket.send(text))
  const threads = new Map<string, Thread>()
  const chunks: string[] = []
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message
    const { sessionId = '', message: text = '{}', chunk = '' } = message.params ?? {}
    if (message.method === undefined) main.hear(message)
    if (message.method === 'HeapProfiler.addHeapSnapshotChunk') chunks.push(chunk)
    if (message.method === 'NodeWorker.attachedToWorker') threads.set(sessionId, threadOf(main, sessionId))
    if (message.method === 'NodeWorker.receivedMessageFromWorker') threads.get(sessionId)?.hear(JSON.parse(text) as Message)
    if (message.method !== 'NodeWorker.detachedFromWorker') return
    threads.get(sessionId)?.gone()
    threads.delete(sessionId)
  })
  socket.addEventListener('close', () => [main, ...threads.values()].forEach((thread) => thread.gone()))
  await once(socket, 'open')
  await main.ask('NodeWorker.enable', { waitForDebuggerOnStart: false })
  return {
    kept: async () => {
      const own = await collected(main)
      const others = await Promise.all([...threads.values()].map(collected))
      const sum = (of: (usage: HeapUsage) => number) => others.reduce((total, usage) => total + of(usage), 0)
      const buffers = own.backingStorageSize + sum(({ backingStorageSize }) => backingStorageSize)
      return { heap: own.usedSize, threads: sum(({ usedSize }) => usedSize), buffers }
    },
    resources: async () => {
      const expression = 'process.getActiveResourcesInfo()'
      const { result } = await main.ask<{ result: { value: string[] } }>('Runtime.evaluate', { expression, returnByValue: true })
      return result.value
    },
    snapshot: async () => {
      chunks.length = 0
      await main.ask('HeapProfiler.takeHeapSnapshot', { reportProgress: false })
      return chunks.splice(0).join('')
    },
    close: async () => {
      if (socket.readyState === WebSocket.CLOSED) return
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}

function threadOf(main: Thread, sessionId: string): Thread {
  return new Thread((message) => void main.ask('NodeWorker.sendMessageToWorker', { sessionId, message }).catch(() => undefined))
}

/** What a first collection finalizes, or takes out of a weak map, only a second one frees. */
async function collected(thread: Thread): Promise<HeapUsage> {
  for (let times = 0; times < 2; times++) await thread.ask('HeapProfiler.collectGarbage')
  return await thread.ask<HeapUsage>('Runtime.getHeapUsage')
}

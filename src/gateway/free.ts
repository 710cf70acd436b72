import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Key } from '../engine/key-book.ts'
import type { BodyReader } from '../http/body.ts'
import { headersToProvider } from '../http/header-names.ts'
import type { AnswerReading, Free } from '../providers/provider.ts'
import { checkModel } from './caller.ts'
import { dispatch, noAnswerError } from './dispatch.ts'
import type { AnswerReader } from './answer-reader.ts'
import { Relay } from './relay.ts'
import type { Route } from './route.ts'
import { chooseTarget, type Target, type Upstream } from './upstream.ts'

const NOTHING: AnswerReading = { isComplete: false, produced: '', producedBeyond: 0, isError: false }

/** Reads nothing of an answer. */
export const UNREAD: AnswerReader = {
  isStream: false,
  hasJsonStreams: false,
  hidesUsageChunk: false,
  readsOn: false,
  whole: () => NOTHING,
  stream: () => ({ push: (chunk) => chunk, end: () => Buffer.alloc(0), reading: () => NOTHING }),
}

interface FreeDeps {
  readonly upstreams: readonly Upstream[]
  readonly bodies: BodyReader
}

/** A request that costs nothing at its provider. */
interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: Route
  readonly key: Key
  readonly free: Free
}

/**
 * Lists of models, token counts and files cost nothing at the provider, so no budget is asked. Where a request names a model, it goes to
 * where the model's calls go, and the key has to be allowed it.
 * @throws GatewayError, InvalidRequest
 */
export async function relayFree(deps: FreeDeps, asked: Asked): Promise<void> {
  const held = await deps.bodies.read(asked.request)
  try {
    await relayRead(deps, asked, held.bytes)
  } finally {
    held.release()
  }
}

async function relayRead(deps: FreeDeps, { request, response, route, key, free }: Asked, whole: Buffer): Promise<void> {
  const { body, target } = readFree(deps.upstreams, { route, free, body: whole })
  if (target.model !== '') checkModel(key, target.model)
  const relay = new Relay(response, { reader: UNREAD, extraHeaders: () => ({}), deadlines: target.upstream.deadlines })
  const headers = headersToProvider(
    request.headers,
    body.length === 0 ? {} : { 'content-length': String(body.length) },
    target.upstream.isForwarded,
  )
  dispatch({ target, route, relay, headers, body: body.length === 0 ? null : body })
  const { end, finish } = await relay.relayed
  if (end.kind === 'no_answer') throw noAnswerError(end, target.upstream, {})
  if (end.kind === 'defect') throw end.error
  finish()
}

/** The provider of the model that the path or the body names, and the body with the model as it is called there. */
function readFree(
  upstreams: readonly Upstream[],
  { route, free, body }: { readonly route: Route; readonly free: Free; readonly body: Buffer },
): { readonly target: Target; readonly body: Buffer } {
  const inPath = route.values['model']
  const { bodyModel } = free
  const inBody = inPath === undefined ? bodyModel?.read(body) : undefined
  const target = chooseTarget(upstreams, route, inPath ?? inBody ?? '')
  const isRenamed = inBody !== undefined && inBody !== target.model
  return { target, body: isRenamed ? (bodyModel?.rename(body, target.model) ?? body) : body }
}

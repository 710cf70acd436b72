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
import { objectIn } from './json-object.ts'
import { relayListed } from './listed.ts'
import { checkReferences, makerOf, type ObjectsDeps, reach, type Reached } from './objects.ts'
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

interface FreeDeps extends ObjectsDeps {
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
 * where the model's calls go, and the key has to be allowed it; where it names an object, to the provider that keeps it, if the key may
 * reach it.
 * @throws GatewayError, InvalidRequest, Failure store_unavailable
 */
export async function relayFree(deps: FreeDeps, asked: Asked): Promise<void> {
  const { id } = asked.route.values
  const reached = id === undefined ? undefined : await reach(deps, asked.route, { key: asked.key, name: id })
  const held = await deps.bodies.read(asked.request)
  try {
    await relayRead(deps, asked, { reached, whole: held.bytes })
  } finally {
    held.release()
  }
}

async function relayRead(
  deps: FreeDeps,
  asked: Asked,
  { reached, whole }: { readonly reached: Reached | undefined; readonly whole: Buffer },
): Promise<void> {
  const { request, response, route, key, free } = asked
  const { body, target } = readFree(deps.upstreams, { route, free, reached, body: whole })
  if (target.model !== '') checkModel(key, target.model)
  const { upstream } = target
  await checkReferences(deps, key, { upstream, names: free.referencesIn?.(body) ?? [] })
  const { kept } = free
  if (kept?.pagedBy !== undefined && key.row.objects !== 'all')
    return await relayListed(deps.objects, { headers: request.headers, response, route, key, kept, upstream })
  const owner = makerOf(key, reached)
  await forward(asked, { target, body }, async (ids) => {
    if (owner !== undefined) await deps.objects.remember(upstream.name, ids, owner)
  })
}

/** @param remember takes what the answer says that the provider keeps, before the client has it */
async function forward(
  { request, response, route, free }: Asked,
  { target, body }: { readonly target: Target; readonly body: Buffer },
  remember: (ids: readonly string[]) => Promise<void>,
): Promise<void> {
  let ids: readonly string[] = []
  const { kept } = free
  const whole: AnswerReader['whole'] = (status, answer) => {
    const object = status < 400 ? objectIn(answer.toString()) : undefined
    if (object !== undefined) ids = kept?.pagedBy === undefined ? (kept?.idsIn(object) ?? []) : []
    return NOTHING
  }
  // Who hung up may have made something, whose id is still to come.
  const reader = kept === undefined ? UNREAD : { ...UNREAD, whole, readsOn: true }
  const relay = new Relay(response, { reader, extraHeaders: () => ({}), deadlines: target.upstream.deadlines })
  const own = body.length === 0 ? {} : { 'content-length': String(body.length) }
  const headers = headersToProvider(request.headers, own, target.upstream.isForwarded)
  dispatch({ target, route, relay, headers, body: body.length === 0 ? null : body })
  const { end, finish } = await relay.relayed
  if (end.kind === 'no_answer') throw noAnswerError(end, target.upstream, {})
  if (end.kind === 'defect') throw end.error
  if (ids.length > 0) await remember(ids)
  finish()
}

/** The provider of the model that the path or the body names, and the body with the model as it is called there. */
function readFree(
  upstreams: readonly Upstream[],
  { route, free, reached, body }: Pick<Asked, 'route' | 'free'> & { readonly reached: Reached | undefined; readonly body: Buffer },
): { readonly target: Target; readonly body: Buffer } {
  if (reached !== undefined) return { target: { upstream: reached.upstream, model: '' }, body }
  const inPath = route.values['model']
  const { bodyModel } = free
  const inBody = inPath === undefined ? bodyModel?.read(body) : undefined
  const target = chooseTarget(upstreams, route, inPath ?? inBody ?? '')
  const isRenamed = inBody !== undefined && inBody !== target.model
  return { target, body: isRenamed ? (bodyModel?.rename(body, target.model) ?? body) : body }
}

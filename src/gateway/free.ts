import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from '../http/body.ts'
import { headersToProvider } from '../http/header-names.ts'
import type { AnswerReading } from '../providers/provider.ts'
import { dispatch, noAnswerError } from './dispatch.ts'
import type { AnswerReader } from './answer-reader.ts'
import { Relay } from './relay.ts'
import type { Route } from './route.ts'
import { chooseTarget, type Upstream } from './upstream.ts'

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

/** Lists of models, token counts and files cost nothing at the provider, so no budget is asked. */
export async function relayFree(
  deps: { readonly upstreams: readonly Upstream[]; readonly bodyBytesMax: number },
  { request, response, route }: { request: IncomingMessage; response: ServerResponse; route: Route },
): Promise<void> {
  const body = await readBody(request, deps.bodyBytesMax)
  const target = chooseTarget(deps.upstreams, route, '')
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

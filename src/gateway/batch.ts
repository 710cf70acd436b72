import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallBound } from '../domain/usage/bound.ts'
import type { Engine } from '../engine/engine.ts'
import type { Key } from '../engine/key-book.ts'
import { ownerBy } from '../engine/object-book.ts'
import type { Clock } from '../engine/ports.ts'
import type { Admitted, Request } from '../engine/reserve.ts'
import type { BodyReader } from '../http/body.ts'
import { headersToProvider } from '../http/header-names.ts'
import { type Batch, type BatchedRequests, InvalidRequest, type RequestFacts } from '../providers/provider.ts'
import type { CallerBook } from './caller.ts'
import { dispatch, noAnswerError } from './dispatch.ts'
import { type CallEnd, endingOf } from './ending.ts'
import { UNREAD } from './free.ts'
import { checkReferences, type ObjectsDeps, reach } from './objects.ts'
import { eachLine } from './provider-file.ts'
import { ratelimitHeaders } from './ratelimit-headers.ts'
import { refusalError } from './refusal.ts'
import { Relay, type Relayed } from './relay.ts'
import type { Route } from './route.ts'
import { chooseTarget, type Target, type Upstream } from './upstream.ts'

export interface BatchDeps extends ObjectsDeps {
  readonly engine: Engine
  readonly clock: Clock
  readonly closing: AbortSignal
  readonly bodies: BodyReader
  readonly outputMaxOf: (route: Route, model: string) => number
}

interface Submission {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: Route
  readonly key: Key
  readonly batch: Batch
}

/** What the requests of a batch to one model may use together. */
interface ModelBound {
  readonly model: string
  /** Those that the requests name beside it. */
  readonly otherModels?: readonly string[]
  readonly bound: CallBound
}

/**
 * Admits a batch as one call for each of its models, submits it, and leaves the calls open until the provider has worked it
 * off: they are settled by its job's results.
 * @throws GatewayError, InvalidRequest: then nothing is held
 */
export async function submitBatch(deps: BatchDeps, callers: CallerBook, submission: Submission): Promise<void> {
  const held = await deps.bodies.read(submission.request)
  try {
    await submitRead(deps, callers, { ...submission, body: held.bytes })
  } finally {
    held.release()
  }
}

async function submitRead(deps: BatchDeps, callers: CallerBook, submission: Submission & { readonly body: Buffer }): Promise<void> {
  const { request, route, batch, body } = submission
  const source = batch.requestsIn(body)
  const upstream = await upstreamOf(deps, submission, source)
  const target: Target = { upstream, model: '' }
  const { bounds, references } = await boundBatch(source, upstream, (model) => deps.outputMaxOf(route, model))
  await checkReferences(deps, submission.key, { upstream, names: references })
  const admitted = await admitAll(deps, bounds, ({ model, otherModels, bound }) => ({
    attributes: callers.find(submission.key, request.headers, { provider: target.upstream.name, model, otherModels }).attributes,
    modelName: model,
    otherModels,
    endpoint: route.endpoint.name,
    bound,
  }))
  const { end, finish } = await endingDefects(deps, admitted, async () => {
    const { relayed, id } = await forward(deps, submission, { target, body, admitted })
    if (id === undefined) await Promise.all(admitted.map((call) => settle(deps, call, relayed.end)))
    else {
      const kept = deps.objects.remember(upstream.name, [id], ownerBy(submission.key.row))
      await Promise.all([kept, ...admitted.map(({ call }) => deps.engine.defer(call.id, id))])
    }
    return relayed
  })
  if (end.kind === 'no_answer') throw noAnswerError(end, target.upstream, {})
  if (end.kind === 'defect') throw end.error
  finish()
}

/** Whatever fails, no hold stays: it may have been taken, so each is charged. */
async function endingDefects<T>(deps: BatchDeps, admitted: readonly Admitted[], run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    await Promise.allSettled(admitted.map((call) => settle(deps, call, { kind: 'defect', error })))
    throw error
  }
}

/**
 * Where a batch goes: to the provider that keeps its file, or to the one that its requests' models have in common.
 * @throws GatewayError not_found, InvalidRequest
 */
async function upstreamOf(deps: BatchDeps, { route, key }: Submission, source: BatchedRequests): Promise<Upstream> {
  if (source.kind === 'file') return (await reach(deps, route, { key, name: source.file })).upstream
  const targets = source.requests.map(({ model }) => ({ named: model, ...chooseTarget(deps.upstreams, route, model) }))
  const [first] = targets
  if (first === undefined) throw new InvalidRequest('the batch has no requests')
  if (targets.some(({ named, model }) => named !== model))
    throw new InvalidRequest('in a batch a model has no provider before its name: put the provider into the path, /NAME/v1/…')
  const other = targets.find(({ upstream }) => upstream !== first.upstream)
  if (other !== undefined)
    throw new InvalidRequest(`the models ${first.model} and ${other.model} have different providers: submit a batch for each`)
  return first.upstream
}

/** All models of a batch, or none. */
async function admitAll(
  { engine, clock }: BatchDeps,
  bounds: readonly ModelBound[],
  requestOf: (bound: ModelBound) => Request,
): Promise<readonly Admitted[]> {
  const calls: Admitted[] = []
  try {
    for (const bound of bounds) {
      const admission = await engine.admit(requestOf(bound))
      if (admission.kind === 'refused') throw refusalError(admission, clock.now())
      calls.push(admission)
    }
    return calls
  } catch (error) {
    const unsent = { endedAt: clock.now(), ending: 'client_gone', usage: { kind: 'none' } } as const
    await Promise.all(calls.map(({ call }) => engine.settle({ ...unsent, call: call.id })))
    throw error
  }
}

/**
 * Adds up the bounds of a submission's requests, model by model.
 * @param outputMaxOf the most output tokens of a model, for requests that set no maximum
 * @throws InvalidRequest where a request can't be bounded, or the file can't be read
 */
async function boundBatch(
  source: BatchedRequests,
  upstream: Upstream,
  outputMaxOf: (model: string) => number,
): Promise<{ readonly bounds: readonly ModelBound[]; readonly references: readonly string[] }> {
  const sums = new Map<string, Sum>()
  const named = new Set<string>()
  const add = (facts: RequestFacts) => {
    for (const reference of facts.references ?? []) named.add(reference)
    const sum = sums.get(facts.model) ?? { input: 0, output: 0, requests: 0, others: new Set(), tier: 'batch' as const }
    sums.set(facts.model, addTo(sum, facts, facts.outputMax ?? outputMaxOf(facts.model)))
  }
  if (source.kind === 'inline') source.requests.forEach(add)
  else await eachLine(upstream, { path: source.path }, (line) => add(source.requestOn(line)))
  if (sums.size === 0) throw new InvalidRequest('the batch has no requests')
  const bounds = [...sums].map(([model, { input, output, requests, others, tier }]): ModelBound => ({
    model,
    ...(others.size === 0 ? {} : { otherModels: [...others] }),
    bound: { input, outputMax: output, outputMin: output, choices: 1, requests, tier },
  }))
  return { bounds, references: [...named] }
}

/** What the requests to one model may use together. */
interface Sum {
  readonly input: number
  readonly output: number
  readonly requests: number
  readonly others: Set<string>
  readonly tier: 'batch' | 'batch_regional'
}

/** The requests of one batch name no more further models than one request may. */
const OTHER_MODELS_MAX = 32

function addTo(sum: Sum, { inputBound, choices, otherModels = [], tier }: RequestFacts, outputMax: number): Sum {
  for (const model of otherModels) sum.others.add(model)
  if (sum.others.size > OTHER_MODELS_MAX) throw new InvalidRequest(`the batch names more than ${OTHER_MODELS_MAX} further models`)
  return {
    ...sum,
    input: sum.input + inputBound,
    output: sum.output + outputMax * choices,
    requests: sum.requests + 1,
    tier: tier === 'regional' ? 'batch_regional' : sum.tier,
  }
}

async function forward(
  deps: BatchDeps,
  { request, response, route, batch }: Submission,
  { target, body, admitted }: { readonly target: Target; readonly body: Buffer; readonly admitted: readonly Admitted[] },
): Promise<{ readonly relayed: Relayed; readonly id: string | undefined }> {
  let id: string | undefined
  const whole = (status: number, answer: Buffer) => {
    id = status < 400 ? batch.idIn(answer) : undefined
    return UNREAD.whole(status, answer, {})
  }
  const standings = admitted.flatMap((one) => one.standings)
  const relay = new Relay(response, {
    // Who hung up may have made a batch, whose id is still to come.
    reader: { ...UNREAD, whole, readsOn: true },
    extraHeaders: () => ({
      'x-bursar-call': admitted.map(({ call }) => call.id).join(', '),
      ...ratelimitHeaders(standings, deps.clock.now()),
    }),
    deadlines: target.upstream.deadlines,
    closing: deps.closing,
  })
  const own = { 'content-length': String(body.length), 'content-type': 'application/json', 'accept-encoding': 'identity' }
  const headers = headersToProvider(request.headers, own, target.upstream.isForwarded)
  dispatch({ target, route, relay, headers, body })
  const relayed = await relay.relayed
  return { relayed, id }
}

/** A submission that was not taken costs nothing; where that is not known, its whole hold. */
async function settle({ engine, clock }: BatchDeps, { call }: Admitted, end: CallEnd): Promise<void> {
  const isTaken = end.kind === 'cut' || end.kind === 'client_gone' || end.kind === 'defect' || (end.kind === 'answered' && end.status < 400)
  const status = 'status' in end && end.status !== undefined ? { status: end.status } : {}
  await engine.settle({ call: call.id, endedAt: clock.now(), ending: endingOf(end), ...status, usage: isTaken ? 'held' : { kind: 'none' } })
}

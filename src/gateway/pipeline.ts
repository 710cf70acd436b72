import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EndedCall } from '../domain/call.ts'
import { totalTokens, type Usage } from '../domain/usage/usage.ts'
import type { Engine } from '../engine/engine.ts'
import { ownerBy } from '../engine/object-book.ts'
import type { Clock } from '../engine/ports.ts'
import type { Admitted, Refused, Request } from '../engine/reserve.ts'
import type { BodyReader } from '../http/body.ts'
import { type Headers, headersToProvider } from '../http/header-names.ts'
import { type AnswerReading, type JsonObject, type Metered, type OutgoingBody, type RequestFacts } from '../providers/provider.ts'
import { answerError } from './answer-error.ts'
import { byModel } from './by-model.ts'
import { submitBatch } from './batch.ts'
import { authenticate, type Caller, CallerBook } from './caller.ts'
import type { Conversations } from './conversations.ts'
import { dispatch, noAnswerError } from './dispatch.ts'
import { type CallEnd, endingOf, type Estimates, usageOf } from './ending.ts'
import { relayFree } from './free.ts'
import { GatewayError } from './gateway-error.ts'
import type { Key, KeyBook } from '../engine/key-book.ts'
import { type InputBoundDeps, observeInput, refinedInput } from './input-bound.ts'
import { checkReferences, type ObjectsDeps } from './objects.ts'
import { boundOf, type Limit, limitOf, noteExcess, type OutputLimitDeps } from './output-limit.ts'
import { ratelimitHeaders } from './ratelimit-headers.ts'
import { refusalError } from './refusal.ts'
import type { AnswerReader } from './answer-reader.ts'
import { Relay, type Relayed } from './relay.ts'
import type { Route, Router } from './route.ts'
import { type TypedBody, typedBody } from './typed-body.ts'
import type { UnknownInputs } from './unknown-inputs.ts'
import { chooseTarget, type Target } from './upstream.ts'

/** What the gateway tells the rest of the house; must return at once. */
export interface GatewayEvents {
  readonly refused: (code: string) => void
  readonly ended: (call: EndedCall) => void
  readonly defect: (error: unknown) => void
}

export interface GatewayDeps extends InputBoundDeps, ObjectsDeps, OutputLimitDeps {
  readonly engine: Engine
  readonly keys: KeyBook
  readonly router: Router
  readonly clock: Clock
  readonly bodies: BodyReader
  /** True where a tokenizer can count a request's input; `hiddenTokens` are those of its bound that its bytes do not have. */
  readonly isAllText: (json: JsonObject, hiddenTokens: number) => boolean
  readonly conversations: Conversations
  readonly unknownInputs: UnknownInputs
  /** True once the process ends its open calls and takes no new ones. */
  readonly isDraining: () => boolean
  /** Aborted once the process waits for no call any more. */
  readonly closing: AbortSignal
  /** What becomes of an answer whose caller hung up: see `server.on_hangup`. */
  readonly onHangUp: 'drain' | 'cancel'
  readonly events: GatewayEvents
}

/** A request that was read and is about to be admitted. */
interface Asked extends TypedBody {
  readonly route: Route
  readonly metered: Metered
  readonly key: Key
  /** Parsed again: what is parsed is many times as large as its bytes, and is not kept while a call waits or runs. */
  readonly json: () => JsonObject
  readonly facts: RequestFacts
  /** True where a stream shows all that its model produces. */
  readonly showsAll: boolean
  /** Objects of the provider that it names. */
  readonly references: readonly string[]
  /** True where the provider keeps the answer. */
  readonly isKept: boolean
  readonly target: Target
  readonly caller: Caller
}

/**
 * The life of a call: route, authenticate, read, bound, reserve, forward, relay, settle. Whatever happens after the reserve
 * ends in one {@link CallEnd}, and the last byte of an answer goes out only after its settlement is in the journal.
 */
export function createPipeline(deps: GatewayDeps): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const callers = new CallerBook()
  return async (request, response) => {
    try {
      if (deps.isDraining()) throw shuttingDown()
      const route = deps.router.route({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
      const key = authenticate(deps.keys, request.headers, deps.clock.now(), route.keysInQuery)
      const { admission } = route.endpoint
      if (admission.kind === 'free') return await relayFree(deps, { request, response, route, key, free: admission })
      if (admission.kind === 'batch') return await submitBatch(deps, callers, { request, response, route, key, batch: admission })
      await answerMetered(deps, callers, { request, response, route, key, metered: admission })
    } catch (error) {
      answerError(deps, { request, response, error })
    }
  }
}

async function answerMetered(
  deps: GatewayDeps,
  callers: CallerBook,
  { request, response, ...of }: Pick<Asked, 'route' | 'key' | 'metered'> & Pick<Served, 'request' | 'response'>,
): Promise<void> {
  const held = await deps.bodies.read(request)
  try {
    const contentType = request.headers['content-type'] ?? ''
    const typed = await typedBody(of.metered, { body: held.bytes, contentType })
    const asked = read(deps, callers, { ...of, ...typed, headers: request.headers })
    await checkReferences(deps, of.key, { upstream: asked.target.upstream, names: asked.references })
    const admitted = orRefusal(deps, await deps.engine.admit(requestOf(deps, response, asked)))
    await serve(deps, { request, response, asked, admitted })
  } finally {
    held.release()
  }
}

function shuttingDown(): GatewayError {
  const headers = { 'retry-after': '1', connection: 'close' }
  return new GatewayError('shutting_down', 'this process is ending its open calls and takes no new ones: retry', { headers })
}

function read(
  deps: GatewayDeps,
  callers: CallerBook,
  { headers, ...of }: Pick<Asked, 'route' | 'key' | 'metered'> & TypedBody & Pick<IncomingMessage, 'headers'>,
): Asked {
  const { route, key, metered, body, contentType } = of
  const readAgain = () => metered.readRequest(body, route.values, contentType)
  const { facts, json } = readAgain()
  const target = chooseTarget(deps.upstreams, route, facts.model)
  const { otherModels } = facts
  const caller = callers.find(key, headers, { provider: target.upstream.name, model: target.model, otherModels })
  noteUnknown(deps, route, target, facts)
  const showsAll = facts.isStream && metered.showsAll?.(target.model, json) === true
  const references = metered.referencesIn?.(json) ?? []
  const isKept = metered.keepsAnswer?.(json) === true
  return { ...of, json: () => readAgain().json, facts, target, caller, showsAll, references, isKept }
}

function noteUnknown({ unknownInputs }: GatewayDeps, { shape }: Route, { upstream, model }: Target, { unknownInput }: RequestFacts): void {
  if (unknownInput !== undefined) unknownInputs.note({ api: shape.api, provider: upstream.name, model, what: unknownInput })
}

function requestOf(deps: GatewayDeps, response: ServerResponse, asked: Asked): Request {
  const { target, caller, route } = asked
  const refine = refinedInput(deps, asked)
  return {
    attributes: caller.attributes,
    modelName: target.model,
    otherModels: asked.facts.otherModels,
    endpoint: route.endpoint.name,
    bound: boundOf(deps, asked, asked.facts.inputBound + continuedTokens(deps, asked.facts)),
    refineInput: refine === undefined ? undefined : () => refine() + continuedTokens(deps, asked.facts),
    isAbandoned: () => response.destroyed,
  }
}

function orRefusal({ clock }: GatewayDeps, admission: Admitted | Refused): Admitted {
  if (admission.kind === 'refused') throw refusalError(admission, clock.now())
  return admission
}

function continuedTokens({ conversations }: GatewayDeps, { continues }: RequestFacts): number {
  return continues === undefined ? 0 : conversations.tokensOf(continues)
}

/** Forwards an admitted call and settles it, whatever happens: a hold never outlives the call. */
async function serve(deps: GatewayDeps, exchange: Served): Promise<void> {
  const { admitted, asked } = exchange
  let isSettled = false
  const settled = (end: CallEnd, ended: EndedCall | undefined) => {
    isSettled = true
    if (ended !== undefined) learn(deps, asked, end, ended)
  }
  try {
    if (exchange.response.destroyed) return settled(NOT_SENT, await settle(deps, admitted, NOT_SENT, { kind: 'none' }))
    const limit = limitOf(deps, asked, admitted)
    const { end, finish } = await forward(deps, exchange, limit)
    const job = jobOf(end, asked.facts)
    if (job !== undefined) {
      isSettled = true
      await Promise.all([deps.engine.defer(admitted.call.id, job), rememberKept(deps, asked, end)])
      return finish()
    }
    const settling = settle(deps, admitted, end, chargedUsage(deps, asked, admitted, end))
    // Both are in the journal with the same write.
    const [ended] = await Promise.all([settling, rememberKept(deps, asked, end)])
    settled(end, ended)
    // The call is settled: its caller gets its answer, whatever fails here.
    if (ended !== undefined)
      await noteExcess(deps, asked, admitted, { limit, end, ended }).catch((error: unknown) => deps.events.defect(error))
    if (end.kind === 'no_answer') throw noAnswerError(end, asked.target.upstream, answerHeaders(deps, admitted, {}))
    if (end.kind === 'defect') throw end.error
    finish()
  } catch (error) {
    if (!isSettled) await settleDefect(deps, admitted, error)
    throw error
  }
}

/** Whose the answer is, where its provider keeps it. */
function rememberKept({ objects }: GatewayDeps, { isKept, key, target }: Asked, end: CallEnd): Promise<void> | undefined {
  const { kept = [], isError = true } = readingOf(end) ?? {}
  if (kept.length === 0 || isError || !isKept) return undefined
  return objects.remember(target.upstream.name, kept, ownerBy(key.row))
}

/** Where even that fails, the hold runs out: it is not renewed any more. */
async function settleDefect(deps: GatewayDeps, admitted: Admitted, error: unknown): Promise<void> {
  try {
    const ended = await settle(deps, admitted, { kind: 'defect', error }, 'held')
    if (ended !== undefined) deps.events.ended(ended)
  } catch (second) {
    deps.events.defect(second)
  }
}

/** What the call used, by the models that answered it. */
function chargedUsage(deps: GatewayDeps, asked: Asked, admitted: Admitted, end: CallEnd): Usage | 'held' {
  const called = { attributes: asked.caller.attributes, imageModel: asked.facts.imageModel }
  return byModel(usageOf(end, estimatesOf(deps, asked, admitted)), readingOf(end), called)
}

const NOT_SENT: CallEnd = { kind: 'not_sent' }

function settle(deps: GatewayDeps, { call }: Admitted, end: CallEnd, usage: Usage | 'held'): Promise<EndedCall | undefined> {
  const status = 'status' in end ? end.status : undefined
  return deps.engine.settle({
    call: call.id,
    endedAt: deps.clock.now(),
    ending: endingOf(end),
    status,
    usage: deps.engine.priced(call, usage),
  })
}

/** What a call that ended says about the calls to come. */
function learn(deps: GatewayDeps, asked: Asked, end: CallEnd, ended: EndedCall): void {
  const { facts, caller } = asked
  try {
    deps.events.ended(ended)
    if (ended.usage.kind !== 'reported') return
    learnLength(deps, asked, end, ended)
    // What another model used of an answer says nothing of this one.
    if (ended.usage.others !== undefined) return
    deps.expectedOutput.observe(caller.outputName, ended.tokens.output.total / facts.choices)
    observeInput(deps, asked, ended)
  } catch (error) {
    // The call is settled: its caller gets its answer.
    deps.events.defect(error)
  }
}

/** How long a conversation is, as its provider says: an estimate, or a refused request, would make the next call's bound too small. */
function learnLength({ conversations }: GatewayDeps, { facts }: Asked, end: CallEnd, ended: EndedCall): void {
  const { id } = readingOf(end) ?? {}
  const tokens = totalTokens(ended.tokens)
  if (id !== undefined) conversations.remember(id, tokens)
  if (facts.continues?.isGrowing === true) conversations.grow(facts.continues.id, tokens)
}

function readingOf(end: CallEnd): AnswerReading | undefined {
  return 'reading' in end ? end.reading : undefined
}

/** What the provider works on after an answer that does not say what it used. */
function jobOf(end: CallEnd, { isBackground }: RequestFacts): string | undefined {
  const reading = readingOf(end)
  return isBackground === true && reading?.isComplete === false && !reading.isError ? reading.job : undefined
}

interface Served {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly asked: Asked
  readonly admitted: Admitted
}

function forward(deps: GatewayDeps, { request, response, asked, admitted }: Served, limit: Limit): Promise<Relayed> {
  const outgoing = prepare(asked, limit)
  const relay = new Relay(response, {
    reader: readerOf(deps, asked, { outgoing, limit }),
    extraHeaders: () => answerHeaders(deps, admitted, limit),
    deadlines: asked.target.upstream.deadlines,
    closing: deps.closing,
  })
  // An encoded answer would have to be decoded to be read, and costs more time than it saves so near to the client.
  const own: Headers = {
    'content-length': String(outgoing.body.length),
    'content-type': asked.contentType,
    'accept-encoding': 'identity',
  }
  const headers = headersToProvider(request.headers, own, asked.target.upstream.isForwarded)
  dispatch({ target: asked.target, route: asked.route, relay, headers, body: outgoing.body })
  return relay.relayed
}

function answerHeaders(deps: GatewayDeps, { call, standings }: Admitted, { outputMax }: Limit): Headers {
  const headers = ratelimitHeaders(standings, deps.clock.now())
  headers['x-bursar-call'] = call.id
  if (outputMax !== undefined) headers['x-bursar-max-tokens'] = String(outputMax)
  return headers
}

function prepare({ metered, body, facts, target, route }: Asked, { outputMax }: Limit): OutgoingBody {
  const changes = {
    model: target.model === facts.model || route.values['model'] !== undefined ? undefined : target.model,
    outputMax,
    asksForUsage: !facts.isStream || target.upstream.asksForUsage(route.upstreamPath()),
  }
  return metered.prepare(body, facts, changes, route.values)
}

function readerOf(
  deps: GatewayDeps,
  asked: Asked,
  { outgoing, limit }: { readonly outgoing: OutgoingBody; readonly limit: Limit },
): AnswerReader {
  const { metered, facts } = asked
  const { hidesUsageChunk } = outgoing
  const { guard } = limit
  return {
    // Decided once a caller hangs up: most never do.
    get readsOn() {
      return deps.onHangUp === 'drain' && !(showsAllOf(asked) && isInputCounted(deps, asked))
    },
    isStream: facts.isStream,
    hidesUsageChunk,
    hasJsonStreams: metered.hasJsonStreams === true,
    whole: metered.readAnswer,
    stream: (headers) => metered.readStream(hidesUsageChunk, headers, guard !== undefined),
    guard,
  }
}

/** True where what comes is all that the answer uses, and it can be stopped. */
function showsAllOf({ showsAll, target }: Asked): boolean {
  return showsAll && target.upstream.shape.endings?.billsAfterHangUp !== true
}

/** False where the input is more than its text: of that only the end of an answer tells. */
function isInputCounted({ isAllText }: GatewayDeps, { facts, body, json }: Asked): boolean {
  return facts.continues === undefined && facts.unknownInput === undefined && isAllText(json(), facts.inputBound - body.length)
}

function estimatesOf(deps: GatewayDeps, asked: Asked, { outputMax }: Admitted): Estimates {
  const { metered, json, facts, caller, target } = asked
  return {
    input: () => metered.estimateInput(json(), facts),
    inputUntold: () => (isInputCounted(deps, asked) ? undefined : facts.inputBound + continuedTokens(deps, facts)),
    text: deps.countTokens,
    outputExpected: () => Math.min(outputMax, deps.expectedOutput.of(caller.outputName)) * facts.choices,
    showsAll: showsAllOf(asked),
    rules: target.upstream.shape.endings ?? {},
    isBackground: facts.isBackground === true,
    audioSeconds: facts.audioSeconds,
  }
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import zlib from 'node:zlib'
import { createRandom, type Random } from '../../simulation/random.ts'
import type { Answer, Dialect } from '../fields.ts'
import { CHEAP, SECRET_MARK } from '../installation.ts'
import { type FuzzRequest, indexOfTrace } from '../request.ts'
import { SHOWN_TOKENS_MAX, SHOWS_ALL, type Used, WRITERS, type Written } from './answers.ts'
import { Rejected } from './coercion.ts'
import { servedAt } from './paths.ts'
import { readAsProvider, type Reading } from './reading.ts'

/** What the provider will charge for one request that reached it. */
export interface Bill {
  /** Undefined: the request came without its mark. */
  readonly index: number | undefined
  readonly dialect: Dialect
  readonly answer: Answer
  readonly model: string
  readonly used: Used
  /** `reported`: sent to the end, with its usage. `cut`: whoever asked hung up. `broken`: the provider broke off. `unreported`: it says nothing of it. */
  end: 'reported' | 'cut' | 'broken' | 'unreported'
  /** True where more was produced than the request allowed, which is the provider's fault. */
  readonly isFault: boolean
  /** True where its stream shows all: whoever hangs up is charged what came of it. */
  readonly isShown: boolean
}

export interface Provider {
  readonly url: string
  readonly bills: readonly Bill[]
  /** Waits until no request is being answered. */
  readonly close: () => Promise<void>
}

interface Deps {
  readonly seed: number
  readonly requestOf: (index: number) => FuzzRequest | undefined
  readonly violated: (index: number | undefined, what: string) => void
  /** Sees each request that reached the provider; for `--only`. */
  readonly seen?: (request: string) => void
}

/** Models that have no larger answer; others are not asked for more here. */
const UNLIMITED_OUTPUT = 3000
const OUTPUT_MAX = 16_000
const FAULT_SHARE = 0.002

/** How an answer goes wrong, by what comes before which share. */
const FORMS: readonly (readonly [upTo: number, form: Form])[] = [
  [0.015, 'error'],
  [0.02, 'reset'],
  [0.03, 'cut'],
  [0.04, 'late'],
  [0.06, 'split'],
  [0.08, 'json-label'],
  [0.12, 'encoded'],
]
type Form = 'good' | 'error' | 'reset' | 'cut' | 'late' | 'split' | 'json-label' | 'encoded'

/** One server that plays every provider, and reads requests as each of them does. */
export async function startProvider(deps: Deps): Promise<Provider> {
  const bills: Bill[] = []
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => response.destroy())
    request.on('end', () => void answer(deps, bills, { request, response, body: Buffer.concat(chunks) }))
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    bills,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer
}

/** Ids of objects that no caller here has made, where a provider takes them for the object of that name. */
const OBJECT_IN_PATH = /\/(?:files|responses|batches)\/(?:file-abc|resp_1|batch_1|msgbatch_1)(?:\/|$)/
const OBJECT_IN_BODY = /"(?:file_id|previous_response_id|conversation)": ?"(?:file-abc|resp_1|conv_1|prompt_1)"/

function inspectObjects({ requestOf, violated }: Deps, index: number | undefined, { request, body }: Exchange): void {
  const key = index === undefined ? undefined : requestOf(index)?.key
  if (key === undefined || key === 'main') return
  const path = request.url?.split('?')[0] ?? ''
  const isNamed = OBJECT_IN_PATH.test(path) || (path.endsWith('/responses') && OBJECT_IN_BODY.test(body.toString('latin1')))
  if (isNamed) violated(index, `the key ${key} reached an object that its team did not make`)
}

async function answer(deps: Deps, bills: Bill[], exchange: Exchange): Promise<void> {
  const { request, response, body } = exchange
  const { method = '', url = '' } = request
  const index = indexOfTrace(request.headers['traceparent'])
  deps.seen?.(`${method} ${url}\n${JSON.stringify(request.headers)}\n${body.toString('latin1').slice(0, 3000)}`)
  inspectHead(deps, index, exchange)
  inspectObjects(deps, index, exchange)
  const [path = '', query = ''] = url.split('?')
  const served = servedAt(method, path)
  if (served === undefined) {
    deps.violated(index, `no provider serves ${method} ${url.slice(0, 120)}, and it reached one`)
    return sendError(response, 404)
  }
  if (method !== 'POST' || served.answer === 'free') return send(response, WRITERS.free(emptyAsk), 'good')
  try {
    const asked = { ...served, path, query: new URLSearchParams(query), headers: request.headers, body }
    const reading = await readAsProvider(asked)
    inspectModels(deps, index, reading)
    const random = createRandom(deps.seed).stream(`answer ${index ?? bills.length}`)
    respond(bills, { ...exchange, index, served, reading, random, url })
  } catch (error) {
    if (!(error instanceof Rejected || error instanceof SyntaxError)) throw error
    sendError(response, 400)
  }
}

const emptyAsk = { used: { input: 0, output: 0 }, isStream: false, isUsageShown: true, model: '', path: '' }

function inspectHead({ violated }: Deps, index: number | undefined, { request }: Exchange): void {
  const { rawHeaders, url = '' } = request
  if (url.includes(SECRET_MARK) || rawHeaders.some((value) => value.includes(SECRET_MARK)))
    violated(index, 'a Bursar key reached the provider')
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? ''
    if (/^(?:x-bursar-.*|cookie|proxy-authorization|x-http-method-override|x-method-override|x-goog-fieldmask)$/.test(name)) {
      violated(index, `the header ${name} reached the provider`)
    }
  }
}

function inspectModels({ requestOf, violated }: Deps, index: number | undefined, { models }: Reading): void {
  const key = index === undefined ? undefined : requestOf(index)?.key
  const forbidden = key === 'cheap' ? models.find((model) => !CHEAP.test(model)) : undefined
  if (forbidden !== undefined)
    violated(index, `a key for "cheap-*" got ${forbidden.slice(0, 60)} (the provider reads ${models.length} models)`)
}

interface Answered extends Exchange {
  readonly index: number | undefined
  readonly served: { readonly dialect: Dialect; readonly answer: Answer }
  readonly reading: Reading
  readonly random: Random
  readonly url: string
}

function respond(bills: Bill[], { request, response, index, served, reading, random, url }: Answered): void {
  const form = formOf(random, served.answer)
  if (form === 'error') return sendError(response, random.pick([400, 401, 404, 429, 500, 503]))
  if (form === 'reset') return void request.socket.destroy()
  const isFault = random.chance(FAULT_SHARE) && reading.outputMax !== 0
  const model = reading.models.at(-1) ?? ''
  const whole = usedBy(reading, random, isFault)
  const isShown = reading.isStream && SHOWS_ALL.test(model) && !isFault
  const used = isShown ? { ...whole, output: Math.min(whole.output, SHOWN_TOKENS_MAX) } : whole
  const written = WRITERS[served.answer]({ used, model, path: url, isStream: reading.isStream, isUsageShown: reading.isUsageShown })
  const bill: Bill = { index, ...served, model, used, isFault, isShown, end: form === 'cut' ? 'broken' : 'cut' }
  bills.push(bill)
  const isEncodable = request.headers['accept-encoding']?.includes('gzip') === true
  response.once('finish', () => {
    if (form !== 'cut') bill.end = written.hasUsage ? 'reported' : 'unreported'
  })
  send(response, written, form === 'encoded' && !isEncodable ? 'good' : form)
}

function formOf(random: Random, answer: Answer): Form {
  const at = random.next()
  const form = FORMS.find(([upTo]) => at < upTo)?.[1] ?? 'good'
  return form === 'json-label' && answer !== 'chat' && answer !== 'responses' && answer !== 'messages' ? 'good' : form
}

/** All that the request allows, so that whatever is missed is seen. */
function usedBy({ inputTokens, outputMax, choices }: Reading, random: Random, isFault: boolean): Used {
  const each = outputMax === undefined ? random.between(1, UNLIMITED_OUTPUT) : Math.min(outputMax, OUTPUT_MAX)
  return { input: inputTokens, output: each * choices + (isFault ? 20_000 : 0) }
}

function sendError(response: ServerResponse, status: number): void {
  const body = JSON.stringify({ error: { message: 'no', type: 'invalid_request_error', code: 'no' } })
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
}

function send(response: ServerResponse, { contentType, pieces, headers = {} }: Written, form: Form): void {
  const type = form === 'json-label' && contentType === 'text/event-stream' ? 'application/json' : contentType
  const bytes = pieces.map((piece) => Buffer.from(piece))
  const [only] = bytes
  if (form === 'encoded') {
    const body = zlib.gzipSync(Buffer.concat(bytes), { level: 1 })
    response.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip', ...headers })
    response.end(body)
    return
  }
  if (bytes.length === 1 && only !== undefined && form === 'good') {
    response.writeHead(200, { 'content-type': type, 'content-length': only.length, ...headers })
    response.end(only)
    return
  }
  response.writeHead(200, { 'content-type': type, ...headers })
  void sendPieces(response, bytes, form)
}

async function sendPieces(response: ServerResponse, bytes: readonly Buffer[], form: Form): Promise<void> {
  if (form === 'late') await new Promise((resolve) => setTimeout(resolve, 30))
  const all = form === 'split' ? inSlices(Buffer.concat(bytes)) : bytes
  const sent = form === 'cut' ? all.slice(0, -1) : all
  for (const piece of sent) {
    if (response.destroyed) return
    response.write(piece)
    if (form !== 'good' && form !== 'json-label') await new Promise((resolve) => setImmediate(resolve))
  }
  if (form === 'cut') response.destroy()
  else response.end()
}

function inSlices(whole: Buffer): readonly Buffer[] {
  const size = Math.max(1, Math.ceil(whole.length / 40))
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.subarray(i * size, (i + 1) * size))
}

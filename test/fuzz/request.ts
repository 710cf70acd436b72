import { createRandom, type Random } from '../simulation/random.ts'
import { BODY_MUTATIONS } from './body-mutations.ts'
import type { Draft, KeyName, Mutation, Wire } from './draft.ts'
import { type Answer, type Dialect, OBJECT_PATHS, type Shape, SHAPES } from './fields.ts'
import { FORM_MUTATIONS, writeForm } from './form-mutations.ts'
import { HEAD_MUTATIONS } from './head-mutations.ts'
import { SECRETS } from './installation.ts'
import { jsonText, type Node } from './json-text.ts'
import { valueOf } from './values.ts'

/** A request as it goes over the wire, and what was meant by it. */
export interface FuzzRequest {
  readonly index: number
  readonly key: KeyName
  readonly user: string | undefined
  readonly dialect: Dialect
  readonly answer: Answer
  /** Nothing about it is wrong: it must not be refused as invalid. */
  readonly isPlain: boolean
  /** What was done to it, in this order; `--skip` leaves some out. */
  readonly mutations: readonly string[]
  readonly method: string
  readonly head: string
  readonly body: Buffer
  readonly wire: Wire
}

export interface Made {
  readonly seed: number
  readonly index: number
  /** Names of mutations that are left out. */
  readonly skip?: ReadonlySet<string>
}

export const MUTATIONS: readonly Mutation[] = [...BODY_MUTATIONS, ...FORM_MUTATIONS, ...HEAD_MUTATIONS]
const STAGES = ['tree', 'bytes', 'head', 'wire'] as const
const PLAIN_SHARE = 0.3
const OBJECT_SHARE = 0.04
const OPTIONAL_SHARE = 0.25

/** By their weights; each stands in it so often. */
const SHAPE_BAG = SHAPES.flatMap((shape) => Array.from({ length: shape.weight }, () => shape))
const KEY_BAG: readonly KeyName[] = ['main', 'main', 'main', 'main', 'main', 'main', 'other', 'other', 'small', 'small', 'closed']

/** The same for the same seed and index, whatever was made before. Each mutation has a stream of its own: leaving one out changes no other. */
export function makeRequest({ seed, index, skip = new Set() }: Made): FuzzRequest {
  const random = createRandom(seed).stream(String(index))
  const shape = random.pick(SHAPE_BAG)
  const isOfObject = random.chance(OBJECT_SHARE)
  const draft = isOfObject ? objectDraft(random) : draftOf(shape, random)
  setCaller(draft, random, index)
  const isPlain = random.chance(PLAIN_SHARE) && !isOfObject
  const chosen = isPlain || isOfObject ? [] : chosenMutations(random).filter(({ name }) => !skip.has(name))
  for (const stage of STAGES) {
    if (stage === 'bytes') writeBody(draft)
    for (const { name, apply } of chosen.filter((mutation) => mutation.stage === stage)) apply(draft, random.stream(name))
  }
  return finished(draft, { index, isPlain, mutations: chosen.map(({ name }) => name) })
}

function chosenMutations(random: Random): readonly Mutation[] {
  const chosen = MUTATIONS.filter(({ share }) => random.chance(share))
  return chosen.length > 0 ? chosen : [random.stream('only').pick(MUTATIONS.filter(({ share }) => share >= 0.01))]
}

function draftOf(shape: Shape, random: Random): Draft {
  const dialect = random.pick(shape.dialects)
  const model = random.pick(shape.models)
  const members: [string, Node][] = shape.isModelInBody === true ? [['model', model]] : []
  for (const [written, kind] of Object.entries(shape.fields)) {
    const name = written.replace('!', '')
    if (written !== name || random.chance(OPTIONAL_SHARE)) members.push([name, valueOf(kind, random)])
  }
  const [path = '', query] = random.pick(shape.paths).split('?')
  const isFirst = dialect === 'openai' || dialect === 'anthropic' || dialect === 'ollama' || dialect === 'bedrock' || dialect === 'gemini'
  const prefix = isFirst && random.chance(0.5) && !isShared(path) ? '' : `/${dialect}`
  return emptyDraft({ shape, dialect, model, path: prefix + path, query: query === undefined ? [] : [query], tree: { members } })
}

/** Paths that another API has too. */
function isShared(path: string): boolean {
  return path === '/v1/rerank' || path === '/v1/embed' || path === '/v1/chat'
}

function objectDraft(random: Random): Draft {
  const [method, path] = random.pick(OBJECT_PATHS)
  const shape = SHAPES.find(({ answer }) => answer === 'free') ?? random.pick(SHAPES)
  const id = random.pick(['file-abc', 'resp_1', 'batch_1', 'msgbatch_1', '..%2f..%2fadmin', '%2e%2e', 'a%00b', 'x'.repeat(300), 'ü', '.'])
  return { ...emptyDraft({ shape, dialect: 'openai', model: '', path: path.replace('@', id), query: [], tree: { members: [] } }), method }
}

function emptyDraft(given: Pick<Draft, 'shape' | 'dialect' | 'model' | 'path' | 'query' | 'tree'>): Draft {
  const plain: Wire = { kind: 'plain' }
  const empty = {
    key: 'main',
    method: 'POST',
    body: Buffer.alloc(0),
    contentType: 'application/json',
    headers: [],
    user: undefined,
  } as const
  return { ...empty, ...given, headers: [], wire: plain }
}

const USERS = 500
const SMALL_SPAN = 400

/** Who calls: a user for each few requests, by whom calls are found again whose id the caller never learnt. */
function setCaller(draft: Draft, random: Random, index: number): void {
  draft.key = draft.model.startsWith('cheap-') ? random.pick<KeyName>(['cheap', 'cheap', 'main']) : random.pick(KEY_BAG)
  draft.headers.push(['authorization', `Bearer ${SECRETS[draft.key]}`], ['traceparent', traceOf(index)])
  if (draft.key === 'closed') return
  draft.user = draft.key === 'small' ? `s${Math.floor(index / SMALL_SPAN)}` : `u${index % USERS}`
  draft.headers.push(['x-bursar-user', draft.user])
}

/** The index of a request, in a header that goes on to the provider. */
function traceOf(index: number): string {
  return `00-${index.toString(16).padStart(32, '0')}-00000000000000f1-01`
}

/** Undefined where it is none of ours. */
export function indexOfTrace(traceparent: string | readonly string[] | undefined): number | undefined {
  const index = /^00-([0-9a-f]{32})-00000000000000f1-01$/.exec(String(traceparent))?.[1]
  return index === undefined ? undefined : Number.parseInt(index, 16)
}

function writeBody(draft: Draft): void {
  if (draft.method === 'POST' && draft.shape.isForm === true) writeForm(draft)
  else if (draft.method === 'POST' && draft.tree.members.length > 0) draft.body = Buffer.from(jsonText(draft.tree))
}

function finished(draft: Draft, { index, isPlain, mutations }: Pick<FuzzRequest, 'index' | 'isPlain' | 'mutations'>): FuzzRequest {
  const { key, user, dialect, shape, method, body, wire, contentType, query, path, model } = draft
  const target =
    path.replaceAll('#', () => encodeURIComponent(decodeURIComponent(model))) + (query.length === 0 ? '' : `?${query.join('&')}`)
  const type: readonly [string, string][] = contentType === '' || body.length === 0 ? [] : [['content-type', contentType]]
  const lines = [['host', 'bursar'], ...draft.headers, ...type].map(([name, value]) => `${name}: ${value}`)
  const head = `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n`
  return { index, key, user, dialect, answer: shape.answer, isPlain, mutations, method, head, body, wire }
}

import zlib from 'node:zlib'
import type { Random } from '../simulation/random.ts'
import type { Draft, Mutation } from './draft.ts'
import { FOREIGN } from './fields.ts'
import { jsonText, type Members, type Node, object, objectsIn, oddStyle } from './json-text.ts'
import { deep, type Kind, oddValue, valueOf } from './values.ts'

/** The fields that say how much a call can use, and of what. */
const COUNTING = [
  'model', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'max_output_tokens', 'max_tokens_to_sample', 'n', 'best_of',
  'n_predict', 'options', 'generationConfig', 'inferenceConfig', 'service_tier', 'background', 'tools', 'reasoning', 'thinking',
] as const // prettier-ignore

const NESTED = [
  'include_usage',
  'num_predict',
  'maxOutputTokens',
  'max_output_tokens',
  'candidateCount',
  'maxTokens',
  'budget_tokens',
] as const

/** A map, since a name may be one that every object has. */
function kindsOf({ shape }: Draft): ReadonlyMap<string, Kind> {
  return new Map([...Object.entries(FOREIGN), ...Object.entries(shape.fields)].map(([name, kind]) => [name.replace('!', ''), kind]))
}

/** A value that the field may have, or one that nothing may have. */
function anyValue(name: string, draft: Draft, random: Random): Node {
  const kind = kindsOf(draft).get(name)
  if (kind === undefined || random.chance(0.4)) return countLike(random)
  return valueOf(kind, random)
}

function countLike(random: Random): Node {
  return random.chance(0.5) ? random.pick<Node>([0, 1, 40_000, 128_000, -1, true, false, '40000', 'gpt-5']) : oddValue(random)
}

function setMember({ members }: Members, name: string, value: Node): void {
  const at = members.findIndex(([known]) => known === name)
  if (at < 0) members.push([name, value])
  else members[at] = [name, value]
}

function insertAt({ members }: Members, random: Random, member: readonly [string, Node]): void {
  members.splice(random.between(0, members.length), 0, member)
}

/** Letters that Go's encoding/json, and others that ignore case, take for the plain ones. */
const FOLDED: Readonly<Record<string, string>> = { s: '\u017f', k: '\u212a' }

function otherCase(name: string, random: Random): string {
  const change = (letter: string) => (random.chance(0.5) ? (FOLDED[letter] ?? letter.toUpperCase()) : letter.toUpperCase())
  const at = random.between(0, name.length - 1)
  return random.chance(0.3) ? name.toUpperCase() : name.slice(0, at) + change(name[at] ?? '') + name.slice(at + 1)
}

function otherSpelling(name: string): string {
  if (name.includes('_')) return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

const ofTree: readonly Mutation[] = [
  { name: 'odd-value', stage: 'tree', share: 0.15, apply: ({ tree }, random) => {
    const of = random.pick(objectsIn(tree))
    if (of.members.length > 0) setMember(of, random.pick(of.members)[0], oddValue(random))
  } },
  { name: 'odd-count', stage: 'tree', share: 0.15, apply: (draft, random) => {
    setMember(draft.tree, random.pick(COUNTING), countLike(random))
  } },
  { name: 'odd-nested-count', stage: 'tree', share: 0.05, apply: ({ tree }, random) => {
    setMember(random.pick(objectsIn(tree)), random.pick(NESTED), countLike(random))
  } },
  { name: 'member-twice', stage: 'tree', share: 0.05, apply: ({ tree }, random) => {
    const of = random.pick(objectsIn(tree))
    if (of.members.length > 0) insertAt(of, random, [random.pick(of.members)[0], oddValue(random)])
  } },
  { name: 'count-twice', stage: 'tree', share: 0.08, apply: (draft, random) => {
    const name = random.pick(COUNTING)
    for (let i = 0; i < 2; i++) insertAt(draft.tree, random, [name, anyValue(name, draft, random)])
  } },
  { name: 'nested-count-twice', stage: 'tree', share: 0.05, apply: ({ tree }, random) => {
    const [of, name] = [random.pick(objectsIn(tree)), random.pick(NESTED)]
    for (let i = 0; i < 2; i++) insertAt(of, random, [name, countLike(random)])
  } },
  { name: 'other-case', stage: 'tree', share: 0.06, apply: (draft, random) => {
    const name = random.pick(COUNTING)
    insertAt(draft.tree, random, [otherCase(name, random), anyValue(name, draft, random)])
  } },
  { name: 'other-spelling', stage: 'tree', share: 0.06, apply: (draft, random) => {
    const of = random.pick(objectsIn(draft.tree))
    if (of.members.length === 0) return
    const [name] = random.pick(of.members)
    insertAt(of, random, [otherSpelling(name), anyValue(name, draft, random)])
  } },
  { name: 'foreign-field', stage: 'tree', share: 0.15, apply: (draft, random) => {
    const name = random.pick(Object.keys(FOREIGN))
    setMember(draft.tree, name, anyValue(name, draft, random))
  } },
  { name: 'second-model', stage: 'tree', share: 0.05, apply: ({ tree }, random) => {
    const model = random.pick(['gpt-5', 'claude-opus-4-1', 'my-own-model'])
    setMember(tree, ...random.pick<[string, Node]>([
      ['models', [model]], ['fallbacks', [object({ model })]], ['fallbacks', [model]], ['model', [model]], ['model', object({ name: model })],
      ['tools', [object({ type: 'advisor_20260301', name: 'advisor', model })]], ['prompt', object({ id: 'pmpt_1', model })],
      ['route', 'fallback'], ['extra_body', object({ model })], ['plugins', [object({ id: 'x', model })]],
    ]))
  } },
  { name: 'dropped-field', stage: 'tree', share: 0.04, apply: ({ tree }, random) => {
    if (tree.members.length > 0) tree.members.splice(random.between(0, tree.members.length - 1), 1)
  } },
  { name: 'deep-field', stage: 'tree', share: 0.03, apply: ({ tree }, random) => {
    setMember(random.pick(objectsIn(tree)), 'x', deep(random.pick([50, 200, 1000, 5000]), random.chance(0.5)))
  } },
  { name: 'many-members', stage: 'tree', share: 0.01, apply: ({ tree }, random) => {
    const count = random.pick([500, 3000])
    for (let i = 0; i < count; i++) tree.members.push([`m${i}`, 0])
    if (random.chance(0.5)) tree.members.push(['m7', 1])
  } },
  { name: 'strange-model', stage: 'tree', share: 0.05, apply: (draft, random) => {
    const model = random.pick([
      '\ud800', 'a\nb', '', ' ', 'x'.repeat(201), '../models/x', 'gpt-5\u0000', 'other/gpt-5', 'openai/gpt-5', 'vllm/cheap-1', 'GPT-5', 'ﬁne',
      'e\u0301', '__proto__', 'a%2fb', 'arn:aws:bedrock:us-east-1:1:prompt/X', 'models/gemini-2.5-flash', 'gpt-5:online', 'cheap-1,gpt-5', '*',
    ])
    if (draft.shape.isModelInBody === true) setMember(draft.tree, 'model', model)
    else draft.model = encodeURIComponent(model.toWellFormed())
  } },
] // prettier-ignore

function spliced(body: Buffer, at: number, bytes: Buffer): Buffer {
  return Buffer.concat([body.subarray(0, at), bytes, body.subarray(at)])
}

const ENCODERS: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  gzip: (body) => zlib.gzipSync(body, { level: 1 }),
  'x-gzip': (body) => zlib.gzipSync(body, { level: 1 }),
  deflate: (body) => zlib.deflateSync(body, { level: 1 }),
  br: (body) => zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
  zstd: (body) => zlib.zstdCompressSync(body),
}

function encode(draft: Draft, encoding: string): void {
  draft.body = (ENCODERS[encoding] ?? ((body: Buffer) => body))(draft.body)
  draft.headers.push(['content-encoding', encoding])
}

let bomb: Buffer | undefined

/** 48 MiB of spaces around a request, in some 50 kB. */
function bombOf(body: Buffer): Buffer {
  bomb ??= Buffer.alloc(48 * 1024 * 1024, ' ')
  return zlib.gzipSync(Buffer.concat([bomb, body]), { level: 1 })
}

const ofBytes: readonly Mutation[] = [
  { name: 'odd-style', stage: 'bytes', share: 0.1, apply: (draft, random) => {
    if (draft.shape.isForm !== true) draft.body = Buffer.from(jsonText(draft.tree, oddStyle(random)))
  } },
  { name: 'byte-order-mark', stage: 'bytes', share: 0.02, apply: (draft) => (draft.body = spliced(draft.body, 0, Buffer.from('\ufeff'))) },
  { name: 'utf-16', stage: 'bytes', share: 0.01, apply: (draft, random) => {
    const body = Buffer.from((random.chance(0.5) ? '\ufeff' : '') + draft.body.toString(), 'utf16le')
    draft.body = random.chance(0.5) ? body : Buffer.from(body).swap16()
    if (random.chance(0.5)) draft.contentType = 'application/json; charset=utf-16'
  } },
  { name: 'truncated', stage: 'bytes', share: 0.02, apply: (draft, random) => {
    draft.body = draft.body.subarray(0, random.between(0, draft.body.length))
  } },
  { name: 'trailing', stage: 'bytes', share: 0.02, apply: (draft, random) => {
    draft.body = Buffer.concat([draft.body, Buffer.from(random.pick(['}', ' ', '\0', '{"stream":true}', '\n\n', ',', '//x']))])
  } },
  { name: 'loose-bytes', stage: 'bytes', share: 0.04, apply: (draft, random) => {
    const bytes = random.pick(['ff', 'c0af', 'eda080', 'f4908080', '00', '80', 'e2', '1f', '7f'])
    draft.body = spliced(draft.body, random.between(0, draft.body.length), Buffer.from(bytes, 'hex'))
  } },
  { name: 'changed-byte', stage: 'bytes', share: 0.03, apply: (draft, random) => {
    const body = Buffer.from(draft.body)
    if (body.length > 0) body[random.between(0, body.length - 1)] = random.between(0, 255)
    draft.body = body
  } },
  { name: 'loose-syntax', stage: 'bytes', share: 0.02, apply: (draft, random) => {
    const text = random.pick(['{"a":NaN}', '{a:1}', "{'model':'gpt-5'}", '[]', '"x"', 'null', '1', '', '{"a":1,}', '{/**/}', '{"model":"gpt-5"}{}'])
    draft.body = Buffer.from(text)
  } },
  { name: 'encoded', stage: 'bytes', share: 0.1, apply: (draft, random) => encode(draft, random.pick(Object.keys(ENCODERS))) },
  { name: 'encoded-twice', stage: 'bytes', share: 0.01, apply: (draft, random) => {
    draft.body = zlib.gzipSync(zlib.gzipSync(draft.body))
    draft.headers.push(['content-encoding', random.pick(['gzip, gzip', 'gzip,gzip', 'gzip'])])
  } },
  { name: 'broken-encoding', stage: 'bytes', share: 0.03, apply: (draft, random) => {
    encode(draft, random.pick(Object.keys(ENCODERS)))
    const at = random.between(0, draft.body.length)
    draft.body = random.chance(0.5) ? draft.body.subarray(0, at) : spliced(draft.body, at, Buffer.from('broken'))
  } },
  { name: 'false-encoding', stage: 'bytes', share: 0.02, apply: (draft, random) => {
    draft.headers.push(['content-encoding', random.pick(['gzip', 'br', 'zstd', 'compress', 'identity', 'x', '', 'GZIP', 'gzip;q=1'])])
  } },
  { name: 'bomb', stage: 'bytes', share: 0.0005, apply: (draft) => {
    draft.body = bombOf(draft.body)
    draft.headers.push(['content-encoding', 'gzip'])
  } },
  { name: 'large', stage: 'bytes', share: 0.002, apply: (draft, random) => {
    const padding = Buffer.alloc(random.pick([100_000, 1_000_000]), ' ')
    if (draft.shape.isForm !== true) draft.body = Buffer.concat([draft.body, padding])
  } },
] // prettier-ignore

export const BODY_MUTATIONS: readonly Mutation[] = [...ofTree, ...ofBytes]

import { connect, type Socket } from 'node:net'
import zlib from 'node:zlib'
import { SECRETS } from '../fuzz/installation.ts'
import { makeRequest } from '../fuzz/request.ts'
import { Caller } from '../fuzz/wire.ts'

/** Where an attack goes, and with which key. */
export interface Target {
  readonly url: string
  readonly key: string
}

/** What one key can try. Each takes a second or two, and a bounded part of this machine. */
export interface Attack {
  readonly name: string
  /** The answers that are right, and why. */
  readonly right: { readonly statuses: readonly (number | 'closed')[]; readonly why: string }
  /** Resolves with the answers that came. */
  readonly run: (target: Target) => Promise<readonly (number | 'closed')[]>
}

const CHAT = '/v1/chat/completions'
const HOLD_MS = 1000

async function post(
  { url, key }: Target,
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<number> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body,
  })
  // What breaks off has been answered all the same.
  await response.arrayBuffer().catch(() => undefined)
  return response.status
}

const chatBody = (more: object) => JSON.stringify({ model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'Hi' }], ...more })
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Bytes on connections of their own, which are then left alone for a while. */
async function hold({ url }: Target, count: number, text: string, isPaused = false): Promise<readonly 'closed'[]> {
  const { port, hostname } = new URL(url)
  const sockets = Array.from({ length: count }, (): Socket => {
    const socket = connect({ port: Number(port), host: hostname }, () => socket.write(text))
    if (isPaused) socket.pause()
    return socket.on('error', () => socket.destroy())
  })
  await wait(HOLD_MS)
  for (const socket of sockets) socket.destroy()
  return sockets.map(() => 'closed')
}

function head(key: string, length: number, more = ''): string {
  return `POST ${CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\n${more}content-length: ${length}\r\n\r\n`
}

const one = (send: (target: Target) => Promise<number>) => async (target: Target) => [await send(target)]
const all = (sends: readonly ((target: Target) => Promise<number>)[]) => (target: Target) => Promise.all(sends.map((send) => send(target)))

const nested = (open: string, close: string, depth: number) => (target: Target) =>
  post(target, CHAT, `{"model":"m","messages":[],"x":${open.repeat(depth)}1${close.repeat(depth)}}`)
const members = (count: number) =>
  `{"model":"m",${Array.from({ length: count }, (_, i) => `"${i.toString(36)}":0,`).join('')}"zz_":1,"zz_":1}`
const isRefused = { statuses: [400], why: 'nothing can be counted that cannot be read (docs/security.md)' }

const MANY_MEMBERS = members(40_000)
const LARGE_BODY = `{"model":"m","messages":[],"x":[${'{},'.repeat(1_000_000)}1]}`
const BOMB = zlib.gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '), { level: 1 })

const FORM_TYPE = 'multipart/form-data; boundary=B'
const part = (disposition: string, value: string) => `--B\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`
const FORM = `${part('name="file"; filename="a.wav"', 'RIFF')}${part('name="model"', 'm')}${part('name="z"; name="model"', 'other')}--B--\r\n`

export const ATTACKS: readonly Attack[] = [
  { name: 'objects in each other', right: isRefused, run: all([nested('{"0":', '}', 3000), nested('[', ']', 100_000), nested('{"x":[', ']}', 50_000)]) },
  { name: 'very many members, one of them twice', right: isRefused, run: one((target) => post(target, CHAT, MANY_MEMBERS)) },
  { name: 'a list of a million objects', right: isRefused, run: one((target) => post(target, CHAT, LARGE_BODY)) },
  { name: 'a maximum near 2^53', right: { statuses: [400], why: 'sums of admitted calls stay within the safe integers' },
    run: all([9_007_199_254_740_000, 9_007_199_254_740_991, 1e15].map((max) => (target) => post(target, CHAT, chatBody({ model: 'gpt-4o', max_tokens: max })))) },
  { name: 'names that no store can hold', right: isRefused,
    run: all(['\\ud800', '\\ud801', 'a\\nb', 'a\\u0000b'].map((model) => (target) => post(target, CHAT, `{"model":"${model}","messages":[]}`))) },
  { name: 'a header of lone bytes', right: { statuses: [400, 403], why: 'header values are UTF-8' },
    run: one((target) => post(target, CHAT, chatBody({}), { 'x-bursar-user': 'J\xfcrgen\xff' })) },
  { name: 'paths that lead elsewhere', right: { statuses: [404], why: 'only listed paths have a route' },
    run: all(['/v1/files/..%2f..%2fadmin%2fkeys/x', '/v1/responses/..%2fmodels%2fft/cancel', '/v1/%2e%2e/admin'].map((path) => (target) => post(target, path, '{}'))) },
  { name: 'a body that decodes to 64 MB', right: { statuses: [413], why: 'server.max_body_bytes is after decoding' },
    run: one((target) => post(target, CHAT, BOMB, { 'content-encoding': 'gzip' })) },
  { name: 'a body of a broken encoding', right: isRefused,
    run: all(['gzip', 'br', 'zstd', 'deflate'].map((encoding) => (target) => post(target, CHAT, 'broken', { 'content-encoding': encoding }))) },
  { name: 'forms that can be read in two ways', right: isRefused, run: one((target) => post(target, '/v1/audio/transcriptions', FORM, { 'content-type': FORM_TYPE })) },
  { name: 'heads that never end', right: { statuses: ['closed'], why: 'they cost a connection each, and no more' }, run: (target) => hold(target, 50, 'GET / HTTP/1.1\r\nx') },
  { name: 'bodies that never end', right: { statuses: ['closed'], why: 'bytes in flight are bounded' },
    run: (target) => hold(target, 20, head(target.key, 5_000_000) + 'x'.repeat(50_000)) },
  { name: 'a stream that decodes to 512 MB, and a caller that does not read', right: { statuses: ['closed'], why: 'decoding keeps pace with the reader' },
    run: (target) => { const body = chatBody({ model: 'bomb', stream: true }); return hold(target, 1, head(target.key, body.length, 'accept-encoding: br\r\n') + body, true) } },
  { name: 'a stream whose encoding breaks', right: { statuses: [200, 502], why: 'an answer that breaks off ends' },
    run: one((target) => post(target, CHAT, chatBody({ model: 'broken-gzip', stream: true, stream_options: { include_usage: true } }))) },
  { name: 'an event of a megabyte in a stream without a maximum', right: { statuses: [200], why: 'events up to 16 MiB are read' },
    run: one((target) => post(target, CHAT, `{"model":"large-event","stream":true,"messages":[]}`)) },
  { name: 'callers that hang up', right: { statuses: ['closed'], why: 'what they used is charged' },
    run: (target) => { const body = chatBody({ stream: true }); return hold(target, 20, head(target.key, body.length) + body) } },
  { name: 'a provider that is silent, and callers that hang up', right: { statuses: ['closed'], why: 'a hold ends with its call' },
    run: (target) => { const body = chatBody({ model: 'silent' }); return hold(target, 5, head(target.key, body.length) + body) } },
  { name: 'users and tags that nobody knows', right: { statuses: [200, 429], why: 'accounts by what callers name are bounded' },
    run: all(Array.from({ length: 40 }, () => (target) => { const name = Math.random().toString(36).slice(2); return post(target, CHAT, chatBody({}), { 'x-bursar-user': name, 'x-bursar-tags': `env=${name}` }) })) },
  { name: 'text that is slow to tokenize', right: { statuses: [200, 429], why: 'texts are counted in slices' },
    run: one((target) => post(target, CHAT, chatBody({ model: 'gpt-4o', messages: [{ role: 'user', content: 'a'.repeat(60_000) }] }))) },
  { name: 'requests of the grammar', right: { statuses: [], why: 'any answer but 500' }, run: grammarRequests },
] // prettier-ignore

const GRAMMAR_REQUESTS = 40
let nextSeed = 1

/** With the attacker's key in the place of the fuzzer's. */
async function grammarRequests({ url, key }: Target): Promise<readonly (number | 'closed')[]> {
  const caller = new Caller(Number(new URL(url).port))
  const statuses: (number | 'closed')[] = []
  const seed = nextSeed++
  for (let index = 0; index < GRAMMAR_REQUESTS; index++) {
    const made = makeRequest({ seed, index, skip: new Set(['bomb', 'stall', 'framing']) })
    const { status } = await caller.send({ ...made, head: made.head.replaceAll(SECRETS[made.key], key) })
    statuses.push(status ?? 'closed')
  }
  caller.close()
  return statuses
}

/** What is wrong with the answers that an attack got; undefined: nothing. */
export function wrongAnswer({ right }: Attack, answers: readonly (number | 'closed')[]): string | undefined {
  const wrong = answers.filter((answer) => answer === 500 || (right.statuses.length > 0 && !right.statuses.includes(answer)))
  return wrong.length === 0 ? undefined : `answered ${wrong.join(', ')}; right: ${right.statuses.join(' or ')}, since ${right.why}`
}

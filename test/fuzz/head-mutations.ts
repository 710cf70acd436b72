import type { Random } from '../simulation/random.ts'
import { type Draft, type Mutation, utf8Header } from './draft.ts'
import { SECRETS } from './installation.ts'

/** Replaces what the draft says itself in that header. */
function setHeader({ headers }: Draft, name: string, value: string): void {
  const at = headers.findIndex(([known]) => known === name)
  if (at < 0) headers.push([name, value])
  else headers[at] = [name, value]
}

function takesKey(draft: Draft): void {
  draft.headers = draft.headers.filter(([name]) => name !== 'authorization')
}

const USERS = [
  'ann',
  'Jürgen',
  '東京',
  'ann ',
  'é',
  'e\u0301',
  'x'.repeat(200),
  'x'.repeat(201),
  'a,b',
  'a=b',
  '"ann"',
  '',
  'null',
  '__proto__',
]

/** Bytes that are no UTF-8, or what reads as another name in latin1. */
const LONE_BYTES = ['\xff', 'J\xfcrgen', '\xc3', '\xed\xa0\x80', '\xc0\x80', 'a\x80b', '\xf0\x9f', '\x7f', 'a\tb']

const attributes: readonly Mutation[] = [
  { name: 'user-header', stage: 'head', share: 0.1, apply: (draft, random) => {
    const user = random.pick(USERS)
    draft.user = undefined
    setHeader(draft, 'x-bursar-user', utf8Header(user))
  } },
  { name: 'lone-bytes-header', stage: 'head', share: 0.04, apply: (draft, random) => {
    const name = random.pick(['x-bursar-user', 'x-bursar-tags', 'x-bursar-team', 'user-agent', 'anthropic-beta', 'x-stainless-lang', 'traceparent'])
    if (name === 'x-bursar-user') draft.user = undefined
    if (name === 'traceparent') draft.headers.push(['tracestate', random.pick(LONE_BYTES)])
    else setHeader(draft, name, (name === 'x-bursar-tags' ? 'a=' : '') + random.pick(LONE_BYTES))
  } },
  { name: 'other-team', stage: 'head', share: 0.04, apply: (draft, random) => {
    setHeader(draft, random.pick(['x-bursar-team', 'x-bursar-project']), random.pick(['other', 'research', 'lab', '', 'RESEARCH', 'research\t']))
  } },
  { name: 'tags', stage: 'head', share: 0.06, apply: (draft, random) => {
    const tags = ['env=prod', 'a=b, c=d', 'a=b,a=c', '=x', 'a', 'a=', ',,,', `a=${'x'.repeat(300)}`, `n${random.between(0, 50)}=x`, '__proto__=x', 'a=b;c']
    setHeader(draft, 'x-bursar-tags', random.pick(tags))
  } },
  { name: 'header-twice', stage: 'head', share: 0.03, apply: (draft, random) => {
    const name = random.pick(['x-bursar-user', 'x-bursar-tags', 'authorization', 'content-type', 'content-encoding', 'x-bursar-team'])
    if (name === 'x-bursar-user') draft.user = undefined
    draft.headers.push([name, random.pick(['ann', 'a=b', 'Bearer x', 'text/plain', 'gzip', 'research'])])
  } },
] // prettier-ignore

const KEY_PLACES = ['x-api-key', 'api-key', 'x-goog-api-key'] as const

const keys: readonly Mutation[] = [
  { name: 'key-elsewhere', stage: 'head', share: 0.08, apply: (draft, random) => {
    takesKey(draft)
    if (draft.dialect === 'gemini' && random.chance(0.4)) draft.query.push(`key=${SECRETS[draft.key]}`)
    else draft.headers.push([random.pick(KEY_PLACES), SECRETS[draft.key]])
  } },
  { name: 'two-keys', stage: 'head', share: 0.05, apply: (draft, random) => {
    const other = random.pick(['sk-not-ours-0123456789', 'AKIA0123456789', 'x', SECRETS[draft.key]])
    draft.headers.splice(random.between(0, draft.headers.length), 0, [random.pick(KEY_PLACES), other])
  } },
  { name: 'key-of-aws', stage: 'head', share: 0.02, apply: (draft) => {
    takesKey(draft)
    draft.headers.push(['authorization', 'AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0'])
    draft.headers.push(['x-api-key', SECRETS[draft.key]], ['x-amz-date', '20260101T000000Z'], ['x-amz-security-token', 'x'])
  } },
  { name: 'odd-bearer', stage: 'head', share: 0.04, apply: (draft, random) => {
    const secret = SECRETS[draft.key]
    const forms = [`bearer ${secret}`, `BEARER  ${secret} `, secret, `Bearer ${secret},x`, 'Bearer', 'Bearer ', `Basic ${secret}`, `Bearer ${secret}x`, '']
    setHeader(draft, 'authorization', random.pick(forms))
  } },
  { name: 'no-key', stage: 'head', share: 0.01, apply: takesKey },
  { name: 'key-in-query', stage: 'head', share: 0.03, apply: (draft, random) => {
    if (random.chance(0.5)) takesKey(draft)
    draft.query.push(`${random.pick(['key', '%6bey', 'KEY', 'api_key', 'access_token', 'api-key'])}=${SECRETS[draft.key]}`)
  } },
] // prettier-ignore

const FORWARDED: readonly (readonly [string, string])[] = [
  ['x-goog-fieldmask', 'candidates'], ['X-Goog-FieldMask', 'candidates.content'], ['x-goog-user-project', 'other'],
  ['x-http-method-override', 'DELETE'], ['x-http-method-override', 'GET'], ['x-method-override', 'PUT'], ['x-original-url', '/admin'],
  ['x-forwarded-for', '127.0.0.1'], ['x-forwarded-path', '/admin'], ['forwarded', 'for=1.2.3.4'], ['openai-organization', 'org-other'],
  ['openai-project', 'proj_other'], ['openai-beta', 'assistants=v2'], ['anthropic-beta', 'fallbacks-2026,fast-mode-2026'],
  ['anthropic-version', '2023-06-01'], ['anthropic-workspace-id', 'w'], ['x-stainless-retry-count', '2'], ['cookie', 'a=b'],
  ['accept-encoding', 'zstd, br, gzip'], ['accept-encoding', 'identity;q=0'], ['accept', 'text/event-stream'], ['range', 'bytes=0-10'],
  ['if-none-match', '*'], ['te', 'trailers'], ['expect', '100-continue'], ['x-bursar-model', 'gpt-5'], ['x-bursar-call', 'call_x'],
  ['x-bursar-max-tokens', '1'], ['x-bursar-route', 'off'], ['connection', 'keep-alive, authorization'], ['connection', 'x-bursar-user'],
  ['connection', 'traceparent'], ['keep-alive', 'timeout=1'], ['proxy-authorization', 'Basic x'], ['trailer', 'x'], ['upgrade', 'h2c'],
  ['x-amzn-bedrock-trace', 'ENABLED'], ['x-amzn-bedrock-guardrailidentifier', 'x'], ['x-ms-azureml-model-error', 'x'], ['extra-parameters', 'pass-through'],
  ['x-ms-client-request-id', 'x'], ['x-long', 'x'.repeat(12_000)], ['x-longer', 'x'.repeat(20_000)], ['', 'x'], ['x y', 'z'], ['host', 'other'],
  ['content-length', '5'], ['transfer-encoding', 'chunked'], ['transfer-encoding', 'gzip, chunked'], ['origin', 'https://evil.example'],
] // prettier-ignore

const QUERIES = [
  'fields=candidates', '$fields=candidates', '%24fields=candidates', 'fields=', 'f%69elds=candidates', 'FIELDS=x', '$alt=sse', 'alt=json', 'alt=proto',
  'alt=media', 'callback=x', '$callback=x', 'prettyPrint=false', '$.xgafv=2', 'quotaUser=x', 'uploadType=media', 'upload_protocol=raw', 'access_token=x',
  'api-version=2024-02-01', 'api-version=2025-01-01-preview', 'api-version=', 'beta=true', 'stream=true', 'model=gpt-5', 'a=b&a=c', '%00=x', '?', '&&', 'a;b', '#x',
] // prettier-ignore

function oddPath({ path }: Draft, random: Random): string {
  const last = path.lastIndexOf('/')
  return random.pick([
    `/${path}`, `${path}/`, `/v1${path}`, path.replace('/v1/', '/v1//'), path.replace('/v1/', '/v1/./'), path.replace('/v1/', '/'), path.toUpperCase(),
    `${path.slice(0, last)}/..%2f${path.slice(last + 1)}`, `${path}/..%2f..%2fadmin`, `${path}/%2e%2e/%2e%2e/admin`, `${path}/../../admin`, `${path}%00`,
    `${path}%0d%0ax:y`, `${path};x=y`, `${path}.json`, `/unknown${path}`, `/openai/openai${path}`, `/anthropic${path}`, `/vllm${path}`,
    `/%6fpenai${path}`, `/OPENAI${path}`, path.replaceAll('/', '%2f'), path.replaceAll('/', '\\'), '/', '*', '', `http://evil.example${path}`, `//evil.example${path}`,
    path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`), `${path}%`, `${path}%ff`, '/api/v1/status', '/api/v1/keys', '/v1/admin/keys', '/v1/fine_tuning/jobs',
  ]) // prettier-ignore
}

const envelope: readonly Mutation[] = [
  { name: 'odd-path', stage: 'head', share: 0.06, apply: (draft, random) => (draft.path = oddPath(draft, random)) },
  { name: 'query', stage: 'head', share: 0.06, apply: (draft, random) => draft.query.push(random.pick(QUERIES)) },
  { name: 'method', stage: 'head', share: 0.02, apply: (draft, random) => {
    draft.method = random.pick(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'POST ', 'post', 'FOO', 'CONNECT', 'QUERY', 'PROPFIND'])
  } },
  { name: 'content-type', stage: 'head', share: 0.04, apply: (draft, random) => {
    draft.contentType = random.pick(['text/plain', '', 'application/json; charset=latin1', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'APPLICATION/JSON', 'application/octet-stream'])
  } },
  { name: 'forwarded-header', stage: 'head', share: 0.12, apply: (draft, random) => {
    for (let i = random.between(1, 3); i > 0; i--) draft.headers.push([...random.pick(FORWARDED)])
  } },
  { name: 'many-headers', stage: 'head', share: 0.005, apply: (draft, random) => {
    for (let i = random.pick([50, 150, 2500]); i > 0; i--) draft.headers.push([`x-${i}`, 'y'])
  } },
] // prettier-ignore

const wire: readonly Mutation[] = [
  { name: 'pieces', stage: 'wire', share: 0.06, apply: (draft, random) => {
    draft.wire = { kind: 'pieces', sizes: Array.from({ length: 6 }, () => random.between(1, 400)), gapMs: random.pick([0, 0, 1, 20]) }
  } },
  { name: 'chunked', stage: 'wire', share: 0.06, apply: (draft, random) => {
    draft.wire = { kind: 'chunked', size: random.pick([1, 7, 100, 5000]), extension: random.pick(['', ';x=y', `;${'x'.repeat(1000)}`]) }
  } },
  { name: 'cut', stage: 'wire', share: 0.03, apply: (draft, random) => (draft.wire = { kind: 'cut', share: random.next() }) },
  { name: 'hang-up', stage: 'wire', share: 0.05, apply: (draft, random) => {
    draft.wire = { kind: 'hang-up', afterMs: random.pick([0, 0, 1, 3, 10, 40]), isAfterHead: random.chance(0.4) }
  } },
  { name: 'stall', stage: 'wire', share: 0.003, apply: (draft, random) => {
    draft.wire = { kind: 'stall', share: random.next(), ms: random.pick([200, 1000, 3000]) }
  } },
  { name: 'slow-reader', stage: 'wire', share: 0.01, apply: (draft, random) => {
    draft.wire = { kind: 'slow-reader', ms: random.pick([20, 200]) }
  } },
  { name: 'framing', stage: 'wire', share: 0.02, apply: (draft, random) => {
    draft.wire = { kind: 'raw', why: random.pick(['length-short', 'length-long', 'length-twice', 'length-and-chunked', 'length-odd', 'no-length', 'bad-chunk', 'http-1.0', 'http-2-preface', 'bare-lf', 'pipelined']) }
  } },
] // prettier-ignore

export const HEAD_MUTATIONS: readonly Mutation[] = [...attributes, ...keys, ...envelope, ...wire]

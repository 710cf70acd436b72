import { expect, test } from 'vitest'
import { apiShapes } from '../providers/registry.ts'
import { forwardedHeaders, headersToClient, headersToProvider } from './header-names.ts'

const isForwarded = forwardedHeaders(['x-amzn-bedrock-trace', 'openai-*'])

test('the provider gets what stands on the list, and neither the key nor what is the connection’s or Bursar’s', () => {
  const headers = {
    host: 'bursar',
    authorization: 'Bearer bsr_key',
    'x-api-key': 'bsr_key',
    connection: 'keep-alive',
    'content-length': '7',
    'content-encoding': 'gzip',
    'content-md5': 'of other bytes',
    'x-bursar-user': 'ada',
    'x-amz-date': '20260101T000000Z',
    'amz-sdk-request': 'attempt=1',
    'x-amzn-bedrock-trace': 'ENABLED',
    'openai-beta': 'assistants=v2',
    'x-stainless-lang': 'js',
    'x-goog-fieldmask': 'candidates',
    'x-http-method-override': 'DELETE',
    'x-forwarded-for': '10.0.0.1',
  }
  expect(headersToProvider(headers, { 'content-length': '9' }, isForwarded)).toEqual([
    'x-amzn-bedrock-trace',
    'ENABLED',
    'openai-beta',
    'assistants=v2',
    'x-stainless-lang',
    'js',
    'content-length',
    '9',
  ])
})

test.each([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'cookie',
  'content-length',
  'transfer-encoding',
  'x-bursar-user',
  'te',
])('no list lets %s pass', (name) => {
  expect(headersToProvider({ [name]: 'x' }, {}, forwardedHeaders([name, `${name}*`, '*']))).toEqual([])
})

test.each(apiShapes.map((shape) => [shape.api, shape] as const))('%s passes no field mask, no other method and no key on', (_, shape) => {
  const hostile = ['x-goog-fieldmask', 'x-http-method-override', 'x-goog-api-key', 'api-key', 'x-goog-user-project', 'content-encoding']
  const headers = Object.fromEntries(hostile.map((name) => [name, 'x']))
  expect(headersToProvider(headers, {}, forwardedHeaders(shape.forwardHeaders))).toEqual([])
})

test('what the connection header names is the connection’s', () => {
  expect(headersToProvider({ connection: 'close, OpenAI-Beta', 'openai-beta': 'x' }, {}, isForwarded)).toEqual([])
  expect(headersToClient({ connection: 'x-trace', 'x-trace': 'x', etag: 'e' }, {})).toEqual(['etag', 'e'])
})

test('only encodings that Bursar reads are offered to the provider', () => {
  const offered = (value: string) => headersToProvider({ 'accept-encoding': value }, {}, isForwarded)[1]
  expect(offered('gzip, br;q=0.5')).toBe('gzip, br;q=0.5')
  expect(offered('compress, dcb, br')).toBe('br')
  expect(offered('*')).toBe('identity')
})

test('Bursar’s own stand in the place of those of the same name, once', () => {
  expect(headersToProvider({ 'accept-encoding': 'gzip' }, { 'accept-encoding': 'identity' }, isForwarded)).toEqual([
    'accept-encoding',
    'identity',
  ])
  expect(headersToClient({ 'x-bursar-call': 'of another Bursar', ratelimit: 'x' }, { 'x-bursar-call': 'call-1' })).toEqual([
    'x-bursar-call',
    'call-1',
  ])
})

test('the client gets nothing of another Bursar, and no rights for the pages of the provider', () => {
  const headers = { 'x-bursar-max-tokens': '1', 'access-control-allow-origin': '*', 'alt-svc': 'h3=":443"', 'x-request-id': 'r' }
  expect(headersToClient(headers, {})).toEqual(['x-request-id', 'r'])
})

test('a name that every object has is a name as any other', () => {
  const headers = { constructor: 'a', 'content-type': 'b' }
  expect(headersToProvider(headers, {}, isForwarded)).toEqual(['content-type', 'b'])
  expect(headersToProvider(headers, {}, forwardedHeaders(['constructor']))).toEqual(['constructor', 'a', 'content-type', 'b'])
})

test('a header that came several times goes on as often', () => {
  expect(headersToClient({ 'set-cookie': ['a=1', 'b=2'] }, {})).toEqual(['set-cookie', 'a=1', 'set-cookie', 'b=2'])
})

test('what is not true of the relayed bytes is left out, and what Bursar says of them is not', () => {
  const isUntrue = (name: string) => name === 'content-length'
  expect(headersToClient({ 'content-length': '7', etag: 'e' }, {}, isUntrue)).toEqual(['etag', 'e'])
})

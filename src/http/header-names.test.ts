import { expect, test } from 'vitest'
import { headersToClient, headersToProvider } from './header-names.ts'

test('the provider gets what the client sent, and neither its key nor what is the connection’s or Bursar’s', () => {
  const headers = {
    host: 'bursar',
    authorization: 'Bearer bsr_key',
    'x-api-key': 'bsr_key',
    connection: 'keep-alive',
    'content-length': '7',
    'x-bursar-user': 'ada',
    'x-amz-date': '20260101T000000Z',
    'amz-sdk-request': 'attempt=1',
    'x-amzn-bedrock-trace': 'ENABLED',
    'openai-beta': 'assistants=v2',
  }
  expect(headersToProvider(headers, { 'content-length': '9' })).toEqual([
    'x-amzn-bedrock-trace',
    'ENABLED',
    'openai-beta',
    'assistants=v2',
    'content-length',
    '9',
  ])
})

test('Bursar’s own stand in the place of those of the same name, once', () => {
  expect(headersToProvider({ 'accept-encoding': 'gzip' }, { 'accept-encoding': 'identity' })).toEqual(['accept-encoding', 'identity'])
  expect(headersToClient({ 'x-bursar-call': 'of another Bursar', ratelimit: 'x' }, { 'x-bursar-call': 'call-1' })).toEqual([
    'x-bursar-call',
    'call-1',
  ])
})

test('a name that every object has is a name as any other', () => {
  expect(headersToProvider({ constructor: 'a', 'content-type': 'b' }, {})).toEqual(['constructor', 'a', 'content-type', 'b'])
})

test('a header that came several times goes on as often', () => {
  expect(headersToClient({ 'set-cookie': ['a=1', 'b=2'] }, {})).toEqual(['set-cookie', 'a=1', 'set-cookie', 'b=2'])
})

test('what is not true of the relayed bytes is left out, and what Bursar says of them is not', () => {
  const isUntrue = (name: string) => name === 'content-length'
  expect(headersToClient({ 'content-length': '7', etag: 'e' }, {}, isUntrue)).toEqual(['etag', 'e'])
})

import { expect, test } from 'vitest'
import type { OutgoingRequest } from '../provider.ts'
import { bedrockAuthorizer } from './signature.ts'

const ACCESS_KEY = {
  apiKey: '',
  region: 'us-east-1',
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'TOKEN',
}
const NOW = () => new Date('2015-08-30T12:36:00Z')

function request(headers: OutgoingRequest['headers'] = []): OutgoingRequest {
  const path = '/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse'
  return {
    method: 'POST',
    url: () => new URL(path, 'https://bedrock-runtime.us-east-1.amazonaws.com'),
    headers: ['content-type', 'application/json', 'content-length', '15', 'user-agent', 'test', ...headers],
    body: Buffer.from('{"messages":[]}'),
  }
}

test('the signature is the one that the published steps give, with the path encoded twice', async () => {
  // Computed by the steps of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html in another
  // language; the canonical path is /model/us.anthropic.claude-haiku-4-5-20251001-v1%253A0/converse.
  expect(await bedrockAuthorizer(ACCESS_KEY, NOW)(request())).toEqual({
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, ' +
      'SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, ' +
      'Signature=a99f1b3211bbb1d9274444e8d963ec174fc13ea375834f78cd1244cb04704da6',
    'x-amz-content-sha256': '5e4ce7b36ba37b78a5d5f9fd08e6b7b54ba6879d651aa46ec9e1d6fa24ebe30a',
    'x-amz-date': '20150830T123600Z',
    'x-amz-security-token': 'TOKEN',
  })
})

test('options of the call are signed, since AWS wants all x-amz headers signed; they are not sent twice', async () => {
  const headers = await bedrockAuthorizer(ACCESS_KEY, NOW)(request(['x-amzn-bedrock-trace', 'ENABLED']))
  expect(headers['authorization']).toContain(';x-amzn-bedrock-trace,')
  expect(Object.keys(headers)).not.toContain('x-amzn-bedrock-trace')
})

test('an API key is a bearer token, and nothing is signed', () => {
  expect(bedrockAuthorizer({ ...ACCESS_KEY, apiKey: 'bedrock-api-key' })(request())).toEqual({ authorization: 'Bearer bedrock-api-key' })
})

test('no credentials: nothing is added', () => {
  expect(bedrockAuthorizer({ apiKey: '' })(request())).toEqual({})
})

test('credentials that can not work are refused at the start, without a word of the secret', () => {
  const { region: _, ...withoutRegion } = ACCESS_KEY
  const { secretAccessKey: __, ...withoutSecret } = ACCESS_KEY
  expect(() => bedrockAuthorizer(withoutRegion)).toThrow(/^signing needs a region: set region, or a base_url such as/)
  expect(() => bedrockAuthorizer(withoutSecret)).toThrow('access_key_id and secret_access_key belong together')
})

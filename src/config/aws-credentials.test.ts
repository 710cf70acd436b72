import { expect, test } from 'vitest'
import { awsCredentials } from './aws-credentials.ts'

const ENV = { AWS_ACCESS_KEY_ID: 'env-id', AWS_SECRET_ACCESS_KEY: 'env-secret', AWS_SESSION_TOKEN: 'env-token', AWS_REGION: 'eu-north-1' }
const base_url = 'https://bedrock-runtime.us-west-2.amazonaws.com'
const FROM_ENV = { accessKeyId: 'env-id', secretAccessKey: 'env-secret', sessionToken: 'env-token' }

test('an access key of the config is used as it is, without the token of the environment', () => {
  const credentials = awsCredentials({ base_url, access_key_id: 'id', secret_access_key: 'secret' }, ENV)
  expect(credentials).toEqual({ apiKey: '', region: 'us-west-2', accessKeyId: 'id', secretAccessKey: 'secret' })
})

test('where the config has no credentials, those of the environment are used', () => {
  expect(awsCredentials({ base_url }, ENV)).toEqual({ apiKey: '', region: 'us-west-2', ...FROM_ENV })
  expect(awsCredentials({ base_url }, {})).toEqual({ apiKey: '', region: 'us-west-2' })
  expect(awsCredentials({ base_url }, { AWS_ACCESS_KEY_ID: 'env-id', AWS_SECRET_ACCESS_KEY: '' })).toEqual({
    apiKey: '',
    region: 'us-west-2',
  })
})

test('an API key needs no access key', () => {
  expect(awsCredentials({ base_url, api_key: 'bedrock-api-key' }, ENV)).toEqual({ apiKey: 'bedrock-api-key', region: 'us-west-2' })
})

test.each([
  [{ base_url, region: 'ap-south-1' }, ENV, 'ap-south-1'],
  [{ base_url }, ENV, 'us-west-2'],
  [{ base_url: 'https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com' }, ENV, 'us-gov-west-1'],
  [{ base_url: 'https://vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com' }, ENV, 'eu-central-1'],
  [{ base_url: 'https://proxy.example' }, ENV, 'eu-north-1'],
  [{ base_url: 'https://proxy.example' }, { AWS_DEFAULT_REGION: 'sa-east-1' }, 'sa-east-1'],
  [{ base_url: 'https://proxy.example' }, {}, undefined],
])('the region of %j', (settings, env, expected) => {
  expect(awsCredentials(settings, env).region).toBe(expected)
})

import type { Rule } from './field.ts'
import { Scalar, textIn } from './tree.ts'

const BEDROCK_ONLY = ['region', 'access_key_id', 'secret_access_key'] as const

/** What only Bedrock needs is refused elsewhere: nothing is silently ignored. */
export const awsIsForBedrock: Rule = (provider) => {
  const api = textIn(provider, 'api')
  if (api === undefined || api === 'bedrock') return []
  return BEDROCK_ONLY.filter((name) => isFilled(provider[name])).map((name) => ({
    path: [name],
    message: 'only for api: bedrock; leave it out',
    isAtKey: true,
  }))
}

export const serviceAccountIsForVertex: Rule = (provider) => {
  const api = textIn(provider, 'api')
  if (api === undefined || api === 'vertex' || !isFilled(provider['service_account'])) return []
  return [{ path: ['service_account'], message: 'only for api: vertex; leave it out', isAtKey: true }]
}

export const accessKeyHasSecret: Rule = (provider) => {
  const [id, secret] = [isFilled(provider['access_key_id']), isFilled(provider['secret_access_key'])]
  if (id === secret) return []
  const [present, missing] = id ? ['access_key_id', 'secret_access_key'] : ['secret_access_key', 'access_key_id']
  return [{ path: [present], message: `expected ${missing} beside it`, isAtKey: true }]
}

function isFilled(value: unknown): boolean {
  return value !== undefined && !(value instanceof Scalar && value.kind === 'empty')
}

import type { CredentialsConfig } from './config.ts'
import type { Environment } from './environment.ts'

/** What the config says of how to reach Bedrock; an empty text was read as absent. */
export interface BedrockSettings {
  readonly base_url: string
  readonly api_key?: string | undefined
  readonly region?: string | undefined
  readonly access_key_id?: string | undefined
  readonly secret_access_key?: string | undefined
}

/** Of the service's own endpoints, and of private ones in a VPC (https://docs.aws.amazon.com/general/latest/gr/bedrock.html). */
const REGION_IN_HOST = /(?:^|\.)bedrock-runtime(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\./

/**
 * The credentials for Bedrock: those of the config; where it has none, the access key that AWS's tools put into the
 * environment. The region is the config's, else the one in the host name, else the environment's.
 */
export function awsCredentials(settings: BedrockSettings, env: Environment): CredentialsConfig {
  const apiKey = settings.api_key ?? ''
  const region = settings.region ?? regionOf(settings.base_url) ?? filled(env['AWS_REGION']) ?? filled(env['AWS_DEFAULT_REGION'])
  const base = { apiKey, ...(region === undefined ? {} : { region }) }
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = settings
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { ...base, accessKeyId, secretAccessKey }
  return apiKey === '' ? { ...base, ...environmentKey(env) } : base
}

function environmentKey(env: Environment): Pick<CredentialsConfig, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'> {
  const accessKeyId = filled(env['AWS_ACCESS_KEY_ID'])
  const secretAccessKey = filled(env['AWS_SECRET_ACCESS_KEY'])
  const sessionToken = filled(env['AWS_SESSION_TOKEN'])
  if (accessKeyId === undefined || secretAccessKey === undefined) return {}
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
}

function regionOf(baseUrl: string): string | undefined {
  return REGION_IN_HOST.exec(new URL(baseUrl).hostname)?.[1]
}

function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

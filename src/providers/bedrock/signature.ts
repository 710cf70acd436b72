import { createHash } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { keyHeader } from '../key-header.ts'
import type { Authorize, Credentials, OutgoingRequest } from '../provider.ts'

/** The service's name in signatures, which is not the one in its host name. */
const SERVICE = 'bedrock'

/**
 * A bearer token where there is an API key (https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html), else
 * AWS's Signature Version 4; nothing where there are no credentials at all.
 * @param now what the time is, for the signature
 * @throws Error where an access key has no secret, no region, or the reverse
 */
export function bedrockAuthorizer(credentials: Credentials, now: () => Date = () => new Date()): Authorize {
  const { apiKey, region, accessKeyId = '', secretAccessKey = '', sessionToken } = credentials
  if (apiKey !== '') return keyHeader('authorization', `Bearer ${apiKey}`)
  if (accessKeyId === '' && secretAccessKey === '') return () => ({})
  if (accessKeyId === '' || secretAccessKey === '') {
    throw new Error('access_key_id and secret_access_key belong together: set both, or none')
  }
  if (region === undefined || region === '') {
    throw new Error('signing needs a region: set region, or a base_url such as https://bedrock-runtime.us-east-1.amazonaws.com')
  }
  const signer = new SignatureV4({
    service: SERVICE,
    region,
    sha256: Sha256,
    // AWS's services except S3 sign the path encoded once more than it is sent.
    uriEscapePath: true,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  })
  return (request) => sign(signer, request, now())
}

const SIGNED = new Set(['authorization', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'])

async function sign(signer: SignatureV4, request: OutgoingRequest, signingDate: Date): Promise<Readonly<Record<string, string>>> {
  const url = request.url()
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: queryOf(url),
      headers: { ...headersToSign(request), host: url.host, 'x-amz-content-sha256': sha256(request.body) },
    },
    { signingDate },
  )
  return Object.fromEntries(Object.entries(signed.headers).filter(([name]) => SIGNED.has(name)))
}

/** Hashed by Node itself: in JavaScript 32 MB keep the process busy for most of a second. */
function sha256(body: Buffer | null): string {
  return createHash('sha256')
    .update(body ?? '')
    .digest('hex')
}

/** What must be signed where it is sent; a proxy may change others on their way. */
function headersToSign({ headers }: OutgoingRequest): Record<string, string> {
  const signed: Record<string, string> = {}
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const before = signed[name]
    const value = headers[i + 1] ?? ''
    if (name === 'content-type' || name.startsWith('x-amz')) signed[name] = before === undefined ? value : `${before},${value}`
  }
  return signed
}

function queryOf(url: URL): Record<string, string[]> {
  const query: Record<string, string[]> = {}
  for (const name of new Set(url.searchParams.keys())) query[name] = url.searchParams.getAll(name)
  return query
}

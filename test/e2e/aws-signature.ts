import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** A signed request as a service of AWS receives it. */
export interface SignedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d{8}\/[^/]+\/[^/]+\/aws4_request), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/

/**
 * True where the signature is right, by the published steps and with nothing but Node's own hashes
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */
export function isSignedWith(secretAccessKey: string, { method, path, headers, body }: SignedRequest): boolean {
  const [, scope, names, signature] = AUTHORIZATION.exec(headers.authorization ?? '') ?? []
  if (scope === undefined || names === undefined) return false
  const payloadHash = sha256(body)
  if (headers['x-amz-content-sha256'] !== payloadHash) return false
  const canonicalPath = path.split('/').map(encodeURIComponent).join('/')
  const canonicalHeaders = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`)
  const canonical = [method, canonicalPath, '', canonicalHeaders.join(''), names, payloadHash].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  let key = Buffer.from(`AWS4${secretAccessKey}`)
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest()
  return createHmac('sha256', key).update(toSign).digest('hex') === signature
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex')
}

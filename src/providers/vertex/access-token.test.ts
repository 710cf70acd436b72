import { generateKeyPairSync, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { OutgoingRequest } from '../provider.ts'
import { vertexAuthorizer } from './access-token.ts'

const dir = mkdtempSync(join(tmpdir(), 'bursar-test-'))
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const serviceAccount = join(dir, 'account.json')
writeFileSync(
  serviceAccount,
  JSON.stringify({
    type: 'service_account',
    client_email: 'bursar@p.iam.gserviceaccount.com',
    private_key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  }),
)
const request: OutgoingRequest = { method: 'POST', url: () => new URL('http://127.0.0.1/'), headers: [], body: null }

afterAll(() => rmSync(dir, { recursive: true }))

/** What Google's token endpoint is sent: a claim, signed by the account's key. */
function claimIn(body: string): Readonly<Record<string, unknown>> {
  const [header = '', claim = '', signature = ''] = (new URLSearchParams(body).get('assertion') ?? '').split('.')
  const isSigned = verify('sha256', Buffer.from(`${header}.${claim}`), keys.publicKey, Buffer.from(signature, 'base64url'))
  expect(isSigned).toBe(true)
  return JSON.parse(Buffer.from(claim, 'base64url').toString()) as Readonly<Record<string, unknown>>
}

test('a service account signs for an access token, which is kept while it is valid', async () => {
  const asked: Readonly<Record<string, unknown>>[] = []
  const google = async (_: unknown, init?: RequestInit) => {
    asked.push(claimIn(await new Response(init?.body ?? null).text()))
    return Response.json({ access_token: `token-${asked.length}`, expires_in: 3600, token_type: 'Bearer' })
  }
  const authorize = vertexAuthorizer({ apiKey: '', serviceAccount }, google)
  expect(await authorize(request)).toEqual({ authorization: 'Bearer token-1' })
  expect(await authorize(request)).toEqual({ authorization: 'Bearer token-1' })
  expect(asked).toHaveLength(1)
  expect(asked[0]).toMatchObject({ iss: 'bursar@p.iam.gserviceaccount.com', scope: 'https://www.googleapis.com/auth/cloud-platform' })
})

test('where Google gives none, the error says what to do, and nothing of the key', async () => {
  const google = () => Promise.resolve(Response.json({ error: 'invalid_grant' }, { status: 400 }))
  const failed: unknown = await Promise.resolve(vertexAuthorizer({ apiKey: '', serviceAccount }, google)(request)).catch(
    (error: unknown) => error,
  )
  expect(String(failed)).toContain('check the file')
  expect(String(failed)).not.toContain('PRIVATE KEY')
})

test('a key of its own is a bearer token; without either nothing is sent', () => {
  expect(vertexAuthorizer({ apiKey: 'k' })(request)).toEqual({ authorization: 'Bearer k' })
  expect(vertexAuthorizer({ apiKey: '' })(request)).toEqual({})
})

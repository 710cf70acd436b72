import { GoogleAuth } from 'google-auth-library'
import { keyHeader } from '../key-header.ts'
import type { Authorize, Credentials } from '../provider.ts'

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'

/**
 * An access token of the service account, fetched with the first call and renewed before it expires; else the key as it is.
 * @param fetch how Google is asked
 */
export function vertexAuthorizer({ apiKey, serviceAccount }: Credentials, fetch?: typeof globalThis.fetch): Authorize {
  if (serviceAccount === undefined) return keyHeader('authorization', apiKey === '' ? '' : `Bearer ${apiKey}`)
  const auth = new GoogleAuth({
    keyFilename: serviceAccount,
    scopes: SCOPE,
    ...(fetch === undefined ? {} : { clientOptions: { transporterOptions: { fetchImplementation: fetch } } }),
  })
  return async () => ({ authorization: `Bearer ${await tokenOf(auth, serviceAccount)}` })
}

async function tokenOf(auth: GoogleAuth, path: string): Promise<string> {
  try {
    const token = await auth.getAccessToken()
    if (typeof token === 'string' && token !== '') return token
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
    throw new Error(`no access token for the service account of ${path}${code}: check the file, and that Google can be reached`, {
      cause: error,
    })
  }
  throw new Error(`Google gave no access token for the service account of ${path}`)
}

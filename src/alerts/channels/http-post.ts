import { type Dispatcher, request } from 'undici'
import { readRetryAfter } from '../retry.ts'
import { ChannelError } from './channel-error.ts'
import { checkLiteral, guardedAgent, RefusedAddress } from './private-address.ts'
import { decoded, quotable } from './redaction.ts'

const TIMEOUT_MS = 15_000
const EXCERPT_BYTES_MAX = 2048

/** Where and how to post. */
export interface HttpTarget {
  readonly url: string
  readonly allowPrivateUrls: boolean
  /** For the whole exchange; default 15 s. */
  readonly timeoutMs?: number
  /** Statuses after which a further try is pointless. */
  readonly deadStatuses: readonly number[]
  /** What to do after one of them; ends the error's sentence. */
  readonly deadAdvice: string
}

export type Post = (body: string, headers: Readonly<Record<string, string>>) => Promise<void>

/**
 * Posts to one URL; only a 2xx answer is a success, and redirects are not followed.
 * The returned function throws {@link ChannelError}; its message holds the host and what the receiver said, but of the URL
 * nothing else, since its path is often the secret.
 */
export function createPost(target: HttpTarget): Post {
  const url = new URL(target.url)
  const dispatcher = guardedAgent(target)
  const credentials = basicCredentials(url)
  return async (body, headers) => {
    const options = { dispatcher, body, headers: { 'user-agent': 'Bursar', ...credentials, ...headers } }
    const answer = await exchange(url, { ...target, ...options })
    const { statusCode } = answer
    if (statusCode >= 200 && statusCode < 300) return discard(answer)
    const isRetryable = !target.deadStatuses.includes(statusCode)
    const said = quotable(await beginningOf(answer), secretsOf(url))
    const what = `${url.host} answered ${statusCode}${said === '' ? '' : ` "${said}"`}`
    throw new ChannelError(`${what}${adviceOn(statusCode, isRetryable, target.deadAdvice)}`, {
      isRetryable,
      retryAfterMs: readRetryAfter(headerOf(answer, 'retry-after'), Date.now()),
    })
  }
}

interface ExchangeOptions extends HttpTarget {
  readonly dispatcher: Dispatcher
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

async function exchange(url: URL, options: ExchangeOptions): Promise<Dispatcher.ResponseData> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  try {
    checkLiteral(url, options)
    const { dispatcher, body, headers } = options
    return await request(url, { method: 'POST', dispatcher, body, headers, signal: AbortSignal.timeout(timeoutMs) })
  } catch (error) {
    throw new ChannelError(reasonOf(error, url.host, timeoutMs), { isRetryable: true })
  }
}

// An error's own message may quote the URL; a code can't.
function reasonOf(error: unknown, host: string, timeoutMs: number): string {
  if (error instanceof RefusedAddress) return error.message
  if (error instanceof Error && error.name === 'TimeoutError') return `${host} did not answer within ${timeoutMs / 1000} s`
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no code'
  return `${host} could not be reached (${code})`
}

function adviceOn(status: number, isRetryable: boolean, deadAdvice: string): string {
  if (!isRetryable) return `: ${deadAdvice}`
  return status >= 300 && status < 400 ? ': redirects are not followed, set the URL that it points to' : ''
}

/** The first bytes of what the receiver said; empty where they can't be read. */
async function beginningOf({ body }: Dispatcher.ResponseData): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of body) {
      chunks.push(Buffer.from(chunk))
      if (Buffer.concat(chunks).length >= EXCERPT_BYTES_MAX) break
    }
  } catch {
    return ''
  }
  return Buffer.concat(chunks).subarray(0, EXCERPT_BYTES_MAX).toString('utf8')
}

/** The message has arrived with the 2xx status: what becomes of the rest of the answer changes nothing. */
function discard({ body }: Dispatcher.ResponseData): void {
  body.dump().catch(() => undefined)
}

function headerOf({ headers }: Dispatcher.ResponseData, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function basicCredentials({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {}
  const pair = `${decoded(username)}:${decoded(password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** A receiver may repeat the URL that it was called with ("Cannot POST /services/..."). */
function secretsOf({ pathname, search, searchParams, username, password }: URL): readonly string[] {
  return [pathname + search, pathname, ...pathname.split('/'), ...searchParams.values(), password, username]
}

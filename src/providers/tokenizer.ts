import { createRequire } from 'node:module'

type Tokenizer = typeof import('gpt-tokenizer/encoding/o200k_base')

export type Encoding = 'o200k_base' | 'cl100k_base'

const load = createRequire(import.meta.url)
const tokenizers = new Map<Encoding, Tokenizer>()

/** Byte pair encoding is quadratic in a run without a break: 20 kB of one letter take 0.3 s, a kilobyte at a time is linear. */
const SLICE_CHARS = 1024

/** Beyond this a token for each three characters is assumed, which is above what text has. */
const COUNTED_CHARS_MAX = 256 * 1024
const CHARS_PER_TOKEN_BEYOND = 3

/**
 * The tokens of a text by one of OpenAI's encodings. Counted in slices, so it may be a token too high at each of their borders.
 * The first call loads the tables (about 0.3 s). Where they can't be read now (no file descriptor is left), each byte is a token, which is
 * the most that there can be.
 */
export function countTokens(text: string, encoding: Encoding = 'o200k_base'): number {
  const counter = tokenizerOf(encoding)
  if (counter === undefined) return Buffer.byteLength(text)
  const counted = Math.min(text.length, COUNTED_CHARS_MAX)
  let tokens = 0
  for (let at = 0; at < counted; at += SLICE_CHARS) {
    tokens += counter.countTokens(text.slice(at, Math.min(at + SLICE_CHARS, counted)), { allowedSpecial: 'all' })
  }
  return tokens + Math.ceil((text.length - counted) / CHARS_PER_TOKEN_BEYOND)
}

function tokenizerOf(encoding: Encoding): Tokenizer | undefined {
  try {
    return loadTokenizer(encoding)
  } catch {
    return undefined
  }
}

/**
 * Loads the tables now, so that the first call that needs them does not wait.
 * @throws Error where their file can't be read
 */
export function loadTokenizer(encoding: Encoding = 'o200k_base'): Tokenizer {
  const loaded: Tokenizer = tokenizers.get(encoding) ?? load(`gpt-tokenizer/encoding/${encoding}`)
  tokenizers.set(encoding, loaded)
  return loaded
}

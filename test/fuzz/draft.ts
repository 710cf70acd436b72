import type { Random } from '../simulation/random.ts'
import type { Dialect, Shape } from './fields.ts'
import type { Members } from './json-text.ts'

/** A key of the run: what it may do is in `installation.ts`. */
export type KeyName = 'main' | 'other' | 'cheap' | 'small' | 'closed'

/** How the bytes go over the wire. */
export type Wire =
  | { readonly kind: 'plain' }
  | { readonly kind: 'pieces'; readonly sizes: readonly number[]; readonly gapMs: number }
  | { readonly kind: 'chunked'; readonly size: number; readonly extension: string }
  /** Hangs up after so much of the request was sent. */
  | { readonly kind: 'cut'; readonly share: number }
  /** Hangs up so long after the whole request was sent, or once the answer has begun. */
  | { readonly kind: 'hang-up'; readonly afterMs: number; readonly isAfterHead: boolean }
  /** Sends a part, then nothing, and hangs up later. */
  | { readonly kind: 'stall'; readonly share: number; readonly ms: number }
  /** The head is sent as it is, whatever it says of the body. */
  | { readonly kind: 'raw'; readonly why: string }
  /** Does not read the answer for a while. */
  | { readonly kind: 'slow-reader'; readonly ms: number }

/** A request while it is made: each mutation changes it at one stage. */
export interface Draft {
  readonly shape: Shape
  readonly dialect: Dialect
  key: KeyName
  method: string
  path: string
  query: string[]
  model: string
  tree: Members
  /** Made of the tree after its mutations. */
  body: Buffer
  contentType: string
  /** A value is latin1: a byte for each character. */
  headers: [name: string, value: string][]
  wire: Wire
  /** Whose call it is, where the caller says it in a header that nothing else changed. */
  user: string | undefined
}

export interface Mutation {
  readonly name: string
  /** The stage at which it changes the draft: the parsed body, its bytes, the head, or the wire. */
  readonly stage: 'tree' | 'bytes' | 'head' | 'wire'
  /** How likely it is in a request that has mutations at all. */
  readonly share: number
  readonly apply: (draft: Draft, random: Random) => void
}

/** Text as the bytes that most clients send for it in a header. */
export function utf8Header(text: string): string {
  return Buffer.from(text).toString('latin1')
}

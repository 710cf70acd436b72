import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Recorded exchanges with providers, where the machine has them. */
export interface Recording {
  readonly id: string
  readonly provider: string
  readonly family: string
  readonly kind: string
  readonly model: string | null
  readonly stream: boolean
  readonly quirks: readonly string[]
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown; readonly omitted: number }
  readonly response: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body_encoding: 'utf-8' | 'base64'
    readonly body: string
    readonly truncated_at_byte?: number
  }
  readonly expected: Expected
  readonly expected_alternatives?: readonly (Expected & { readonly why: string })[]
}

export interface Expected {
  readonly input_tokens: number | null
  readonly output_tokens: number | null
  readonly cached_input_tokens: number | null
  readonly cache_write_tokens: number | null
  readonly reasoning_tokens: number | null
}

export const DATA = new URL('../../../shared/data', import.meta.url).pathname

export const hasRecordings = existsSync(join(DATA, 'recordings'))

/** @param families absent: all */
export function readRecordings(families?: ReadonlySet<string>): readonly Recording[] {
  const folder = join(DATA, 'recordings')
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Recording)
    .filter(({ family }) => families?.has(family) !== false)
}

export function bytesOf({ response }: Recording): Buffer {
  return Buffer.from(response.body, response.body_encoding)
}

import type { Keyspace } from './keyspace.ts'
import { NOT_AN_INTEGER, RedisRefusal, type Reply } from './reply.ts'

export interface RedisCommand {
  /** With the command's own name, as Redis counts; negative: at least. */
  readonly arity: number
  readonly writes: boolean
  /** True for what may still be done when memory is full. */
  readonly frees?: boolean
  readonly run: (keys: Keyspace, args: readonly string[]) => Reply
}

export const reads = (arity: number, run: RedisCommand['run']): RedisCommand => ({ arity, writes: false, run })
export const writes = (arity: number, run: RedisCommand['run']): RedisCommand => ({ arity, writes: true, run })
export const frees = (arity: number, run: RedisCommand['run']): RedisCommand => ({ arity, writes: true, frees: true, run })

export const SYNTAX_ERROR = 'ERR syntax error'

const INT64_MAX = 2n ** 63n - 1n

/** An integer as Redis reads it: no plus, no zeros in front, 64 bits. */
export function integerOf(text: string, otherwise = NOT_AN_INTEGER): bigint {
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text)) throw new RedisRefusal(otherwise)
  const value = BigInt(text)
  if (value > INT64_MAX || value < -INT64_MAX - 1n) throw new RedisRefusal(otherwise)
  return value
}

/** Small where it counts or indexes. */
export function countOf(text: string, otherwise?: string): number {
  return Number(integerOf(text, otherwise))
}

export function sum(text: string, by: string, otherwise?: string): string {
  const total = integerOf(text, otherwise) + integerOf(by)
  if (total > INT64_MAX || total < -INT64_MAX - 1n) throw new RedisRefusal('ERR increment or decrement would overflow')
  return total.toString()
}

export function argument(args: readonly string[], at: number): string {
  const value = args[at]
  if (value === undefined) throw new RedisRefusal(SYNTAX_ERROR)
  return value
}

/** `[first, second]` of each two arguments. */
export function pairsOf(args: readonly string[], refusal: string): readonly (readonly [string, string])[] {
  if (args.length === 0 || args.length % 2 !== 0) throw new RedisRefusal(refusal)
  return Array.from({ length: args.length / 2 }, (_, i) => [argument(args, i * 2), argument(args, i * 2 + 1)] as const)
}

/** Redis compares bytes; a character here is a byte. */
export function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

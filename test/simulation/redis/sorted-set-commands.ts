import { general } from '../lua/lua-value.ts'
import type { Keyspace } from './keyspace.ts'
import { argument, byBytes, countOf, frees, pairsOf, type RedisCommand, reads, SYNTAX_ERROR, writes } from './redis-command.ts'
import { RedisRefusal, type Reply } from './reply.ts'

type Member = readonly [name: string, score: number]

export const SORTED_SET_COMMANDS: Readonly<Record<string, RedisCommand>> = {
  ZADD: writes(-4, add),
  ZREM: frees(-3, (keys, [key = '', ...members]) => {
    const zset = keys.get(key, 'zset')
    const removed = members.filter((member) => zset?.delete(member) === true).length
    keys.dropIfEmpty(key)
    return removed
  }),
  ZSCORE: reads(3, (keys, [key = '', member = '']) => {
    const score = keys.get(key, 'zset')?.get(member)
    return score === undefined ? null : scoreText(score)
  }),
  ZCARD: reads(2, (keys, [key = '']) => keys.get(key, 'zset')?.size ?? 0),
  ZCOUNT: reads(4, (keys, [key = '', min = '', max = '']) => ranged(keys, key, min, max).length),
  ZRANGEBYSCORE: reads(-4, (keys, [key = '', min = '', max = '', ...options]) => byScore(ranged(keys, key, min, max), options)),
  ZREVRANGEBYSCORE: reads(-4, (keys, [key = '', max = '', min = '', ...options]) =>
    byScore(ranged(keys, key, min, max).toReversed(), options),
  ),
  ZREMRANGEBYSCORE: frees(4, (keys, [key = '', min = '', max = '']) => {
    const members = ranged(keys, key, min, max)
    for (const [member] of members) keys.get(key, 'zset')?.delete(member)
    keys.dropIfEmpty(key)
    return members.length
  }),
  ZRANGE: reads(-4, range),
}

function add(keys: Keyspace, [key = '', ...rest]: readonly string[]): Reply {
  const flags = new Set<string>()
  let at = 0
  while (['NX', 'XX', 'GT', 'LT', 'CH'].includes((rest[at] ?? '').toUpperCase())) flags.add(argument(rest, at++).toUpperCase())
  if (flags.has('NX') && (flags.has('XX') || flags.has('GT'))) throw new RedisRefusal(SYNTAX_ERROR)
  const members = pairsOf(rest.slice(at), SYNTAX_ERROR).map(([score, member]) => [member, scoreOf(score)] as const)
  const zset = keys.open(key, 'zset')
  let added = 0
  let changed = 0
  for (const [member, score] of members) {
    const known = zset.get(member)
    if (!isWanted(flags, known, score)) continue
    zset.set(member, score)
    if (known === undefined) added++
    else if (known !== score) changed++
  }
  keys.dropIfEmpty(key)
  return flags.has('CH') ? added + changed : added
}

function isWanted(flags: ReadonlySet<string>, known: number | undefined, score: number): boolean {
  if (known === undefined) return !flags.has('XX')
  if (flags.has('NX')) return false
  return !(flags.has('GT') && score <= known) && !(flags.has('LT') && score >= known)
}

function scoreOf(text: string, refusal = 'ERR value is not a valid float'): number {
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) throw new RedisRefusal(refusal)
  return Number(text)
}

function scoreText(score: number): string {
  if (!Number.isFinite(score)) return score > 0 ? 'inf' : '-inf'
  return Number.isSafeInteger(score) ? String(score) : general(score, 17)
}

function sorted(keys: Keyspace, key: string): readonly Member[] {
  return [...(keys.get(key, 'zset') ?? [])].sort(([a, one], [b, other]) => one - other || byBytes(a, b))
}

function ranged(keys: Keyspace, key: string, min: string, max: string): readonly Member[] {
  const isAbove = bound(min, (score, limit) => score > limit)
  const isBelow = bound(max, (score, limit) => score < limit)
  return sorted(keys, key).filter(([, score]) => isAbove(score) && isBelow(score))
}

function bound(text: string, isInside: (score: number, limit: number) => boolean): (score: number) => boolean {
  const refusal = 'ERR min or max is not a float'
  if (text.startsWith('(')) {
    const limit = scoreOf(text.slice(1), refusal)
    return (score) => isInside(score, limit)
  }
  const limit = scoreOf(text, refusal)
  return (score) => score === limit || isInside(score, limit)
}

function byScore(members: readonly Member[], options: readonly string[]): Reply {
  let chosen = members
  let withScores = false
  for (let i = 0; i < options.length; i++) {
    const option = argument(options, i).toUpperCase()
    if (option === 'WITHSCORES') withScores = true
    else if (option === 'LIMIT') {
      chosen = limited(members, countOf(argument(options, i + 1)), countOf(argument(options, i + 2)))
      i += 2
    } else throw new RedisRefusal(SYNTAX_ERROR)
  }
  return replyOf(chosen, withScores)
}

function limited(members: readonly Member[], offset: number, count: number): readonly Member[] {
  if (offset < 0) return []
  return members.slice(offset, count < 0 ? undefined : offset + count)
}

function replyOf(members: readonly Member[], withScores: boolean): Reply {
  return members.flatMap(([member, score]) => (withScores ? [member, scoreText(score)] : [member]))
}

function range(keys: Keyspace, [key = '', start = '', stop = '', ...options]: readonly string[]): Reply {
  const flags = new Set(options.map((option) => option.toUpperCase()))
  const isReversed = flags.has('REV')
  if (flags.has('BYLEX')) throw new RedisRefusal('ERR BYLEX is not simulated')
  const rest = options.filter((option) => !['REV', 'BYSCORE'].includes(option.toUpperCase()))
  if (flags.has('BYSCORE')) {
    const members = isReversed ? ranged(keys, key, stop, start).toReversed() : ranged(keys, key, start, stop)
    return byScore(members, rest)
  }
  if (flags.has('LIMIT')) throw new RedisRefusal('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX')
  const members = isReversed ? sorted(keys, key).toReversed() : sorted(keys, key)
  const [from, to] = [countOf(start), countOf(stop)].map((at) => (at < 0 ? members.length + at : at))
  return byScore(members.slice(Math.max(0, from ?? 0), (to ?? 0) + 1), rest)
}

import type { Keyspace } from './keyspace.ts'
import { frees, pairsOf, type RedisCommand, reads, sum, writes } from './redis-command.ts'
import { OK, type Reply } from './reply.ts'

const NOT_A_HASH_INTEGER = 'ERR hash value is not an integer'

/** Hashes and sets. */
export const COLLECTION_COMMANDS: Readonly<Record<string, RedisCommand>> = {
  HGET: reads(3, (keys, [key = '', field = '']) => keys.get(key, 'hash')?.get(field) ?? null),
  HSET: writes(-4, (keys, [key = '', ...rest]) => setFields(keys, key, pairsOf(rest, "ERR wrong number of arguments for 'hset' command"))),
  HMSET: writes(-4, (keys, [key = '', ...rest]) => {
    setFields(keys, key, pairsOf(rest, "ERR wrong number of arguments for 'hmset' command"))
    return OK
  }),
  HSETNX: writes(4, (keys, [key = '', field = '', value = '']) => {
    if (keys.get(key, 'hash')?.has(field) === true) return 0
    keys.open(key, 'hash').set(field, value)
    return 1
  }),
  HMGET: reads(-3, (keys, [key = '', ...fields]) => {
    const hash = keys.get(key, 'hash')
    return fields.map((field) => hash?.get(field) ?? null)
  }),
  HGETALL: reads(2, (keys, [key = '']) => [...(keys.get(key, 'hash') ?? [])].flat()),
  // A small hash is told at once, however much is asked for.
  HSCAN: reads(-3, (keys, [key = '']) => ['0', [...(keys.get(key, 'hash') ?? [])].flat()]),
  HEXISTS: reads(3, (keys, [key = '', field = '']) => (keys.get(key, 'hash')?.has(field) === true ? 1 : 0)),
  HDEL: frees(-3, (keys, [key = '', ...fields]) => {
    const hash = keys.get(key, 'hash')
    const removed = fields.filter((field) => hash?.delete(field) === true).length
    keys.dropIfEmpty(key)
    return removed
  }),
  HINCRBY: writes(4, (keys, [key = '', field = '', by = '']) => {
    const total = sum(keys.get(key, 'hash')?.get(field) ?? '0', by, NOT_A_HASH_INTEGER)
    keys.open(key, 'hash').set(field, total)
    return Number(total)
  }),
  HLEN: reads(2, (keys, [key = '']) => keys.get(key, 'hash')?.size ?? 0),
  HKEYS: reads(2, (keys, [key = '']) => [...(keys.get(key, 'hash')?.keys() ?? [])]),
  HVALS: reads(2, (keys, [key = '']) => [...(keys.get(key, 'hash')?.values() ?? [])]),
  SADD: writes(-3, (keys, [key = '', ...members]) => {
    const set = keys.open(key, 'set')
    const before = set.size
    for (const member of members) set.add(member)
    return set.size - before
  }),
  SREM: frees(-3, (keys, [key = '', ...members]) => {
    const set = keys.get(key, 'set')
    const removed = members.filter((member) => set?.delete(member) === true).length
    keys.dropIfEmpty(key)
    return removed
  }),
  SMEMBERS: reads(2, (keys, [key = '']) => [...(keys.get(key, 'set') ?? [])]),
  SCARD: reads(2, (keys, [key = '']) => keys.get(key, 'set')?.size ?? 0),
  SISMEMBER: reads(3, (keys, [key = '', member = '']) => (keys.get(key, 'set')?.has(member) === true ? 1 : 0)),
}

function setFields(keys: Keyspace, key: string, fields: readonly (readonly [string, string])[]): Reply {
  const hash = keys.open(key, 'hash')
  const before = hash.size
  for (const [field, value] of fields) hash.set(field, value)
  return hash.size - before
}

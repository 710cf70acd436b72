import type { Keyspace } from './keyspace.ts'
import { argument, countOf, frees, integerOf, pairsOf, type RedisCommand, reads, sum, SYNTAX_ERROR, writes } from './redis-command.ts'
import { OK, RedisRefusal, type Reply } from './reply.ts'

/** Strings, and what is done to keys of any kind. */
export const KEY_COMMANDS: Readonly<Record<string, RedisCommand>> = {
  GET: reads(2, (keys, [key = '']) => keys.get(key, 'string')?.text ?? null),
  SET: writes(-3, set),
  MGET: reads(-2, (keys, names) => names.map((key) => (keys.holds(key, 'string') ? (keys.get(key, 'string')?.text ?? null) : null))),
  MSET: writes(-3, (keys, args) => {
    for (const [key, text] of pairsOf(args, "ERR wrong number of arguments for 'mset' command")) {
      keys.delete(key)
      keys.open(key, 'string').text = text
    }
    return OK
  }),
  DEL: frees(-2, (keys, names) => names.filter((key) => keys.delete(key)).length),
  UNLINK: frees(-2, (keys, names) => names.filter((key) => keys.delete(key)).length),
  EXISTS: reads(-2, (keys, names) => names.filter((key) => keys.has(key)).length),
  INCR: writes(2, (keys, [key = '']) => increase(keys, key, '1')),
  INCRBY: writes(3, (keys, [key = '', by = '']) => increase(keys, key, by)),
  DECR: writes(2, (keys, [key = '']) => increase(keys, key, '-1')),
  DECRBY: writes(3, (keys, [key = '', by = '']) => increase(keys, key, (-integerOf(by)).toString())),
  PEXPIRE: frees(-3, (keys, [key = '', ms = '']) => expire(keys, key, keys.now + countOf(ms))),
  EXPIRE: frees(-3, (keys, [key = '', seconds = '']) => expire(keys, key, keys.now + countOf(seconds) * 1000)),
  PEXPIREAT: frees(-3, (keys, [key = '', at = '']) => expire(keys, key, countOf(at))),
  PERSIST: frees(2, (keys, [key = '']) => persist(keys, key)),
  PTTL: reads(2, (keys, [key = '']) => (keys.has(key) ? (keys.expiresAt(key) ?? keys.now - 1) - keys.now : -2)),
  TTL: reads(2, (keys, [key = '']) => ttl(keys, key)),
  TYPE: reads(2, () => {
    throw new RedisRefusal('ERR TYPE is not simulated')
  }),
  FLUSHALL: frees(-1, (keys) => {
    keys.clear()
    return OK
  }),
}

function ttl(keys: Keyspace, key: string): Reply {
  if (!keys.has(key)) return -2
  const at = keys.expiresAt(key)
  return at === undefined ? -1 : Math.floor((at - keys.now + 500) / 1000)
}

function increase(keys: Keyspace, key: string, by: string): Reply {
  const known = keys.get(key, 'string')
  const total = sum(known?.text ?? '0', by)
  keys.open(key, 'string').text = total
  return Number(total)
}

function expire(keys: Keyspace, key: string, at: number): Reply {
  if (!keys.has(key)) return 0
  if (at <= keys.now) keys.delete(key)
  else keys.setExpiry(key, at)
  return 1
}

function persist(keys: Keyspace, key: string): Reply {
  if (keys.expiresAt(key) === undefined) return 0
  keys.setExpiry(key, undefined)
  return 1
}

function set(keys: Keyspace, [key = '', text = '', ...options]: readonly string[]): Reply {
  const wanted = setOptions(keys, options)
  const isThere = keys.has(key)
  if ((wanted.onlyNew && isThere) || (wanted.onlyKnown && !isThere)) return null
  const expiresAt = wanted.keepsTtl ? keys.expiresAt(key) : wanted.expiresAt
  keys.delete(key)
  keys.open(key, 'string').text = text
  keys.setExpiry(key, expiresAt)
  return OK
}

interface SetOptions {
  onlyNew: boolean
  onlyKnown: boolean
  keepsTtl: boolean
  expiresAt: number | undefined
}

function setOptions(keys: Keyspace, options: readonly string[]): SetOptions {
  const wanted: SetOptions = { onlyNew: false, onlyKnown: false, keepsTtl: false, expiresAt: undefined }
  for (let i = 0; i < options.length; i++) {
    const option = argument(options, i).toUpperCase()
    if (option === 'NX') wanted.onlyNew = true
    else if (option === 'XX') wanted.onlyKnown = true
    else if (option === 'KEEPTTL') wanted.keepsTtl = true
    else wanted.expiresAt = expiryOf(keys, option, argument(options, ++i))
  }
  if (wanted.onlyNew && wanted.onlyKnown) throw new RedisRefusal(SYNTAX_ERROR)
  return wanted
}

function expiryOf(keys: Keyspace, option: string, text: string): number {
  const scale = option.startsWith('P') ? 1 : 1000
  if (!['PX', 'EX', 'PXAT', 'EXAT'].includes(option)) throw new RedisRefusal(SYNTAX_ERROR)
  const value = countOf(text) * scale
  if (value <= 0) throw new RedisRefusal("ERR invalid expire time in 'set' command")
  return option.endsWith('AT') ? value : keys.now + value
}

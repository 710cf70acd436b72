import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRealRedis, type RealRedis, startRealRedis } from './real-redis.ts'
import { byBytes } from './redis-command.ts'
import { RedisRefusal, RedisStatus, type Reply } from './reply.ts'
import { SimulatedRedis } from './simulated-redis.ts'

/* The simulated Redis against the real one: the same commands and scripts, the same replies. */

type Command = readonly string[]

const AT = Date.UTC(2026, 5, 1)

function simulated(): { readonly redis: SimulatedRedis; readonly send: (commands: readonly Command[]) => readonly unknown[] } {
  let runs = 0
  const redis = new SimulatedRedis({ now: () => AT, newRunId: () => `run-${++runs}` })
  const send = (commands: readonly Command[]) =>
    commands.map(([command = '', ...args]) => {
      try {
        return plain(redis.execute(command, args.map(toBytes)))
      } catch (error) {
        return error
      }
    })
  return { redis, send }
}

const toBytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

function plain(reply: Reply): unknown {
  if (typeof reply === 'string') return Buffer.from(reply, 'latin1').toString('utf8')
  if (reply instanceof RedisStatus) return reply.text
  return Array.isArray(reply) ? reply.map(plain) : reply
}

/** Of an error its first word: the rest names places in the script. Which of two mistakes is told first does not matter. */
function comparable(reply: unknown): unknown {
  if (reply instanceof RedisRefusal || reply instanceof Error)
    return { refused: /^[A-Z]+/.exec(reply.message)?.[0]?.replace('WRONGTYPE', 'ERR') }
  // The client reads digit by digit, in doubles.
  if (typeof reply === 'number' && Math.abs(reply) > 2 ** 53) return Math.round(reply / 1e6)
  // Neither a zero nor a NaN has a sign that matters.
  return typeof reply === 'string'
    ? reply.replace(/^-(0(?:\.0+)?)$/, '$1').replaceAll('-nan', 'nan')
    : Array.isArray(reply)
      ? reply.map(comparable)
      : reply
}

const UNORDERED = new Set(['SMEMBERS'])

function inOrder(command: Command, reply: unknown): unknown {
  const name = command[0]?.toUpperCase() ?? ''
  if (name === 'XINFO' && Array.isArray(reply))
    return { last: reply[reply.indexOf('last-generated-id') + 1], length: reply[reply.indexOf('length') + 1] }
  if (Array.isArray(reply) && UNORDERED.has(name)) return reply.map(String).toSorted(byBytes)
  return name === 'PTTL' && typeof reply === 'number' && reply > 0 ? Math.ceil(reply / 10_000) : reply
}

// The client (ioredis 6.0.0) is wrong by one from 2^53 - 57 on: it adds before it subtracts.
const key = fc.constantFrom('a', 'b', 'c', 'ü')
const field = fc.constantFrom('f', 'g', 'h', '1')
const integer = fc
  .oneof(fc.integer({ min: -5, max: 20 }), fc.constantFrom(123456789012345, 9007199254740000, -9007199254740000))
  .map(String)
const bigger = fc.constantFrom('9223372036854775807', '-9223372036854775808', '9223372036854775808', '01', '+1', '1.5', 'x', '')
const number = fc.oneof({ weight: 8, arbitrary: integer }, { weight: 1, arbitrary: bigger })
const value = fc.oneof(number, fc.constantFrom('text', 'Zürich', ''))
const score = fc.oneof(
  { weight: 8, arbitrary: integer },
  { weight: 1, arbitrary: fc.constantFrom('1.5', '-inf', '+inf', 'nan', 'x', '(3') },
)
const edge = fc.oneof(score, fc.constantFrom('(3', '(0', '-inf', '+inf'))
const streamId = fc.oneof(
  fc.constantFrom('0-1', '1', '5-*', '7-0', '7-3', '0-0', 'x', '3-9007199254740991'),
  fc.nat(20).map((ms) => `${ms}-1`),
)
const streamEdge = fc.oneof(
  streamId.filter((id) => !id.includes('*')),
  fc.constantFrom('-', '+', '(7-0', '(2'),
)
const list = (...parts: readonly fc.Arbitrary<string | readonly string[]>[]): fc.Arbitrary<Command> =>
  fc.tuple(...parts).map((words) => words.flat())
const is = (...words: readonly string[]) => fc.constantFrom(...words)
const many = (part: fc.Arbitrary<string | readonly string[]>) => fc.array(part, { minLength: 1, maxLength: 3 }).map((words) => words.flat())
const maybe = (...words: readonly string[]) => fc.constantFrom<readonly string[]>([], words)
const pair = (one: fc.Arbitrary<string>, other: fc.Arbitrary<string>) => fc.tuple(one, other).map((words): readonly string[] => words)

const commands: fc.Arbitrary<Command> = fc.oneof(
  list(
    is('GET', 'INCR', 'EXISTS', 'DEL', 'HGETALL', 'HLEN', 'HKEYS', 'HVALS', 'ZCARD', 'SMEMBERS', 'SCARD', 'XLEN', 'PTTL', 'PERSIST'),
    key,
  ),
  list(
    is('SET'),
    key,
    value,
    fc.constantFrom<readonly string[]>(
      [],
      ['NX'],
      ['XX'],
      ['PX', '500000'],
      ['NX', 'PX', '900000'],
      ['PX', '0'],
      ['KEEPTTL'],
      ['NX', 'XX'],
    ),
  ),
  list(is('INCRBY', 'DECRBY'), key, number),
  list(is('DEL', 'EXISTS'), many(key)),
  list(is('HGET', 'HEXISTS'), key, field),
  list(is('HSET', 'HMSET'), key, many(pair(field, value))),
  list(is('HSET'), key, field),
  list(is('HSETNX'), key, field, value),
  list(is('MSET'), many(pair(key, value))),
  list(is('MGET'), many(key)),
  list(is('HSCAN'), key, is('0'), maybe('COUNT', '100')),
  list(is('HMGET', 'HDEL'), key, many(field)),
  list(is('HINCRBY'), key, field, number),
  list(
    is('ZADD'),
    key,
    fc.constantFrom<readonly string[]>([], ['NX'], ['XX'], ['GT'], ['CH'], ['XX', 'GT'], ['XX', 'CH'], ['NX', 'GT']),
    many(pair(score, field)),
  ),
  list(is('ZREM', 'SADD', 'SREM'), key, many(field)),
  list(is('ZSCORE', 'SISMEMBER'), key, field),
  list(
    is('ZRANGEBYSCORE', 'ZREVRANGEBYSCORE'),
    key,
    edge,
    edge,
    maybe('WITHSCORES'),
    fc.constantFrom<readonly string[]>([], ['LIMIT', '0', '2'], ['LIMIT', '1', '-1'], ['LIMIT', '-1', '2']),
  ),
  list(is('ZCOUNT', 'ZREMRANGEBYSCORE'), key, edge, edge),
  list(is('ZRANGE'), key, edge, edge, is('BYSCORE'), maybe('REV'), maybe('LIMIT', '0', '2')),
  list(is('ZRANGE'), key, is('0', '-2', '1'), is('-1', '1', '9', '-9'), maybe('REV'), maybe('WITHSCORES')),
  list(
    is('XADD'),
    key,
    maybe('NOMKSTREAM'),
    fc.constantFrom<readonly string[]>(
      [],
      ['MAXLEN', '3'],
      ['MAXLEN', '=', '2'],
      ['MINID', '5-0'],
      ['MINID', '~', '9'],
      ['MAXLEN', '~', '1'],
    ),
    streamId,
    many(pair(field, value)),
  ),
  list(is('XRANGE', 'XREVRANGE'), key, streamEdge, streamEdge, maybe('COUNT', '2')),
  list(is('XTRIM'), key, is('MINID'), streamId),
  list(is('XDEL'), key, many(streamId)),
  list(is('XINFO'), is('STREAM'), key),
  list(is('PEXPIRE'), key, is('100000', '-1', '700000', 'x')),
  list(is('EXPIRE'), key, is('1000', '0')),
  list(is('FLUSHALL', 'PING', 'NOSUCH', 'HGET', 'SET')),
)

describe.skipIf(!hasRealRedis)('the simulated Redis answers as the real one', () => {
  let real: RealRedis

  beforeAll(async () => {
    real = await startRealRedis()
  })

  afterAll(() => real.stop())

  /** What both replied, each with its command. */
  const replies = async (sent: readonly Command[]) => {
    const { send } = simulated()
    const ofReal = (await real.send([['FLUSHALL'], ...sent])).slice(1)
    const comparing = (all: readonly unknown[]) => sent.map((command, i) => [command, comparable(inOrder(command, all[i]))])
    return { ofReal: comparing(ofReal), ofSimulated: comparing(send(sent)) }
  }

  test('any list of commands', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(commands, { minLength: 1, maxLength: 60 }), async (sent) => {
        const { ofReal, ofSimulated } = await replies(sent)
        expect(ofSimulated).toEqual(ofReal)
      }),
      { numRuns: 1500 },
    )
  })

  test.each(SNIPPETS())('%s', async (script) => {
    const { ofReal, ofSimulated } = await replies([
      ['HSET', 'h', 'a', '1', 'b', '123456789012345678', 'c', 'Zürich'],
      ['ZADD', 'z', '5', 'five', '9', 'nine'],
      ['EVAL', script, '2', 'h', 'z', '7', '123456789012345', 'x\ny', '0.25'],
      ['HGETALL', 'h'],
      ['ZRANGE', 'z', '0', '-1', 'WITHSCORES'],
    ])
    expect(ofSimulated).toEqual(ofReal)
  })

  test('any expression over numbers', async () => {
    const operand = fc.oneof(
      fc.integer({ min: -9, max: 99 }).map(String),
      fc.constantFrom('ARGV[1]', 'ARGV[2]', '2^53', '1e15', '0.5', '"3"', '1e300', '12345678901234'),
    )
    const expression = fc.letrec<{ e: string }>((tie) => ({
      e: fc.oneof(
        { depthSize: 'small' },
        operand,
        fc.tuple(tie('e'), fc.constantFrom('+', '-', '*', '/', '%', '..'), tie('e')).map(([a, op, b]) => `(${a} ${op} ${b})`),
        fc.tuple(fc.constantFrom('math.floor', 'math.ceil', 'math.abs', 'tonumber', 'math.max'), tie('e')).map(([f, a]) => `${f}(${a})`),
        fc.tuple(tie('e'), tie('e')).map(([a, b]) => `math.min(${a}, ${b})`),
        fc
          .tuple(tie('e'), fc.constantFrom('<', '<=', '==', '~=', '>', '>='), tie('e'), tie('e'), tie('e'))
          .map(([a, op, b, c, d]) => `((tonumber(${a}) ${op} tonumber(${b})) and ${c} or ${d})`),
      ),
    })).e
    await fc.assert(
      fc.asyncProperty(fc.array(expression, { minLength: 1, maxLength: 20 }), async (expressions) => {
        const { ofReal, ofSimulated } = await replies(
          expressions.flatMap((e): Command[] => [
            ['EVAL', `return tostring(${e})`, '0', '7', '123456789012345'],
            [
              'EVAL',
              `local n = tonumber(${e}); if n == nil or math.abs(n) > 1e15 then return 'large' end return {string.format('%.0f', n), string.format('%d', n), string.format('%.15g', n), string.format('%.3f', n), n}`,
              '0',
              '7',
              '123456789012345',
            ],
          ]),
        )
        expect(ofSimulated).toEqual(ofReal)
      }),
      { numRuns: 400 },
    )
  })

  test('a script is known by its hash until scripts are flushed, and what it wrote before it failed stays', async () => {
    const sha = '6b1bf486c81ceb7edf3c093f4c48582e38c0e791'
    const { ofReal, ofSimulated } = await replies([
      ['EVALSHA', sha, '0'],
      ['SCRIPT', 'LOAD', 'return 1'],
      ['EVAL', 'return 2', '0'],
      ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0'],
      ['SCRIPT', 'EXISTS', sha, 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db'],
      ['SCRIPT', 'FLUSH'],
      ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0'],
      ['EVAL', "redis.call('SET', KEYS[1], '1'); redis.call('HGET', KEYS[1], 'f')", '1', 'k'],
      ['GET', 'k'],
      ['EVAL', 'return nosuch', '0'],
      ['EVAL', 'made = 1', '0'],
      ['EVAL', 'return +', '0'],
      ['EVAL', 'return 1', '3', 'k'],
    ])
    expect(ofSimulated).toEqual(ofReal)
  })
})

function SNIPPETS(): readonly string[] {
  return [
    'return {1, 2.9, -2.9, true, false, 3}',
    'return {1, nil, 3}',
    'return {KEYS[1], ARGV[3], #KEYS, #ARGV, ARGV[9]}',
    "return redis.call('HMGET', KEYS[1], 'a', 'none', 'b')",
    "local r = redis.call('HMGET', KEYS[1], 'a', 'none'); return {type(r[1]), type(r[2]), tostring(r[2]), #r}",
    "return type(redis.call('HGET', KEYS[1], 'none'))",
    "return redis.call('HINCRBY', KEYS[1], 'a', 41)",
    "return type(redis.call('HLEN', KEYS[1]))",
    "return redis.call('HSET', KEYS[1], 'd', 1e15, 'e', 123456789012345)",
    "redis.call('HSET', KEYS[1], 'd', string.format('%.0f', 123456789012345678)); return redis.call('HGET', KEYS[1], 'd')",
    'return 123456789012345678',
    'return tostring(123456789012345)',
    "return 'x' .. 123456789012345 .. 'y' .. 1.0 .. 'z' .. 0.1",
    'return tostring(tonumber(ARGV[2]) * 1000)',
    'return {tostring(1e14), tostring(1e15), tostring(1/3), tostring(-0.5), tostring(100), tostring(2^53)}',
    'return {tostring(1/0), tostring(-1/0), tostring(nil), tostring(true)}',
    "return {tonumber('12'), tonumber(' 12 '), tonumber('0x10'), tonumber('1e3'), tonumber('x') == nil, tonumber('') == nil, tonumber('10', 2), tonumber(nil) == nil}",
    "return redis.status_reply('FINE')",
    "return redis.error_reply('MYERR what')",
    "return {err = 'OTHER thing'}",
    "return {ok = 'GOOD'}",
    "return redis.pcall('HGET', KEYS[2], 'x')",
    "local r = redis.pcall('HGET', KEYS[2], 'x'); return string.sub(r.err, 1, 9)",
    "return redis.call('HGET', KEYS[2], 'x')",
    "local ok, e = pcall(function() error('boom') end); return {tostring(ok), string.match(e, 'boom') }",
    'local ok, e = pcall(function() error({code = 5}) end); return {tostring(ok), e.code}',
    'local t = {}; for i = 1, 5 do t[i] = i * i end; return t',
    'local t = {}; for i = 5, 1, -2 do t[#t + 1] = i end; return t',
    'local n = 0; for i, v in ipairs(ARGV) do n = n + #v end; return n',
    'local keys = {}; for k in pairs({x = 1, y = 2, z = 3}) do keys[#keys + 1] = k end; table.sort(keys); return keys',
    'local t = {5, 3, 9, 1}; table.sort(t, function(a, b) return a > b end); return t',
    'local t = {1, 2, 3}; table.insert(t, 4); table.insert(t, 1, 0); table.remove(t, 2); return t',
    "return table.concat({1, 2, 'x', 123456789012345}, ',')",
    'return {unpack({1, 2, 3}, 2)}',
    "local function f(...) return select('#', ...), ... end; return {f(7, 8)}",
    'local a, b, c = (function() return 1, 2 end)(); return {a, b, tostring(c)}',
    'local a, b = 1, 2; a, b = b, a; return {a, b}',
    'local x = 1; do local x = 2 end; local x = x + 10; return x',
    'local f = {}; for i = 1, 3 do f[i] = function() return i end end; return {f[1](), f[2](), f[3]()}',
    'local i = 0; while true do i = i + 1; if i > 7 then break end end; return i',
    'local i = 0; repeat local done = i >= 3; i = i + 1 until done; return i',
    "return {string.find('a.b.c', '.', 1, true), string.find('key=value', '=')}",
    "local a, b = string.match('123-45', '^(%d+)-(%d+)$'); return {a, b}",
    "return {string.match('  trim  ', '^%s*(.-)%s*$'), string.match('abc', 'x') == nil}",
    "local r = {}; for w in string.gmatch('0.5 0.8 1', '[^ ]+') do r[#r + 1] = w end; return r",
    "local r = {}; for k, v in string.gmatch('a=1, b=2', '(%w+)=(%w+)') do r[#r + 1] = k .. v end; return r",
    "return {string.gsub('hello world', 'o', '0'), (string.gsub('abc', '%w', '%0%0'))}",
    "return {string.format('%.15g', 0.07 * 100), string.format('%.17g', 0.1), string.format('%5d|%-5d|%05d', 42, 42, 42), string.format('%s %q', 'x', 'y')}",
    "return {string.format('%.0f', 0.5), string.format('%.0f', 1.5), string.format('%.0f', 2.5), string.format('%.0f', -0.4), string.format('%.0f', 1e17)}",
    "return {string.rep('ab', 3), string.sub('hello', -3), string.sub('hello', 2, -2), string.upper('abc'), string.byte('A'), string.char(72, 105), string.len('Zürich')}",
    "return {#'Zürich', string.sub('Zürich', 1, 1)}",
    'return {math.floor(-0.5), math.ceil(0.2), math.max(1, 9, 3), math.min(4, 2), 7 % 3, -7 % 3, 7.5 % 2}',
    "return {tostring('10' + 5), tostring('3' * '4'), tostring(10 == '10'), tostring('a' < 'b')}",
    'return 1 + nil',
    "return 1 < '2'",
    "return ('x'):rep(3) .. ('abc'):upper()",
    "return {tostring(nil and 1), tostring(false or 'x'), tostring(0 and 'zero is true'), tostring(not nil)}",
    'local t = {10, 20, 30, nil}; return #t',
    "local t = {n = 1, [2] = 'two', 'one'}; return {t[1], t[2], t.n}",
    "return #redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf')",
    "return redis.call('ZRANGE', KEYS[2], '0', '+inf', 'BYSCORE', 'LIMIT', 0, 1)",
    "return redis.call('ZADD', KEYS[2], 'XX', 'GT', 4, 'five', 10, 'nine')",
    "return redis.call('XADD', 'st', '5-1', 'r', ARGV[3])",
    "return {type(redis.call('TIME')[1]), #redis.call('TIME')}",
    "return redis.call('EXISTS', 'none')",
    "return redis.call('NOSUCH')",
    "return redis.call('SET', 'k', 'v')",
    "return redis.sha1hex('abc')",
    "assert(false, 'no')",
    "return type(redis.call('SET', 'k', 'v').ok)",
    "redis.call('MSET', 'k1', struct.pack('<ddd', 1, 123456789012345, -0.5), 'k2', 7); return {struct.unpack('<dd', redis.call('GET', 'k1')), #redis.call('MGET', 'k1', 'k2', 'k3')}",
    "return {string.match('one two three', '^(%S+) (%S+) (%S+)$')}",
    "return #{struct.unpack('<' .. string.rep('d', 2), struct.pack('<dd', 8, 9))}",
  ]
}

test('a failover loses the last writes whole, and the server is another', () => {
  const { redis, send } = simulated()
  send([
    ['SET', 'a', '1'],
    ['EVAL', "redis.call('SET', 'b', '1'); redis.call('SET', 'c', '1')", '0'],
    ['XADD', 's', '*', 'f', 'v'],
  ])
  const before = redis.runId
  expect(redis.written).toBe(3)
  expect(redis.restart(2)).toEqual(['SET', 'b', '1', 'SET', 'c', '1', 'XADD', 's', '*', 'f', 'v'])
  expect(
    send([
      ['GET', 'a'],
      ['GET', 'b'],
      ['GET', 'c'],
      ['XLEN', 's'],
    ]),
  ).toEqual(['1', null, null, 0])
  expect(redis.runId).not.toBe(before)
  redis.restart(redis.written)
  expect(send([['EXISTS', 'a']])).toEqual([0])
})

test('a server without memory, or one that only follows, refuses to write and leaves nothing half done', () => {
  const { redis, send } = simulated()
  const script = "local n = redis.call('HGET', KEYS[1], 'f'); redis.call('HSET', KEYS[1], 'f', 1); redis.call('HSET', KEYS[1], 'g', 1)"
  for (const trouble of ['OOM', 'READONLY', 'TRYAGAIN', 'LOADING'] as const) {
    redis.trouble = trouble
    expect(send([['EVAL', script, '1', 'h']]).map(String)).toEqual([expect.stringContaining(trouble)])
    redis.trouble = undefined
    expect(send([['HGETALL', 'h']])).toEqual([[]])
  }
})

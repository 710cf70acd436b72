import type { Keyspace, Stream, StreamEntry, StreamId } from './keyspace.ts'
import { argument, countOf, frees, pairsOf, type RedisCommand, reads, SYNTAX_ERROR, writes } from './redis-command.ts'
import { RedisRefusal, type Reply } from './reply.ts'

const BAD_ID = 'ERR Invalid stream ID specified as stream command argument'

export const STREAM_COMMANDS: Readonly<Record<string, RedisCommand>> = {
  XADD: writes(-5, add),
  XLEN: reads(2, (keys, [key = '']) => keys.get(key, 'stream')?.entries.length ?? 0),
  XRANGE: reads(-4, (keys, [key = '', start = '', end = '', ...options]) => replyOf(range(keys, key, start, end), options)),
  XREVRANGE: reads(-4, (keys, [key = '', end = '', start = '', ...options]) => replyOf(range(keys, key, start, end).toReversed(), options)),
  XTRIM: frees(-4, (keys, [key = '', ...options]) => {
    const { trim, rest } = trimOf(options)
    if (trim === undefined || rest.length > 0) throw new RedisRefusal(SYNTAX_ERROR)
    const stream = keys.get(key, 'stream')
    return stream === undefined ? 0 : cut(stream, trim)
  }),
  XDEL: frees(-3, (keys, [key = '', ...ids]) => {
    const stream = keys.get(key, 'stream')
    if (stream === undefined) return 0
    const gone = new Set(ids.map((id) => idText(idOf(id, 0))))
    const before = stream.entries.length
    stream.entries = stream.entries.filter(({ id }) => !gone.has(idText(id)))
    return before - stream.entries.length
  }),
  XSETID: writes(-3, (keys, [key = '', id = '']) => {
    const stream = keys.get(key, 'stream')
    if (stream === undefined) throw new RedisRefusal('ERR no such key')
    stream.last = idOf(id, 0)
    return 'OK'
  }),
  XINFO: reads(-2, (keys, [what = '', key = '']) => {
    if (what.toUpperCase() !== 'STREAM') throw new RedisRefusal('ERR only XINFO STREAM is simulated')
    const stream = keys.get(key, 'stream')
    if (stream === undefined) throw new RedisRefusal('ERR no such key')
    return ['length', stream.entries.length, 'last-generated-id', idText(stream.last)]
  }),
}

interface Trim {
  readonly kind: 'MAXLEN' | 'MINID'
  readonly isRough: boolean
  readonly threshold: string
}

function trimOf(options: readonly string[]): { readonly trim: Trim | undefined; readonly rest: readonly string[] } {
  const kind = (options[0] ?? '').toUpperCase()
  if (kind !== 'MAXLEN' && kind !== 'MINID') return { trim: undefined, rest: options }
  const isMarked = options[1] === '~' || options[1] === '='
  const threshold = argument(options, isMarked ? 2 : 1)
  const rest = options.slice(isMarked ? 3 : 2)
  const isRough = options[1] === '~'
  if (kind === 'MINID') idOf(threshold, 0)
  else if (countOf(threshold) < 0) throw new RedisRefusal('ERR The MAXLEN argument must be >= 0.')
  return { trim: { kind, isRough, threshold }, rest: rest[0]?.toUpperCase() === 'LIMIT' ? rest.slice(2) : rest }
}

/** `~` drops whole nodes only: here of 100 entries, the last of them what is left. */
function cut(stream: Stream, { kind, isRough, threshold }: Trim): number {
  const exact =
    kind === 'MAXLEN'
      ? Math.max(0, stream.entries.length - countOf(threshold))
      : stream.entries.filter(({ id }) => compareIds(id, idOf(threshold, 0)) < 0).length
  const dropped = isRough && exact < stream.entries.length ? exact - (exact % 100) : exact
  stream.entries = stream.entries.slice(dropped)
  return dropped
}

function add(keys: Keyspace, [key = '', ...options]: readonly string[]): Reply {
  const makesNone = options[0]?.toUpperCase() === 'NOMKSTREAM'
  const { trim, rest } = trimOf(makesNone ? options.slice(1) : options)
  const [wanted = '', ...fields] = rest
  pairsOf(fields, "ERR wrong number of arguments for 'xadd' command")
  const known = keys.get(key, 'stream')
  if (known === undefined && wanted !== '*') checkId(wanted)
  if (makesNone && known === undefined) return null
  const last = known?.last ?? { ms: 0, sequence: 0 }
  const id = nextId(wanted, last, keys.now)
  const stream = keys.open(key, 'stream')
  stream.entries.push({ id, fields })
  stream.last = id
  if (trim !== undefined) cut(stream, trim)
  return idText(id)
}

function checkId(wanted: string): void {
  const { ms, sequence } = idOf(wanted.replace(/-\*$/, ''), 0)
  if (!wanted.endsWith('-*') && ms === 0 && sequence === 0) throw new RedisRefusal('ERR The ID specified in XADD must be greater than 0-0')
}

function nextId(wanted: string, last: StreamId, now: number): StreamId {
  if (wanted === '*') return now > last.ms ? { ms: now, sequence: 0 } : { ms: last.ms, sequence: last.sequence + 1 }
  const isOpen = wanted.endsWith('-*')
  const given = idOf(isOpen ? wanted.slice(0, -2) : wanted, 0)
  const id = isOpen && given.ms === last.ms ? { ms: given.ms, sequence: last.sequence + 1 } : given
  if (id.ms === 0 && id.sequence === 0) throw new RedisRefusal('ERR The ID specified in XADD must be greater than 0-0')
  if (compareIds(id, last) <= 0) {
    throw new RedisRefusal('ERR The ID specified in XADD is equal or smaller than the target stream top item')
  }
  return id
}

function range(keys: Keyspace, key: string, start: string, end: string): readonly StreamEntry[] {
  const [isFrom, isTo] = [edge(start, 0, (order) => order > 0), edge(end, Number.MAX_SAFE_INTEGER, (order) => order < 0)]
  return keys.get(key, 'stream')?.entries.filter(({ id }) => isFrom(id) && isTo(id)) ?? []
}

function replyOf(entries: readonly StreamEntry[], options: readonly string[]): Reply {
  return entries.slice(0, countIn(options)).map(({ id, fields }) => [idText(id), fields])
}

function countIn(options: readonly string[]): number | undefined {
  if (options.length === 0) return undefined
  if (options.length !== 2 || options[0]?.toUpperCase() !== 'COUNT') throw new RedisRefusal(SYNTAX_ERROR)
  return Math.max(0, countOf(argument(options, 1)))
}

function edge(text: string, sequence: number, isInside: (order: number) => boolean): (id: StreamId) => boolean {
  if (text === '-') return (id) => isInside(compareIds(id, { ms: 0, sequence: 0 }))
  if (text === '+') return (id) => isInside(compareIds(id, { ms: Infinity, sequence: 0 }))
  const isExclusive = text.startsWith('(')
  const limit = idOf(isExclusive ? text.slice(1) : text, sequence)
  return (id) => {
    const order = compareIds(id, limit)
    return isInside(order) || (order === 0 && !isExclusive)
  }
}

/** @param sequence where the id names none */
function idOf(text: string, sequence: number): StreamId {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text)
  if (match === null) throw new RedisRefusal(BAD_ID)
  return { ms: Number(match[1]), sequence: match[2] === undefined ? sequence : Number(match[2]) }
}

function idText({ ms, sequence }: StreamId): string {
  return `${ms}-${sequence}`
}

function compareIds(a: StreamId, b: StreamId): number {
  return a.ms - b.ms || a.sequence - b.sequence
}

import { patternToRegExp } from './lua-pattern.ts'
import { STRUCT } from './lua-struct.ts'
import {
  call,
  general,
  lessThan,
  LuaError,
  type LuaFunction,
  LuaTable,
  type LuaValue,
  numberText,
  rounded,
  tableOf,
  textNumber,
  truthy,
  typeOf,
} from './lua-value.ts'

/** The globals that a script finds in Redis, without those that our scripts must not use (`cjson`, `cmsgpack`, `bit`). */
export function luaLibrary(): LuaTable {
  const library = (functions: Readonly<Record<string, LuaFunction>>) => tableOf([], Object.entries(functions))
  return tableOf(
    [],
    [...Object.entries(BASICS), ['string', library(STRING)], ['math', MATH], ['table', library(TABLE)], ['struct', library(STRUCT)]],
  )
}

function numberArg(value: LuaValue, fallback?: number): number {
  const number = typeof value === 'string' ? textNumber(value) : (value ?? fallback)
  if (typeof number !== 'number') throw new LuaError(`bad argument (number expected, got ${typeOf(value)})`)
  return number
}

function stringArg(value: LuaValue): string {
  if (typeof value === 'number') return numberText(value)
  if (typeof value !== 'string')
    throw new LuaError(`bad argument (string expected, got ${value === undefined ? 'no value' : typeOf(value)})`)
  return value
}

function tableArg(value: LuaValue): LuaTable {
  if (!(value instanceof LuaTable)) throw new LuaError(`bad argument (table expected, got ${typeOf(value)})`)
  return value
}

function textOf(value: LuaValue): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return numberText(value)
  return value === undefined ? 'nil' : typeof value === 'boolean' ? String(value) : `${typeOf(value)}: 0x0`
}

function toNumber(value: LuaValue, radix: LuaValue): number | undefined {
  if (radix !== undefined && radix !== 10) {
    const text = stringArg(value).trim()
    const digits = Number.parseInt(text, numberArg(radix))
    return Number.isNaN(digits) ? undefined : digits
  }
  return typeof value === 'string' ? textNumber(value) : typeof value === 'number' ? value : undefined
}

function nextPair(table: LuaTable, key: LuaValue): readonly LuaValue[] {
  const entries = table.entries()
  const at = key === undefined ? 0 : entries.findIndex(([known]) => known === key) + 1
  return entries[at] ?? [undefined]
}

/** All pairs as they were when the loop began, so that one that is set to nil meanwhile does not end it. */
function pairs(table: LuaTable): readonly LuaValue[] {
  const entries = table.entries()
  let at = 0
  return [() => entries[at++] ?? [undefined], table]
}

function protectedCall(callee: LuaValue, args: readonly LuaValue[]): readonly LuaValue[] {
  try {
    return [true, ...call(callee, args)]
  } catch (error) {
    return [false, error instanceof LuaError ? error.value : String(error)]
  }
}

const BASICS: Readonly<Record<string, LuaFunction>> = {
  tonumber: (value, radix) => [toNumber(value, radix)],
  tostring: (value) => [textOf(value)],
  type: (value) => [typeOf(value)],
  next: (table, key) => nextPair(tableArg(table), key),
  pairs: (table) => pairs(tableArg(table)),
  ipairs: (table) => [
    (list, i) =>
      tableArg(list).get(numberArg(i) + 1) === undefined ? [undefined] : [numberArg(i) + 1, tableArg(list).get(numberArg(i) + 1)],
    table,
    0,
  ],
  select: (which, ...rest) => (which === '#' ? [rest.length] : rest.slice(numberArg(which) - 1)),
  unpack: (table, from, to) => {
    const list = tableArg(table)
    const first = numberArg(from, 1)
    return Array.from({ length: Math.max(0, numberArg(to, list.length) - first + 1) }, (_, i) => list.get(first + i))
  },
  error: (value) => {
    throw new LuaError(typeof value === 'string' ? `user_script:1: ${value}` : value)
  },
  assert: (value, message, ...rest) => {
    if (!truthy(value)) throw new LuaError(message ?? 'assertion failed!')
    return [value, message, ...rest]
  },
  pcall: (callee, ...args) => protectedCall(callee, args),
  rawget: (table, key) => [tableArg(table).get(key)],
  rawset: (table, key, value) => {
    tableArg(table).set(key, value)
    return [table]
  },
  rawequal: (a, b) => [a === b],
}

function slice(text: string, from: number, to: number): string {
  const start = from < 0 ? Math.max(0, text.length + from) : Math.max(0, from - 1)
  const end = to < 0 ? text.length + to + 1 : to
  return end > start ? text.slice(start, end) : ''
}

function formatted(template: string, args: readonly LuaValue[]): string {
  let used = 0
  return template.replaceAll(/%[-+ 0#]*\d*(?:\.\d+)?[%a-zA-Z]/g, (directive) =>
    directive === '%%' ? '%' : directed(directive, args[used++]),
  )
}

function directed(directive: string, value: LuaValue): string {
  const [, flags = '', width = '', precision, kind = ''] = /^%([-+ 0#]*)(\d*)(?:\.(\d+))?(.)$/.exec(directive) ?? []
  const text = conversion(kind, value, precision === undefined ? undefined : Number(precision))
  const signed = flags.includes('+') && !text.startsWith('-') && kind !== 's' ? `+${text}` : text
  if (flags.includes('-')) return signed.padEnd(Number(width))
  if (!flags.includes('0')) return signed.padStart(Number(width))
  return signed.startsWith('-') ? `-${signed.slice(1).padStart(Number(width) - 1, '0')}` : signed.padStart(Number(width), '0')
}

function conversion(kind: string, value: LuaValue, precision: number | undefined): string {
  switch (kind) {
    case 'd':
    case 'i':
      return integerText(numberArg(value))
    case 'f':
      return fixed(numberArg(value), precision ?? 6)
    case 'g':
      return general(numberArg(value), precision ?? 6)
    case 's':
      return stringArg(value).slice(0, precision)
    case 'x':
      return BigInt(Math.trunc(numberArg(value))).toString(16)
    case 'X':
      return BigInt(Math.trunc(numberArg(value)))
        .toString(16)
        .toUpperCase()
    case 'q':
      return JSON.stringify(stringArg(value))
    default:
      throw new LuaError(`invalid option '%${kind}' to 'format'`)
  }
}

/** C makes the least integer of what is none. */
function integerText(value: number): string {
  return BigInt(Number.isFinite(value) ? Math.trunc(value) : -(2 ** 63)).toString()
}

/** C's `%.<digits>f`: large numbers have no exponent. */
function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return numberText(value)
  if (Math.abs(value) < 1e21) return Object.is(value, -0) ? `-${rounded(0, digits, 'toFixed')}` : rounded(value, digits, 'toFixed')
  return BigInt(value).toString() + (digits > 0 ? `.${'0'.repeat(digits)}` : '')
}

interface Found {
  readonly start: number
  readonly end: number
  /** The captures, or the whole where there are none. */
  readonly captures: readonly string[]
}

function find(text: string, pattern: string, from: number): Found | undefined {
  const regExp = patternToRegExp(pattern)
  const last = pattern.startsWith('^') ? from : text.length
  for (let at = from; at <= last; at++) {
    regExp.lastIndex = at
    const match = regExp.exec(text)
    if (match !== null) return { start: at, end: at + match[0].length, captures: match.length > 1 ? match.slice(1) : [match[0]] }
  }
  return undefined
}

function startOf(text: string, from: LuaValue): number {
  const first = numberArg(from, 1)
  return first < 0 ? Math.max(0, text.length + first) : Math.max(0, first - 1)
}

function findIn(text: string, pattern: string, from: LuaValue, isPlain: LuaValue): readonly LuaValue[] {
  const start = startOf(text, from)
  if (truthy(isPlain)) {
    const at = text.indexOf(pattern, start)
    return at === -1 ? [undefined] : [at + 1, at + pattern.length]
  }
  const found = find(text, pattern, start)
  if (found === undefined) return [undefined]
  const hasCaptures = /(?<!%)\(/.test(pattern)
  return [found.start + 1, found.end, ...(hasCaptures ? found.captures : [])]
}

function matchesOf(text: string, pattern: string): LuaFunction {
  let at = 0
  return () => {
    const found = at > text.length ? undefined : find(text, pattern, at)
    if (found === undefined) return [undefined]
    at = found.end > found.start ? found.end : found.end + 1
    return found.captures
  }
}

function replaced(text: string, pattern: string, by: LuaValue, most: number): readonly LuaValue[] {
  let result = ''
  let at = 0
  let count = 0
  while (count < most && at <= text.length) {
    const found = find(text, pattern, at)
    if (found === undefined) break
    count++
    const whole = text.slice(found.start, found.end)
    result += text.slice(at, found.start) + replacement(by, whole, found.captures)
    if (found.end === found.start) result += text.charAt(found.end)
    at = found.end > found.start ? found.end : found.end + 1
    if (pattern.startsWith('^')) break
  }
  return [result + text.slice(at), count]
}

function replacement(by: LuaValue, whole: string, captures: readonly string[]): string {
  if (typeof by === 'string')
    return by.replaceAll(/%(.)/gs, (_, digit: string) =>
      digit === '0' ? whole : /\d/.test(digit) ? (captures[Number(digit) - 1] ?? '') : digit,
    )
  const [value] = by instanceof LuaTable ? [by.get(captures[0])] : call(by, captures)
  return truthy(value) ? textOf(value) : whole
}

const STRING: Readonly<Record<string, LuaFunction>> = {
  byte: (text, from, to) =>
    slice(stringArg(text), numberArg(from, 1), numberArg(to, numberArg(from, 1)))
      .split('')
      .map((char) => char.charCodeAt(0)),
  char: (...codes) => [String.fromCharCode(...codes.map((code) => numberArg(code)))],
  find: (text, pattern, from, isPlain) => findIn(stringArg(text), stringArg(pattern), from, isPlain),
  format: (template, ...args) => [formatted(stringArg(template), args)],
  gmatch: (text, pattern) => [matchesOf(stringArg(text), stringArg(pattern))],
  gsub: (text, pattern, by, most) => replaced(stringArg(text), stringArg(pattern), by, numberArg(most, Infinity)),
  len: (text) => [stringArg(text).length],
  lower: (text) => [stringArg(text).replaceAll(/[A-Z]/g, (char) => char.toLowerCase())],
  match: (text, pattern, from) => find(stringArg(text), stringArg(pattern), startOf(stringArg(text), from))?.captures ?? [undefined],
  rep: (text, times) => [stringArg(text).repeat(Math.max(0, numberArg(times)))],
  reverse: (text) => [stringArg(text).split('').toReversed().join('')],
  sub: (text, from, to) => [slice(stringArg(text), numberArg(from), numberArg(to, -1))],
  upper: (text) => [stringArg(text).replaceAll(/[a-z]/g, (char) => char.toUpperCase())],
}

const MATH: LuaTable = tableOf(
  [],
  [
    ['huge', Infinity],
    ['pi', Math.PI],
    ['abs', (x) => [Math.abs(numberArg(x))]],
    ['ceil', (x) => [Math.ceil(numberArg(x))]],
    ['floor', (x) => [Math.floor(numberArg(x))]],
    ['fmod', (x, y) => [numberArg(x) % numberArg(y)]],
    ['max', (...values) => [values.map((value) => numberArg(value)).reduce((most, value) => (value > most ? value : most))]],
    ['min', (...values) => [values.map((value) => numberArg(value)).reduce((least, value) => (value < least ? value : least))]],
    ['modf', (x) => [Math.trunc(numberArg(x)), numberArg(x) - Math.trunc(numberArg(x))]],
    ['pow', (x, y) => [numberArg(x) ** numberArg(y)]],
    ['sqrt', (x) => [Math.sqrt(numberArg(x))]],
  ],
)

const TABLE: Readonly<Record<string, LuaFunction>> = {
  concat: (table, separator, from, to) => {
    const list = tableArg(table)
    const first = numberArg(from, 1)
    const parts = Array.from({ length: Math.max(0, numberArg(to, list.length) - first + 1) }, (_, i) => stringArg(list.get(first + i)))
    return [parts.join(separator === undefined ? '' : stringArg(separator))]
  },
  getn: (table) => [tableArg(table).length],
  insert: (table, ...args) => {
    const list = tableArg(table)
    const [position, value] = args.length === 1 ? [list.length + 1, args[0]] : [numberArg(args[0]), args[1]]
    for (let i = list.length; i >= position; i--) list.set(i + 1, list.get(i))
    list.set(position, value)
    return []
  },
  remove: (table, position) => {
    const list = tableArg(table)
    const at = numberArg(position, list.length)
    if (at < 1 || at > list.length) return [undefined]
    const [removed] = list.list.splice(at - 1, 1)
    return [removed]
  },
  sort: (table, isLess) => {
    const before = (a: LuaValue, b: LuaValue) => (isLess === undefined ? lessThan(a, b) : truthy(call(isLess, [a, b])[0]))
    tableArg(table).list.sort((a, b) => (before(a, b) ? -1 : before(b, a) ? 1 : 0))
    return []
  },
}

/**
 * The values and operators of Lua 5.1 as Redis has them: every number is a double, strings are bytes (a character each), and a
 * number becomes text with 14 digits.
 */
export type LuaValue = undefined | boolean | number | string | LuaTable | LuaFunction

export type LuaFunction = (...args: LuaValue[]) => readonly LuaValue[]

/** What a script threw, or what a command threw in it. */
export class LuaError extends Error {
  override readonly name = 'LuaError'
  readonly value: LuaValue

  constructor(value: LuaValue) {
    super(typeof value === 'string' ? value : 'a Lua error')
    this.value = value
  }
}

/** A table: a list from 1 up to the first nil, and a map of the rest. */
export class LuaTable {
  readonly list: LuaValue[] = []
  readonly #rest = new Map<LuaValue, LuaValue>()

  static of(values: readonly LuaValue[]): LuaTable {
    const table = new LuaTable()
    for (const [i, value] of values.entries()) table.set(i + 1, value)
    return table
  }

  get length(): number {
    return this.list.length
  }

  get(key: LuaValue): LuaValue {
    return typeof key === 'number' && key >= 1 && key <= this.list.length && Number.isInteger(key)
      ? this.list[key - 1]
      : this.#rest.get(key)
  }

  set(key: LuaValue, value: LuaValue): void {
    if (key === undefined) throw new LuaError('table index is nil')
    if (Number.isNaN(key)) throw new LuaError('table index is NaN')
    const { length } = this.list
    if (typeof key === 'number' && key >= 1 && key <= length && Number.isInteger(key)) this.#setInList(key, value)
    else if (key === length + 1 && value !== undefined) this.#append(value)
    else if (value === undefined) this.#rest.delete(key)
    else this.#rest.set(key, value)
  }

  /** All pairs, the list's first; the order of the others is that in which they were set, which Lua does not promise. */
  entries(): readonly (readonly [LuaValue, LuaValue])[] {
    return [...this.list.map((value, i) => [i + 1, value] as const), ...this.#rest]
  }

  #append(value: LuaValue): void {
    this.#rest.delete(this.list.length + 1)
    this.list.push(value)
    for (let next = this.#rest.get(this.list.length + 1); next !== undefined; next = this.#rest.get(this.list.length + 1)) {
      this.#rest.delete(this.list.length + 1)
      this.list.push(next)
    }
  }

  #setInList(key: number, value: LuaValue): void {
    if (value !== undefined) {
      this.list[key - 1] = value
      return
    }
    for (const [i, moved] of this.list.splice(key - 1).entries()) if (i > 0) this.#rest.set(key + i, moved)
  }
}

export function truthy(value: LuaValue): boolean {
  return value !== undefined && value !== false
}

export function typeOf(value: LuaValue): string {
  if (value === undefined) return 'nil'
  return value instanceof LuaTable ? 'table' : typeof value
}

/** A number as `tostring` and `..` write it: `%.14g`. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0'
  return general(value, 14)
}

/** C's `%.<digits>g`. */
export function general(value: number, digits: number): string {
  if (value === 0 || !Number.isFinite(value)) return value === 0 ? '0' : numberText(value)
  const [mantissa = '', exponent = '0'] = rounded(value, digits - 1, 'toExponential').split('e')
  const power = Number(exponent)
  if (power >= -4 && power < digits) return withoutZeros(rounded(value, Math.max(0, digits - 1 - power), 'toFixed'))
  return `${withoutZeros(mantissa)}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

/** With that many digits behind the point, as C rounds: what lies exactly half way goes to the even digit, and not up as in JavaScript. */
export function rounded(value: number, digits: number, how: 'toExponential' | 'toFixed'): string {
  const [exact = '', exponent] = value[how](100).split('e')
  const point = exact.indexOf('.')
  const isHalf = /^50*$/.test(exact.slice(point + 1 + digits))
  if (!isHalf) return value[how](digits)
  const kept = exact.slice(0, digits === 0 ? point : point + 1 + digits)
  return '02468'.includes(kept.at(-1) ?? '') ? `${kept}${exponent === undefined ? '' : `e${exponent}`}` : value[how](digits)
}

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** The number that a text reads as, or undefined. */
export function textNumber(text: string): number | undefined {
  const trimmed = text.replaceAll(/^[ \f\n\r\t\v]+|[ \f\n\r\t\v]+$/g, '')
  if (/^[+-]?0[xX][\da-fA-F]+$/.test(trimmed)) return Number(trimmed.replace(/^[+-]/, '')) * (trimmed.startsWith('-') ? -1 : 1)
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(trimmed) ? Number(trimmed) : undefined
}

export function add(a: LuaValue, b: LuaValue): number {
  return typeof a === 'number' && typeof b === 'number' ? a + b : operand(a) + operand(b)
}

export function subtract(a: LuaValue, b: LuaValue): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : operand(a) - operand(b)
}

export function multiply(a: LuaValue, b: LuaValue): number {
  return operand(a) * operand(b)
}

export function divide(a: LuaValue, b: LuaValue): number {
  return operand(a) / operand(b)
}

export function modulo(a: LuaValue, b: LuaValue): number {
  const [dividend, divisor] = [operand(a), operand(b)]
  return dividend - Math.floor(dividend / divisor) * divisor
}

export function power(a: LuaValue, b: LuaValue): number {
  return operand(a) ** operand(b)
}

export function negate(a: LuaValue): number {
  return -operand(a)
}

function operand(value: LuaValue): number {
  const number = typeof value === 'string' ? textNumber(value) : value
  if (typeof number !== 'number') throw new LuaError(`attempt to perform arithmetic on a ${typeOf(value)} value`)
  return number
}

export function concat(a: LuaValue, b: LuaValue): string {
  return piece(a) + piece(b)
}

function piece(value: LuaValue): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'number') throw new LuaError(`attempt to concatenate a ${typeOf(value)} value`)
  return numberText(value)
}

export function lessThan(a: LuaValue, b: LuaValue): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b
  if (typeof a === 'string' && typeof b === 'string') return a < b
  throw notComparable(a, b)
}

export function atMost(a: LuaValue, b: LuaValue): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a <= b
  if (typeof a === 'string' && typeof b === 'string') return a <= b
  throw notComparable(a, b)
}

export function moreThan(a: LuaValue, b: LuaValue): boolean {
  return lessThan(b, a)
}

export function atLeast(a: LuaValue, b: LuaValue): boolean {
  return atMost(b, a)
}

function notComparable(a: LuaValue, b: LuaValue): LuaError {
  const [one, other] = [typeOf(a), typeOf(b)]
  return new LuaError(one === other ? `attempt to compare two ${one} values` : `attempt to compare ${one} with ${other}`)
}

export function length(value: LuaValue): number {
  if (typeof value === 'string' || value instanceof LuaTable) return value.length
  throw new LuaError(`attempt to get length of a ${typeOf(value)} value`)
}

export function keyText(key: LuaValue): string {
  return typeof key === 'string' || typeof key === 'number' ? String(key) : typeOf(key)
}

export function index(value: LuaValue, key: LuaValue): LuaValue {
  if (value instanceof LuaTable) return value.get(key)
  throw new LuaError(`attempt to index a ${typeOf(value)} value (field '${keyText(key)}')`)
}

export function setIndex(table: LuaValue, key: LuaValue, value: LuaValue): void {
  if (!(table instanceof LuaTable)) throw new LuaError(`attempt to index a ${typeOf(table)} value (field '${keyText(key)}')`)
  table.set(key, value)
}

export function call(callee: LuaValue, args: readonly LuaValue[]): readonly LuaValue[] {
  if (typeof callee === 'function') return callee(...args)
  throw new LuaError(`attempt to call a ${typeOf(callee)} value`)
}

export function tableOf(values: readonly LuaValue[], pairs: readonly (readonly [LuaValue, LuaValue])[]): LuaTable {
  const table = LuaTable.of(values)
  for (const [key, value] of pairs) table.set(key, value)
  return table
}

/** `value:name(...)`: of a string, which is what the string library is for, or of a table. */
export function callMethod(globals: LuaTable, value: LuaValue, name: string, args: readonly LuaValue[]): readonly LuaValue[] {
  const owner = typeof value === 'string' ? globals.get('string') : value
  return call(index(owner, name), [value, ...args])
}

import { LuaError } from './lua-value.ts'

const CLASSES: Readonly<Record<string, string>> = {
  a: 'A-Za-z',
  c: '\\x00-\\x1f\\x7f',
  d: '0-9',
  l: 'a-z',
  p: '!-\\/:-@\\[-`{-~',
  s: '\\t-\\r ',
  u: 'A-Z',
  w: 'A-Za-z0-9',
  x: 'A-Fa-f0-9',
}

const compiled = new Map<string, RegExp>()

/** A pattern of Lua as a regular expression; what has no counterpart (`%b`, `%f`, position captures) is refused. */
export function patternToRegExp(pattern: string): RegExp {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  const regExp = new RegExp(translate(pattern), 'dsy')
  compiled.set(pattern, regExp)
  return regExp
}

function translate(pattern: string): string {
  let regExp = ''
  let at = pattern.startsWith('^') ? 1 : 0
  while (at < pattern.length) {
    const [item, next] = itemAt(pattern, at)
    regExp += item
    at = next
  }
  return regExp
}

function itemAt(pattern: string, at: number): readonly [item: string, next: number] {
  const char = pattern.charAt(at)
  if (char === '(' && pattern.charAt(at + 1) === ')') throw new LuaError('position captures are not simulated')
  if (char === '(' || char === ')') return [char, at + 1]
  if (char === '$' && at === pattern.length - 1) return ['$', at + 1]
  const [single, end] = singleAt(pattern, at)
  const suffix = pattern.charAt(end)
  if (suffix === '-') return [`${single}*?`, end + 1]
  return '*+?'.includes(suffix) && suffix !== '' ? [single + suffix, end + 1] : [single, end]
}

function singleAt(pattern: string, at: number): readonly [single: string, end: number] {
  const char = pattern.charAt(at)
  if (char === '[') return setAt(pattern, at)
  if (char === '.') return ['.', at + 1]
  if (char === '%') return [escapedSingle(pattern.charAt(at + 1)), at + 2]
  return [literal(char), at + 1]
}

function setAt(pattern: string, at: number): readonly [single: string, end: number] {
  const isNegated = pattern.charAt(at + 1) === '^'
  let end = at + (isNegated ? 2 : 1)
  let set = ''
  do {
    const char = pattern.charAt(end)
    if (char === '') throw new LuaError("malformed pattern (missing ']')")
    const isRange = pattern.charAt(end + 1) === '-' && pattern.charAt(end + 2) !== ']' && char !== '%'
    if (char === '%') set += escaped(pattern.charAt(end + 1))
    else set += isRange ? `${literal(char)}-${literal(pattern.charAt(end + 2))}` : literal(char)
    end += char === '%' ? 2 : isRange ? 3 : 1
  } while (pattern.charAt(end) !== ']')
  return [`[${isNegated ? '^' : ''}${set}]`, end + 1]
}

function escapedSingle(char: string): string {
  const isNegated = char !== char.toLowerCase() && char.toLowerCase() in CLASSES
  return isNegated ? `[^${escaped(char.toLowerCase())}]` : `[${escaped(char)}]`
}

function escaped(char: string): string {
  if (/[bf0-9]/.test(char) || char === '') throw new LuaError(`the pattern %${char} is not simulated`)
  const named = CLASSES[char.toLowerCase()]
  if (named === undefined) return literal(char)
  if (char !== char.toLowerCase()) throw new LuaError(`the pattern %${char} is not simulated`)
  return named
}

function literal(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
}

import { z } from 'zod'
import { suggestion } from './nearest.ts'
import { type Reading, readCount, readDuration, readNanoUsd, readPicoPerToken, readShare, readWeight } from './quantity.ts'
import { isMapping, type Mapping, type Path, Scalar, shown } from './tree.ts'

/** What a rule of a section found: `path` goes on from the section, `isAtKey` places it at the key and not at the value. */
export interface RuleFinding {
  readonly path: Path
  readonly message: string
  readonly isAtKey?: boolean
}

/** Looks at a section as it was written, whether or not its values are right. */
export type Rule = (section: Mapping) => readonly RuleFinding[]

/** A hundred years. */
const SPAN_DAYS_MAX = 36_525

const keysOfSections = new Map<string, readonly string[]>()

/** The keys of every section of the config by its name (`budgets[]`), as they are known to the schema. */
export const sectionKeys: ReadonlyMap<string, readonly string[]> = keysOfSections

/** A map with these keys and no others. All that is wrong in it is reported at once. */
export function section<Shape extends Readonly<Record<string, z.ZodType>>>(name: string, shape: Shape, rules: readonly Rule[] = []) {
  const keys = Object.keys(shape)
  keysOfSections.set(name, keys)
  const expected = `a map with ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ', …' : ''}`
  const object = z.object(shape)
  return z.unknown().transform((input, ctx) => {
    if (!isMapping(input)) return refuse(ctx, input, { expected })
    for (const finding of [...unknownKeys(input, keys), ...rules.flatMap((rule) => rule(input))]) report(ctx, finding)
    const present = Object.fromEntries(keys.map((key) => [key, input[key]]))
    return delegate(object, { input: present, ctx })
  })
}

/** A map whose keys are names that the file chooses, as a list of `[name, value]` in the order of the file. */
export function named<T>(schema: z.ZodType<T>, checkName: (name: string) => string | undefined = () => undefined) {
  return z.unknown().transform((input, ctx): readonly (readonly [string, T])[] => {
    if (!isMapping(input)) return refuse(ctx, input, { expected: 'a map from names to settings' })
    return Object.entries(input).map(([name, value]) => {
      const message = checkName(name)
      if (message !== undefined) report(ctx, { path: [name], message, isAtKey: true })
      return [name, delegate(schema, { input: value, ctx, path: [name] })]
    })
  })
}

/** @param expected what the list holds, for messages: `budgets` */
export function list<T>(schema: z.ZodType<T>, { expected, isFilled = false }: { readonly expected: string; readonly isFilled?: boolean }) {
  return z.unknown().transform((input, ctx): readonly T[] => {
    if (!Array.isArray(input)) return refuse(ctx, input, { expected: `a list of ${expected}` })
    if (isFilled && input.length === 0) return refuse(ctx, input, { expected: `at least one of ${expected}`, found: 'an empty list' })
    return input.map((item: unknown, index) => delegate(schema, { input: item, ctx, path: [index] }))
  })
}

/** A whole part of the file that may be left empty (all of it commented out, say). */
export function part<T>(schema: z.ZodType<T>, whereAbsent: () => unknown) {
  return z.unknown().transform((input, ctx): T => delegate(schema, { input: isNothing(input) ? whereAbsent() : input, ctx }))
}

/** One scalar, read by `read`. Values of a secret are never quoted in messages. */
export function scalar<T>(read: (text: string, value: Scalar) => Reading<T>, { isSecret = false, expected = 'a single value' } = {}) {
  return z.unknown().transform((input, ctx): T => {
    if (isBroken(input)) return z.NEVER
    const reading: Reading<T> = input instanceof Scalar && input.kind !== 'empty' ? read(input.text, input) : { kind: 'bad', expected }
    return reading.kind === 'ok' ? reading.value : refuse(ctx, input, { ...reading, isSecret })
  })
}

/** A scalar whose empty text (a `${VAR:-}` that is not set) means that it is absent. */
export function emptyIsAbsent<T>(schema: z.ZodType<T>) {
  return z
    .unknown()
    .transform((input, ctx): T | undefined => (isNothing(input) ? undefined : delegate(schema, { input, ctx })))
    .optional()
}

/**
 * A text of 1 to 200 characters without control characters; with `pattern`, one that matches it. Spaces around it are refused:
 * a budget of `team ` would never see a call of `team`.
 */
export function text({ pattern = /^/, expected = 'text', charactersMax = 200 } = {}) {
  const read = (value: string): Reading<string> => {
    if (value.length > charactersMax) return { kind: 'bad', expected: `at most ${charactersMax} characters` }
    if (/\p{Cc}/u.test(value)) return { kind: 'bad', expected: `${expected}, without line breaks and control characters` }
    if (value.trim() !== value) return { kind: 'bad', expected: `${expected}, without spaces around it` }
    return pattern.test(value) ? { kind: 'ok', value } : { kind: 'bad', expected }
  }
  return scalar(read, { expected })
}

/** Free text, over several lines if need be. */
export function prose() {
  return scalar((value): Reading<string> => ({ kind: 'ok', value }), { expected: 'text' })
}

/** A secret that an HTTP header can carry. */
export function secret({ charactersMin = 1, expected = 'a secret' } = {}) {
  const read = (value: string): Reading<string> => {
    const hint = value.trim() === value ? {} : { hint: 'is there a space or a line break at its end?' }
    if (!/^[\x21-\x7e]+$/.test(value)) return { kind: 'bad', expected: `${expected} of printable ASCII characters without spaces`, ...hint }
    return value.length >= charactersMin
      ? { kind: 'ok', value }
      : { kind: 'bad', expected: `${expected} of ${charactersMin} characters or more` }
  }
  return scalar(read, { isSecret: true, expected })
}

/** A URL with one of these schemes (`https:`). It may carry a password, so that messages don't quote it. */
export function url(schemes: readonly string[], { isBase = false } = {}) {
  const names = schemes.map((scheme) => `${scheme}//…`).join(' or ')
  const expected = isBase ? `a URL such as ${names} without ? and #` : `a URL such as ${names}`
  const read = (value: string): Reading<string> => {
    const parsed = URL.parse(value)
    const isGood = parsed !== null && schemes.includes(parsed.protocol) && parsed.hostname !== '' && !/\s/.test(value)
    return isGood && !(isBase && /[?#]/.test(value)) ? { kind: 'ok', value } : { kind: 'bad', expected }
  }
  return scalar(read, { isSecret: true, expected })
}

export function flag() {
  const expected = 'true or false'
  const read = (value: string): Reading<boolean> => {
    const word = value.toLowerCase()
    return word === 'true' || word === 'false' ? { kind: 'ok', value: word === 'true' } : { kind: 'bad', expected }
  }
  return scalar(read, { expected })
}

/** One of these words; a word of `later` is known, and not available yet. */
export function choice<const Word extends string>(words: readonly Word[], later: readonly string[] = []) {
  const expected = words.length === 1 ? words.join() : `one of ${words.join(', ')}`
  const read = (value: string, { isShown }: Scalar): Reading<Word> => {
    const word = words.find((candidate) => candidate === value)
    if (word !== undefined) return { kind: 'ok', value: word }
    if (later.includes(value)) return { kind: 'bad', expected: `${expected} (${value} is not available yet)` }
    const hint = isShown ? suggestion(value, words).slice('; '.length) : ''
    return { kind: 'bad', expected, ...(hint === '' ? {} : { hint }) }
  }
  return scalar(read, { expected })
}

/** A setting of a later version: refused unless it is empty. */
export function notYet() {
  return z
    .unknown()
    .transform((input, ctx): undefined => {
      if (!isBroken(input) && !isEmpty(input)) report(ctx, { path: [], message: 'not available yet; leave it out', isAtKey: true })
    })
    .optional()
}

export const count = (bounds: { readonly min?: number; readonly max?: number } = {}) =>
  scalar((value) => readCount(value, bounds), { expected: 'a whole number' })
export const nanoUsd = () => scalar(readNanoUsd, { expected: 'an amount in USD' })
export const picoPerToken = () => scalar(readPicoPerToken, { expected: 'a price in USD per million tokens' })
export const weight = () => scalar(readWeight, { expected: 'what a token counts' })
export const duration = (minMs = 0) => scalar((value) => readDuration(value, { minMs }), { expected: 'a duration such as 2s or 15m' })
/** A duration that no timer waits for. */
export const span = (minMs: number) =>
  scalar((value) => readDuration(value, { minMs, daysMax: SPAN_DAYS_MAX }), { expected: 'a duration such as 400d' })
export const share = () => scalar(readShare, { expected: 'a share of the limit such as 0.8' })

interface Refusal {
  readonly expected: string
  readonly hint?: string
  readonly found?: string
  readonly isSecret?: boolean
}

function refuse(ctx: z.core.$RefinementCtx, input: unknown, { expected, hint, found, isSecret }: Refusal): never {
  if (isBroken(input)) return z.NEVER
  const start = input === undefined ? 'missing' : `found ${found ?? shown(input, isSecret)}`
  report(ctx, { path: [], message: `${start}, expected ${expected}${hint === undefined ? '' : `; ${hint}`}` })
  return z.NEVER
}

function report(ctx: z.core.$RefinementCtx, { path, message, isAtKey = false }: RuleFinding): void {
  ctx.issues.push({ code: 'custom', input: undefined, path: [...path], message, params: { isAtKey } })
}

function unknownKeys(section: Mapping, keys: readonly string[]): readonly RuleFinding[] {
  const unknown = Object.keys(section).filter((name) => !keys.includes(name))
  return unknown.map((name) => {
    const hint = suggestion(name, keys) || `; expected one of ${keys.join(', ')}`
    return { path: [name], message: `unknown key${hint}`, isAtKey: true }
  })
}

interface Delegation {
  readonly input: unknown
  readonly ctx: z.core.$RefinementCtx
  readonly path?: Path
}

/** Reads a part by its own schema and takes over what is wrong there, so that one mistake hides no other. */
export function delegate<T>(schema: z.ZodType<T>, { input, ctx, path = [] }: Delegation): T {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  for (const issue of result.error.issues) {
    const steps = issue.path.filter((step) => typeof step !== 'symbol')
    report(ctx, { path: [...path, ...steps], message: issue.message, isAtKey: isIssueAtKey(issue) })
  }
  return z.NEVER
}

/** True where an issue is to be shown at its key and not at its value. */
export function isIssueAtKey(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'custom' && issue.params?.['isAtKey'] === true
}

/** True for what could not be read and has been reported. */
function isBroken(input: unknown): boolean {
  return input instanceof Scalar && input.kind === 'broken'
}

function isNothing(input: unknown): boolean {
  return input === undefined || (input instanceof Scalar && input.kind === 'empty')
}

function isEmpty(input: unknown): boolean {
  if (isNothing(input)) return true
  return Array.isArray(input) ? input.length === 0 : isMapping(input) && Object.keys(input).length === 0
}

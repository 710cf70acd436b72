import type { Dialect } from '../fields.ts'

/** The provider answers 400: the request is none that it takes. */
export class Rejected extends Error {
  override readonly name = 'Rejected'
}

export type Json = Readonly<Record<string, unknown>>

/** How a provider's server reads a member of a request: what servers in the field do, not what is documented. */
export interface Coercion {
  /** All values that it may take for the member; several where only the order of the bytes says which counts. */
  readonly members: (json: Json, name: string) => readonly unknown[]
  /** @throws Rejected */
  readonly flag: (value: unknown) => boolean
  /** Undefined: no limit. @throws Rejected */
  readonly count: (value: unknown) => number | undefined
}

const own = (json: Json, name: string): readonly unknown[] => (Object.hasOwn(json, name) ? [json[name]] : [])
const isAbsent = (value: unknown) => value === undefined || value === null

/** OpenAI and Azure: the documented type, or 400. */
const strict: Coercion = {
  members: own,
  flag: (value) => (isAbsent(value) ? false : typeof value === 'boolean' ? value : reject('a boolean')),
  count: (value) => (isAbsent(value) ? undefined : Number.isInteger(value) && Number(value) > 0 ? Number(value) : reject('a whole number')),
}

const TRUE = new Set<unknown>([true, 1, '1', 'true', 't', 'yes', 'y', 'on'])
const FALSE = new Set<unknown>([false, 0, '0', 'false', 'f', 'no', 'n', 'off'])

/** pydantic in its lax mode, which vLLM and most Python servers have (https://docs.pydantic.dev/latest/concepts/conversion_table/). */
const pydantic: Coercion = {
  members: own,
  flag: (value) => {
    const plain = typeof value === 'string' ? value.toLowerCase() : value
    return isAbsent(value) ? false : TRUE.has(plain) ? true : FALSE.has(plain) ? false : reject('a boolean')
  },
  count: (value) => {
    if (isAbsent(value)) return undefined
    const number = typeof value === 'string' && /^\s*[+-]?\d+(?:\.0*)?\s*$/.test(value) ? Number(value) : value
    return Number.isInteger(number) && Number(number) > 0 ? Number(number) : reject('a whole number')
  },
}

/** llama.cpp's `json_value`: what has another type is taken for absent (https://github.com/ggml-org/llama.cpp/blob/master/tools/server/utils.hpp). */
const llama: Coercion = {
  members: own,
  flag: (value) => value === true,
  count: (value) => {
    if (typeof value !== 'number' && typeof value !== 'boolean') return undefined
    const number = Math.trunc(Number(value))
    return number < 0 ? undefined : number
  },
}

/** Names match whatever their case (https://pkg.go.dev/encoding/json#Unmarshal), by Unicode's simple folding. */
const go: Coercion = {
  members: (json, name) => Object.keys(json).flatMap((known) => (fold(known) === fold(name) ? [json[known]] : [])),
  flag: (value) => (isAbsent(value) ? false : typeof value === 'boolean' ? value : reject('a bool')),
  count: (value) => {
    if (isAbsent(value)) return undefined
    return Number.isInteger(value) ? (Number(value) < 0 ? undefined : Number(value)) : reject('an int')
  },
}

/** Proxies in JavaScript that look at truth, and take any number. */
const script: Coercion = {
  members: own,
  flag: Boolean,
  count: (value) => {
    const number = Number(value)
    return isAbsent(value) || !(number >= 0) || !Number.isFinite(number) ? undefined : Math.trunc(number)
  },
}

/** proto3's JSON: both spellings, and whole numbers also as text (https://protobuf.dev/programming-guides/json/). */
const proto: Coercion = {
  members: (json, name) => [
    ...own(json, name),
    ...own(
      json,
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    ),
  ],
  flag: (value) => (isAbsent(value) ? false : typeof value === 'boolean' ? value : reject('a boolean')),
  count: (value) => {
    if (isAbsent(value)) return undefined
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    return Number.isInteger(number) && Number(number) > 0 ? Number(number) : reject('an integer')
  },
}

export const COERCIONS: Readonly<Record<Dialect, Coercion>> = {
  openai: strict, azure: strict, vllm: pydantic, llama, relay: go, router: script, anthropic: pydantic, gemini: proto, vertex: proto,
  bedrock: strict, cohere: pydantic, ollama: go,
} // prettier-ignore

function reject(expected: string): never {
  throw new Rejected(`expected ${expected}`)
}

function fold(name: string): string {
  return name.toUpperCase().toLowerCase()
}

export function asJson(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

/** The largest of what the member may count; undefined: no limit, also where it is absent. */
export function mostOf(
  { members, count }: Coercion,
  json: Json,
  name: string,
): { readonly isSet: boolean; readonly max: number | undefined } {
  const counts = members(json, name)
    .filter((value) => !isAbsent(value))
    .map(count)
  const isUnlimited = counts.length === 0 || counts.includes(undefined)
  return { isSet: counts.length > 0, max: isUnlimited ? undefined : Math.max(...counts.map((value) => value ?? 0)) }
}

/** True where one of what the member may be is true. */
export function anyFlag({ members, flag }: Coercion, json: Json, name: string): boolean {
  return members(json, name).map(flag).includes(true)
}

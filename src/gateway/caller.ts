import type { IncomingHttpHeaders } from 'node:http'
import type { EpochMs } from '../domain/instant.ts'
import { isId } from '../domain/ids.ts'
import { modelId } from '../domain/usage/model-id.ts'
import type { Attributes } from '../domain/budgets/scope.ts'
import { KEY_HEADERS } from '../http/header-names.ts'
import { GatewayError } from './gateway-error.ts'
import type { Key, KeyBook } from '../engine/key-book.ts'

/** @throws GatewayError invalid_api_key */
export function authenticate(keys: KeyBook, headers: IncomingHttpHeaders, now: EpochMs): Key {
  const secret = secretOf(headers)
  if (secret === undefined)
    throw new GatewayError('invalid_api_key', 'no API key: send your Bursar key as "Authorization: Bearer bsr_…" or x-api-key')
  const key = keys.find(secret, now)
  if (key === undefined)
    throw new GatewayError('invalid_api_key', 'this API key is unknown, revoked or expired: ask whoever runs Bursar for a new one')
  return key
}

function secretOf(headers: IncomingHttpHeaders): string | undefined {
  for (const name of KEY_HEADERS) {
    const value = headers[name]
    if (typeof value !== 'string' || value === '') continue
    // What is no bearer token may be a signature that an AWS SDK made; the key is then in another header.
    const secret = name === 'authorization' ? bearerToken(value) : value
    if (secret !== undefined) return secret
  }
  return undefined
}

/** As nearly all write it, without a regular expression: it would cost as much as finding the key. */
function bearerToken(value: string): string | undefined {
  const isPlain = value.startsWith('Bearer ') && value.length > 'Bearer '.length && !value.includes(' ', 'Bearer '.length)
  return isPlain ? value.slice('Bearer '.length) : /^Bearer +(\S+) *$/i.exec(value)?.[1]
}

/** Who calls a model, and the names under which is learnt what such calls use. */
export interface Caller {
  readonly attributes: Attributes
  /** The model at its provider, by which inputs are counted. */
  readonly inputName: string
  /** The key and the model, by which outputs are expected. */
  readonly outputName: string
}

/** Those with one key and one provider: by the model, and behind it what the headers say. */
type Callers = Map<string, Caller>

/** Remembers recent callers, so that the same caller gets the same attributes (and its accounts stay resolved). */
export class CallerBook {
  /** By the key's id and the provider. Both are the same texts for all calls; one made of all parts would be made for each. */
  readonly #known = new Map<string, Map<string, Callers>>()
  #size = 0

  /**
   * Who calls: what the key fixes, and what the headers say where the key allows it.
   * @throws GatewayError attribute_not_allowed, model_not_allowed
   */
  find(key: Key, headers: IncomingHttpHeaders, target: { readonly provider: string; readonly model: string }): Caller {
    const given = givenIn(headers)
    const name = given === '' ? target.model : `${target.model}\n${given}`
    const known = this.#known.get(key.row.id)?.get(target.provider)?.get(name)
    if (known !== undefined) return known
    const attributes = resolveAttributes(key, headers, target)
    const inputName = `${target.provider}/${attributes.model}`
    const caller = { attributes, inputName, outputName: `${key.row.id}\n${target.model}` }
    if (name.length <= CALLER_LENGTH_MAX) this.#callersOf(key, target.provider).set(name, caller)
    return caller
  }

  /** With room for one more. */
  #callersOf(key: Key, provider: string): Callers {
    if (this.#size >= CALLERS_MAX) {
      this.#known.clear()
      this.#size = 0
    }
    this.#size++
    const ofKey = this.#known.get(key.row.id) ?? new Map<string, Callers>()
    const callers = ofKey.get(provider) ?? new Map()
    this.#known.set(key.row.id, ofKey.set(provider, callers))
    return callers
  }
}

/** '' where they say nothing. */
function givenIn(headers: IncomingHttpHeaders): string {
  const { 'x-bursar-team': team, 'x-bursar-project': project, 'x-bursar-user': user, 'x-bursar-tags': tags } = headers
  const isNone = team === undefined && project === undefined && user === undefined && tags === undefined
  return isNone ? '' : [team, project, user, tags].map((value) => value ?? '').join('\n')
}

const CALLERS_MAX = 50_000
/** Headers may have 16 KB, which is too much to keep for so many. */
const CALLER_LENGTH_MAX = 2000
const FIXED_BY_KEY = ['team', 'project', 'user'] as const

function resolveAttributes(key: Key, headers: IncomingHttpHeaders, target: { provider: string; model: string }): Attributes {
  const { row } = key
  if (!key.allowsModel(target.model) && !key.allowsModel(modelId(target.model)))
    throw new GatewayError('model_not_allowed', `the key "${row.name}" may not use the model ${target.model}`)
  const named: Partial<Record<(typeof FIXED_BY_KEY)[number], string>> = { ...row.attributes }
  for (const name of FIXED_BY_KEY) {
    const value = headers[`x-bursar-${name}`]
    if (typeof value === 'string' && value !== '') named[name] = allowed(key, name, value)
  }
  const tags: Record<string, string> = {}
  for (const [name, value] of parseTags(headers['x-bursar-tags'])) tags[name] = allowed(key, `tag.${name}`, value)
  return { ...named, key: row.name, provider: target.provider, model: modelId(target.model), tags }
}

function allowed(key: Key, name: string, value: string): string {
  const fixed = name === 'team' || name === 'project' || name === 'user' ? key.row.attributes[name] : undefined
  if (fixed === value) return value
  if (fixed !== undefined) throw notAllowed(key, name, `the key fixes it to "${fixed}"`)
  if (!key.allowsAttribute(name)) throw notAllowed(key, name, 'the key does not allow callers to set it')
  if (!isId(value)) throw notAllowed(key, name, 'its value has 1 to 200 characters without control characters')
  return value
}

function notAllowed(key: Key, name: string, why: string): GatewayError {
  return new GatewayError('attribute_not_allowed', `${name} can't be set with the key "${key.row.name}": ${why}`)
}

/** `k=v, k2=v2` */
function parseTags(header: string | string[] | undefined): readonly (readonly [string, string])[] {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '')
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const mark = part.indexOf('=')
      const name = part.slice(0, mark).trim()
      if (mark < 1 || !isId(name)) throw new GatewayError('attribute_not_allowed', 'x-bursar-tags is written as "name=value, name2=value2"')
      return [name, part.slice(mark + 1).trim()] as const
    })
}

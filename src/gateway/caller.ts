import type { IncomingHttpHeaders } from 'node:http'
import type { EpochMs } from '../domain/instant.ts'
import { ID_EXPECTED, type Name, toName } from '../domain/ids.ts'
import { modelId } from '../domain/usage/model-id.ts'
import type { Attributes } from '../domain/budgets/scope.ts'
import { KEY_HEADERS } from '../http/header-names.ts'
import { headerText } from '../http/header-text.ts'
import { GatewayError } from './gateway-error.ts'
import type { Key, KeyBook } from '../engine/key-book.ts'

/**
 * The key that calls. Clients may have a place for it of their own, and something else in another: an AWS SDK its signature, a proxy
 * its own token. So the one that is a good Bursar key counts, of several the first of {@link KEY_HEADERS}.
 * @param keysInQuery where the API's clients may put it into the URL
 * @throws GatewayError invalid_api_key
 */
export function authenticate(keys: KeyBook, headers: IncomingHttpHeaders, now: EpochMs, keysInQuery: readonly string[] = []): Key {
  const secrets = secretsOf(headers, keysInQuery)
  for (const secret of secrets) {
    const key = keys.find(secret, now)
    if (key !== undefined) return key
  }
  const message =
    secrets.length === 0
      ? 'no API key: send your Bursar key as "Authorization: Bearer bsr_…" or x-api-key'
      : 'this API key is unknown, revoked or expired: ask your Bursar administrator for a new one'
  throw new GatewayError('invalid_api_key', message)
}

function secretsOf(headers: IncomingHttpHeaders, keysInQuery: readonly string[]): readonly string[] {
  const secrets: string[] = []
  for (const name of KEY_HEADERS) {
    const value = headers[name]
    if (typeof value !== 'string' || value === '') continue
    const secret = name === 'authorization' ? bearerToken(value) : value
    if (secret !== undefined) secrets.push(secret)
  }
  return keysInQuery.length === 0 ? secrets : [...secrets, ...keysInQuery]
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

/** Where a call goes, and which models may answer it there. */
export interface CalledTarget {
  readonly provider: string
  readonly model: string
  /** Further models that the request names. */
  readonly otherModels?: readonly string[] | undefined
}

/** Remembers recent callers, so that the same caller gets the same attributes (and its accounts stay resolved). */
export class CallerBook {
  /** By the key's id and the provider. Both are the same texts for all calls; one made of all parts would be made for each. */
  readonly #known = new Map<string, Map<string, Callers>>()
  #size = 0

  /**
   * Who calls: what the key fixes, and what the headers say where the key allows it.
   * @throws GatewayError attribute_not_allowed, model_not_allowed
   */
  find(key: Key, headers: IncomingHttpHeaders, target: CalledTarget): Caller {
    const given = givenIn(headers)
    const models = target.otherModels === undefined ? target.model : `${target.model}\t${target.otherModels.join('\t')}`
    const name = given === '' ? models : `${models}\n${given}`
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

function resolveAttributes(key: Key, headers: IncomingHttpHeaders, target: CalledTarget): Attributes {
  const { row } = key
  for (const model of [target.model, ...(target.otherModels ?? [])]) checkModel(key, model)
  const named: Partial<Record<(typeof FIXED_BY_KEY)[number], string>> = { ...row.attributes }
  for (const name of FIXED_BY_KEY) {
    const header = `x-bursar-${name}`
    const text = textOf(headers, header)
    if (text !== '') named[name] = allowed(key, name, nameIn(header, text))
  }
  const tags: Record<string, string> = {}
  for (const [name, value] of parseTags(textOf(headers, TAGS_HEADER))) tags[name] = allowed(key, `tag.${name}`, value)
  return { ...named, key: row.name, provider: target.provider, ...modelsOf(target), tags }
}

/** By their one names, each once. */
function modelsOf(target: CalledTarget): Pick<Attributes, 'model' | 'otherModels'> {
  const model = modelId(target.model)
  const others = new Set(target.otherModels?.map(modelId))
  others.delete(model)
  return others.size === 0 ? { model } : { model, otherModels: [...others] }
}

const TAGS_HEADER = 'x-bursar-tags'

/** @throws GatewayError invalid_request where the header's bytes are no UTF-8 */
function textOf(headers: IncomingHttpHeaders, header: string): string {
  const value = headers[header]
  const text = headerText(typeof value === 'string' ? value : (value ?? []).join(','))
  if (text === undefined) throw new GatewayError('invalid_request', `the header ${header} must be UTF-8`)
  return text
}

/** @throws GatewayError invalid_request where it can't be a name */
function nameIn(header: string, text: string): Name {
  const name = toName(text)
  if (name === undefined) throw new GatewayError('invalid_request', `a name in the header ${header} must have ${ID_EXPECTED}`)
  return name
}

/** @throws GatewayError model_not_allowed */
export function checkModel(key: Key, model: string): void {
  if (key.allowsModel(model) || key.allowsModel(modelId(model))) return
  throw new GatewayError('model_not_allowed', `the key "${key.row.name}" may not use the model ${model}`)
}

function allowed(key: Key, name: string, value: Name): Name {
  const fixed = name === 'team' || name === 'project' || name === 'user' ? key.row.attributes[name] : undefined
  if (fixed === value) return value
  if (fixed !== undefined) throw notAllowed(key, name, `the key fixes it to "${fixed}"`)
  if (!key.allowsAttribute(name)) throw notAllowed(key, name, 'the key does not allow callers to set it')
  return value
}

function notAllowed(key: Key, name: string, why: string): GatewayError {
  return new GatewayError('attribute_not_allowed', `${name} can't be set with the key "${key.row.name}": ${why}`)
}

/** `k=v, k2=v2` */
function parseTags(text: string): readonly (readonly [Name, Name])[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const mark = part.indexOf('=')
      if (mark < 1) throw new GatewayError('invalid_request', `${TAGS_HEADER} is written as "name=value, name2=value2"`)
      return [nameIn(TAGS_HEADER, part.slice(0, mark).trim()), nameIn(TAGS_HEADER, part.slice(mark + 1).trim())] as const
    })
}

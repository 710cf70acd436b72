import { isAmount } from '../domain/amount.ts'
import { isId } from '../domain/ids.ts'
import { asObject } from './answer.ts'
import { countMembers, insertMember, jsonMembers, type Member, type Splice } from './json-members.ts'
import { InvalidRequest, type JsonObject, type PathValues } from './provider.ts'

/** A request's body, parsed; its top-level members stand in it once. */
export interface ParsedBody {
  readonly json: JsonObject
  readonly model: string
}

/**
 * The object of a request whose body need not name the model.
 * @throws InvalidRequest where it is no JSON object, or names a member twice: then Bursar might read the one and the provider
 * the other
 */
export function parseObjectBody(body: Buffer): JsonObject {
  const json = asObject(parseJson(body))
  if (json === undefined) throw new InvalidRequest('the request body must be a JSON object')
  if (countMembers(body) !== Object.keys(json).length) throw new InvalidRequest(`the request body has the member "${doubleIn(body)}" twice`)
  return json
}

/**
 * @param path where it names the model, that one counts: the provider does not read the body's
 * @throws InvalidRequest where it is no JSON object, names no model, or names a member twice
 */
export function parseBody(body: Buffer, path: PathValues = {}): ParsedBody {
  const json = parseObjectBody(body)
  const model = path['model'] ?? json['model']
  if (typeof model !== 'string' || !isId(model)) {
    throw new InvalidRequest('"model" must be a string of 1 to 200 characters, none of them a control character')
  }
  return { json, model }
}

function doubleIn(body: Buffer): string | undefined {
  const names = jsonMembers(body).map(({ name }) => name)
  return names.find((name, i) => names.indexOf(name) < i)
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new InvalidRequest('the request body is no valid JSON')
  }
}

/**
 * A count in a request; absent and null are the same.
 * @throws InvalidRequest where it is anything but a whole number >= 0
 */
export function countIn(json: JsonObject, name: string): number | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !isAmount(value)) throw new InvalidRequest(`"${name}" must be a whole number of 0 or more`)
  return value
}

/** Puts a member's new value in the place of the old one, or adds the member. */
export function setMember(body: Buffer, members: readonly Member[], name: string, json: string): Splice {
  const member = members.find((candidate) => candidate.name === name)
  return member === undefined ? insertMember(body, 0, name, json) : { start: member.valueStart, end: member.valueEnd, text: json }
}

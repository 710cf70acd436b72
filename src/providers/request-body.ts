import { isUtf8 } from 'node:buffer'
import { ID_EXPECTED, isId } from '../domain/ids.ts'
import { asObject } from './answer.ts'
import { insertMember, type Member, type Splice } from './json-members.ts'
import { checkJson, type JsonLimits } from './json-scan.ts'
import { checkSpelling } from './counted-fields.ts'
import { InvalidRequest, type JsonObject, type PathValues } from './provider.ts'

/** A request's body, parsed; its top-level members stand in it once. */
export interface ParsedBody {
  readonly json: JsonObject
  readonly model: string
}

/**
 * The object of a request whose body need not name the model. All readers read it alike: it is UTF-8, and no object in it has a
 * name twice.
 * @throws InvalidRequest where it is no JSON object, is read in more than one way, or is beyond its limits
 */
export function parseObjectBody(body: Buffer, limits?: JsonLimits): JsonObject {
  if (!isUtf8(body)) throw new InvalidRequest('the request body is no valid UTF-8')
  const text = body.toString()
  if (text.charCodeAt(0) === BYTE_ORDER_MARK) throw new InvalidRequest('the request body begins with a byte order mark: send it without')
  checkJson(text, limits)
  const json = asObject(parseJson(text))
  if (json === undefined) throw new InvalidRequest('the request body must be a JSON object')
  checkSpelling(json)
  return json
}

/**
 * @param path where it names the model, that one counts: the provider does not read the body's
 * @throws InvalidRequest where it is no JSON object, names no model, is read in more than one way, or is beyond its limits
 */
export function parseBody(body: Buffer, path: PathValues = {}): ParsedBody {
  const json = parseObjectBody(body)
  return { json, model: toModel(path['model'] ?? json['model']) }
}

/** @throws InvalidRequest where it is no name of a model */
export function toModel(value: unknown, what = '"model"'): string {
  if (typeof value === 'string' && isId(value)) return value
  throw new InvalidRequest(`${what} must be a string of ${ID_EXPECTED}`)
}

/** Some readers skip it, others refuse it (https://www.rfc-editor.org/rfc/rfc8259#section-8.1). */
const BYTE_ORDER_MARK = 0xfeff

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidRequest('the request body is no valid JSON')
  }
}

/** Puts a member's new value in the place of the old one, or adds the member. */
export function setMember(body: Buffer, members: readonly Member[], name: string, json: string): Splice {
  const member = members.find((candidate) => candidate.name === name)
  return member === undefined ? insertMember(body, 0, name, json) : { start: member.valueStart, end: member.valueEnd, text: json }
}

import { insertMember, jsonMembers, type Member, type Splice } from './json-members.ts'
import type { JsonObject } from './provider.ts'
import { setMember } from './request-body.ts'
import { countIn, objectIn } from './request-fields.ts'

/** Names of members from the body's top to a value. */
export type MemberPath = readonly [string] | readonly [string, string]

/**
 * The count at a path in a request; absent and null are the same.
 * @throws InvalidRequest where it is anything but a count, or stands in something that is no object
 */
export function countAt(json: JsonObject, [outer, inner]: MemberPath, read: typeof countIn = countIn): number | undefined {
  return inner === undefined ? read(json, outer) : read(objectIn(json, outer) ?? {}, inner)
}

/** No number or literal that is asked for is longer. */
const LITERAL_BYTES_MAX = 64

/** The number or literal at a path, as it is written; undefined where there is none, or null. */
export function literalAt(body: Buffer, members: readonly Member[], [outer, inner]: MemberPath): string | undefined {
  const member = members.find(({ name }) => name === outer)
  if (member === undefined) return undefined
  if (inner !== undefined)
    return body[member.valueStart] === OPEN_BRACE ? literalAt(body, jsonMembers(body, member.valueStart), [inner]) : undefined
  const text = body.toString('latin1', member.valueStart, Math.min(member.valueEnd, member.valueStart + LITERAL_BYTES_MAX))
  return text === 'null' ? undefined : text
}

const OPEN_BRACE = 0x7b

/** Puts a value at a path, in the place of the old one or as a new member; every other byte stays. */
export function setAt(body: Buffer, members: readonly Member[], [outer, inner]: MemberPath, json: string): Splice {
  if (inner === undefined) return setMember(body, members, outer, json)
  const object = members.find(({ name }) => name === outer)
  const isNull = object !== undefined && body.toString('latin1', object.valueStart, object.valueEnd) === 'null'
  if (object === undefined || isNull) return setMember(body, members, outer, `{${JSON.stringify(inner)}:${json}}`)
  const member = jsonMembers(body, object.valueStart).find(({ name }) => name === inner)
  if (member === undefined) return insertMember(body, object.valueStart, inner, json)
  return { start: member.valueStart, end: member.valueEnd, text: json }
}

import { asObject } from './answer.ts'
import { insertMember, jsonMembers, type Member, type Splice } from './json-members.ts'
import { InvalidRequest, type JsonObject } from './provider.ts'
import { countIn, setMember } from './request-body.ts'

/** Names of members from the body's top to a value. */
export type MemberPath = readonly [string] | readonly [string, string]

/**
 * The count at a path in a request; absent and null are the same.
 * @throws InvalidRequest where it is anything but a whole number >= 0, or stands in something that is no object
 */
export function countAt(json: JsonObject, [outer, inner]: MemberPath): number | undefined {
  return inner === undefined ? countIn(json, outer) : countIn(objectIn(json, outer), inner)
}

/**
 * The object that is a member of a request; empty where it is absent or null.
 * @throws InvalidRequest where it is something else
 */
export function objectIn(json: JsonObject, name: string): JsonObject {
  const value = json[name]
  const object = value === undefined || value === null ? {} : asObject(value)
  if (object === undefined) throw new InvalidRequest(`"${name}" must be an object`)
  return object
}

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

import { jsonMembers, spliceBytes } from './json-members.ts'
import { parseObjectBody, setMember, toModel } from './request-body.ts'

/** A model that a request names though nothing of it is counted, and where it stands. */
export interface NamedModel {
  readonly model: string
  /** The body's member. */
  readonly member: string
}

/**
 * @param members that may name it, the one that counts first
 * @returns undefined where the body names none
 * @throws InvalidRequest where it is no JSON object, or its model no name
 */
export function modelIn(body: Buffer, members: readonly string[]): NamedModel | undefined {
  const json = parseObjectBody(body)
  const member = members.find((name) => json[name] !== undefined && json[name] !== null)
  return member === undefined ? undefined : { member, model: toModel(json[member], `"${member}"`) }
}

/** The same body, with the model as the provider knows it. */
export function withModel(body: Buffer, member: string, model: string): Buffer {
  return spliceBytes(body, [setMember(body, jsonMembers(body), member, JSON.stringify(model))])
}

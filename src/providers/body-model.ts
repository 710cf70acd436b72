import { jsonMembers, spliceBytes } from './json-members.ts'
import type { BodyModel, JsonObject } from './provider.ts'
import { parseObjectBody, setMember, toModel } from './request-body.ts'

/** A model that the first of these members names which is there. */
export function bodyModel(...members: readonly string[]): BodyModel {
  const memberOf = (json: JsonObject) => members.find((name) => json[name] !== undefined && json[name] !== null)
  return {
    read: (body) => {
      const json = parseObjectBody(body)
      const member = memberOf(json)
      return member === undefined ? undefined : toModel(json[member], `"${member}"`)
    },
    rename: (body, model) => {
      const member = memberOf(parseObjectBody(body))
      return member === undefined ? body : spliceBytes(body, [setMember(body, jsonMembers(body), member, JSON.stringify(model))])
    },
  }
}

import { asObject } from './answer.ts'
import { InvalidRequest, type JsonObject } from './provider.ts'

/*
 * The fields of a request that decide what it uses, in the types that they are documented to have; absent and null are the same.
 * Another type is refused: servers take `1` or `"true"` for true, `"100"` for 100, and Bursar would take them for something else.
 */

/** The largest count: servers keep them in 32 bits, and no model has such a context. */
const COUNT_MAX = 2_147_483_647

/** @throws InvalidRequest where it is anything but a whole number from 0 to {@link COUNT_MAX} */
export function countIn(json: JsonObject, name: string): number | undefined {
  const count = wholeNumberIn(json, name)
  if (count !== undefined && count < 0) throw notACount(name)
  return count
}

/** A count of which values below 0 have a meaning. @throws InvalidRequest where it is no whole number up to {@link COUNT_MAX} */
export function wholeNumberIn(json: JsonObject, name: string): number | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || Math.abs(value) > COUNT_MAX) throw notACount(name)
  // There is a zero below zero.
  return value + 0
}

function notACount(name: string): InvalidRequest {
  return new InvalidRequest(`"${name}" must be a whole number of 0 or more, and at most ${COUNT_MAX}`)
}

/** @throws InvalidRequest where it is anything but true or false */
export function flagIn(json: JsonObject, name: string): boolean | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'boolean') throw new InvalidRequest(`"${name}" must be true or false`)
  return value
}

/** @throws InvalidRequest where it is anything but a string */
export function textIn(json: JsonObject, name: string): string | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new InvalidRequest(`"${name}" must be a string`)
  return value
}

/** @throws InvalidRequest where it is anything but an object */
export function objectIn(json: JsonObject, name: string): JsonObject | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  const object = asObject(value)
  if (object === undefined) throw new InvalidRequest(`"${name}" must be an object`)
  return object
}

/** @throws InvalidRequest where it is anything but a list */
export function listIn(json: JsonObject, name: string): readonly unknown[] {
  const value = json[name]
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new InvalidRequest(`"${name}" must be a list`)
  return value
}

/** How many answers a request asks for: the most that any of these members says, and at least 1. @throws InvalidRequest */
export function choicesIn(json: JsonObject, names: readonly string[]): number {
  return names.reduce((most, name) => Math.max(most, countIn(json, name) ?? 1), 1)
}

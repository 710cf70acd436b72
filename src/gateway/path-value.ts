/** The characters of all providers' ids and models. No server reads a path's structure from them. `<` and `>` stand in templates that were not filled in. */
const SEGMENT = /^[A-Za-z0-9._:~@+=<>-]+$/
/** Resolved by servers and proxies: a path would climb out of its endpoint. */
const DOTS = /^\.+$/
const LENGTH_MAX = 500

/**
 * Whether a decoded segment of a path is an id: of a file, a batch, an answer, a project. What is not (slashes, backslashes, `..`,
 * control characters, percent signs of a second encoding) would reach other paths of the provider with the provider's key, where
 * a proxy before it decodes and normalises.
 */
export function isPathId(value: string): boolean {
  return value.length <= LENGTH_MAX && SEGMENT.test(value) && !DOTS.test(value)
}

/** A model may hold slashes between its parts: Bedrock's ARNs (`arn:aws:…:inference-profile/us.…`), `provider/model`. */
export function isModelPath(value: string): boolean {
  return value.length <= LENGTH_MAX && value.split('/').every(isPathId)
}

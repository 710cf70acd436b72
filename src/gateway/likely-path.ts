/** What a path that has no route may have been meant as. */
interface Unrouted {
  readonly method: string
  readonly path: string
}

/** The mistakes that are made most with base URLs, each with what takes it back. */
const REPAIRS: readonly ((path: string) => string)[] = [
  (path) => path.replaceAll(/\/{2,}/g, '/'),
  (path) => path.replace(/(?<=.)\/$/, ''),
  (path) => path.replace(/\/v1\/v1(beta1?|alpha)?\//, (_, rest: string | undefined) => `/v1${rest ?? ''}/`),
  (path) => path.replace(/\/v1\/v2\//, '/v2/'),
]
const VERSIONS = ['/v1', '/v1beta', '/v2'] as const
const METHODS = ['GET', 'POST', 'DELETE'] as const

/** Longer ones are no mistakes of people, and not looked at. */
const PATH_LENGTH_MAX = 500

/**
 * The path that was likely meant, with its method: without doubled slashes and versions, with the version that is missing, or the
 * same path with another method.
 * @param isKnown whether that method and path can be called
 */
export function likelyPath(isKnown: (method: string, path: string) => boolean, { method, path }: Unrouted): string | undefined {
  if (path.length > PATH_LENGTH_MAX) return undefined
  const repaired = REPAIRS.reduce((paths: readonly string[], repair) => [...paths, repair(paths.at(-1) ?? path)], [path])
  const candidates = [...repaired, ...VERSIONS.flatMap((version) => repaired.map((tail) => version + tail))]
  for (const candidate of new Set(candidates)) {
    const found = [method, ...METHODS].find((one) => isKnown(one, candidate))
    if (found !== undefined) return `${found} ${candidate}`
  }
  return undefined
}

import type { AllowedParameters, ApiShape, Endpoint } from '../providers/provider.ts'

/** What stands behind the `?` of a path, read. */
export interface Query {
  /** What goes to the provider, written anew: '', or with its `?`. */
  readonly forwarded: string
  /** Keys that the caller put there; they go nowhere. */
  readonly keys: readonly string[]
}

const NONE: Query = { forwarded: '', keys: [] }

/**
 * Parameters can change the shape of an answer, and with it whether its usage is seen. So only those pass that the API's shape
 * lists, with a value that it knows; of several with one name the first, unless the name is a list's. All others are left out, as
 * headers that are on no list. What passes is written anew from what was read, so that no provider reads it otherwise.
 * @param query '' or with its `?`
 */
export function readQuery(query: string, { queryParameters }: ApiShape, { admission }: Endpoint): Query {
  if (query === '' || query === '?') return NONE
  const allowed = admission.kind === 'free' ? queryParameters.free : queryParameters.counted
  const keys: string[] = []
  const passed: string[] = []
  const seen = new Set<string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === queryParameters.key) keys.push(value)
    else if (isAllowed(allowed, name, value) && (!seen.has(name) || name.endsWith('[]'))) {
      seen.add(name)
      passed.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    }
  }
  return { forwarded: passed.length === 0 ? '' : `?${passed.join('&')}`, keys }
}

function isAllowed(allowed: AllowedParameters, name: string, value: string): boolean {
  return Object.hasOwn(allowed, name) && allowed[name]?.test(value) === true
}

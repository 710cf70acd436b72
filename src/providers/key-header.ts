import type { Authorize } from './provider.ts'

/** The same header on every request; none where the value is ''. */
export function keyHeader(name: string, value: string): Authorize {
  const headers: Readonly<Record<string, string>> = value === '' ? {} : { [name]: value }
  return () => headers
}

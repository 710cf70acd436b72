import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Which of these names the test files ask for with `inject('NAME')`, or the files of ours that they import. */
export function wantedServices<Name extends string>(names: readonly Name[], testFiles: readonly string[]): ReadonlySet<Name> {
  const seen = new Set<string>()
  const wanted = new Set<Name>()
  const toRead = [...testFiles]
  for (let path = toRead.pop(); path !== undefined; path = toRead.pop()) {
    if (seen.has(path) || !existsSync(path)) continue
    seen.add(path)
    const text = readFileSync(path, 'utf8')
    for (const name of names) if (text.includes(`inject('${name}')`)) wanted.add(name)
    for (const [, imported = ''] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+\.ts)'/g))
      toRead.push(join(dirname(path), imported))
  }
  return wanted
}

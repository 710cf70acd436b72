import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sectionKeys } from './field.ts'
import { parseConfig } from './load.ts'
import './schema.ts'

const reference = readFileSync(join(import.meta.dirname, '../../docs/reference/config.md'), 'utf8')

/** The first column of the tables below each heading; `''` is the heading of the whole file. */
function documentedKeys(): Map<string, string[]> {
  const bySection = new Map<string, string[]>()
  let section: string | undefined
  for (const line of reference.split('\n')) {
    const heading = /^#{2,3} (?:`(?<name>[^`]+)`|(?<title>.+))$/.exec(line)?.groups
    if (heading !== undefined) section = heading['title'] === 'The file' ? '' : heading['name']
    const key = /^\| `(?<key>[a-z_]+)` \|/.exec(line)?.groups?.['key']
    if (section !== undefined && key !== undefined) bySection.set(section, [...(bySection.get(section) ?? []), key])
  }
  return bySection
}

test('every key that a config may have stands in the reference, under its section, and no other', () => {
  const documented = documentedKeys()
  expect([...documented.keys()].sort()).toEqual([...sectionKeys.keys()].sort())
  for (const [section, keys] of sectionKeys) expect({ section, keys: documented.get(section) }).toEqual({ section, keys })
})

test('every config in the reference loads without errors', () => {
  const examples = [...reference.matchAll(/^```yaml\n(?<text>.*?)^```$/gms)].map(({ groups }) => groups?.['text'] ?? '')
  expect(examples.length).toBeGreaterThan(0)
  for (const text of examples) expect(parseConfig(text, { path: 'bursar.yaml', env: {} })).toMatchObject({ kind: 'ok' })
})

test('a row of the reference says type, default and meaning', () => {
  const rows = reference.split('\n').filter((line) => line.startsWith('| `'))
  for (const row of rows) expect(row.split(/(?<!\\)\|/).map((cell) => cell.trim() !== '')).toEqual([false, true, true, true, true, false])
})

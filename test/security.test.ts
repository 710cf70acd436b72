import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

/* docs/security.md is what people rely on when they let strangers call: its limits are those of the code. */

const ROOT = join(import.meta.dirname, '..')
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8')

interface Row {
  readonly limit: string
  readonly defaultValue: string
  readonly setBy: string
  readonly beyond: string
}

function limitRows(page: string): readonly Row[] {
  const [, section = ''] = page.split(/^## Limits$/m)
  const lines = section.split(/^## /m)[0]?.split('\n') ?? []
  return lines
    .filter((line) => line.startsWith('| ') && !/^\| (?:limit|---) /.test(line))
    .map((line) => {
      const [, limit = '', defaultValue = '', setBy = '', beyond = ''] = line.split('|').map((cell) => cell.trim())
      return { limit, defaultValue, setBy, beyond }
    })
}

const UNITS: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  days: 86_400_000,
}

/** `32 MiB` in bytes, `10 min` in milliseconds, `50,000` and `50,000 callers` as they are. */
function amountOf(written: string): number {
  const [, digits = '', unit = ''] = /^([\d,.]+)(?: (\w+))?/.exec(written) ?? []
  return Number(digits.replaceAll(',', '')) * (UNITS[unit] ?? 1)
}

/** A number as TypeScript has it: `64 * 1024 * 1024`, `1 << 20`, `10_000`; NaN where it is anything else. */
function valueOf(expression: string): number {
  const factor = (part: string): number => {
    const [base = '', shift = '0'] = part.split('<<').map((side) => side.replaceAll('_', '').trim())
    return /^[\d.e]+$/.test(base) ? Number(base) * 2 ** Number(shift) : Number.NaN
  }
  return expression.split('*').reduce((product, part) => product * factor(part), 1)
}

function constantIn(path: string, name: string): number {
  const found = new RegExp(`^(?:export )?const ${name}(?:: \\w+)? = (.+)$`, 'm').exec(text(path))?.[1]
  return found === undefined ? Number.NaN : valueOf(found)
}

/** The default that the config's schema gives to a key, written as `section.key`. */
function configDefault(key: string): number {
  const at = key.lastIndexOf('.')
  const schema = text('src/config/schema.ts')
  const section = schema.slice(schema.search(new RegExp(`field\\.section\\(\\s*'${key.slice(0, at).replaceAll('.', '\\.')}'`)))
  const found = new RegExp(`\\b${key.slice(at + 1)}:[^\\n]*?\\.default\\(([^)]*)\\)`).exec(section)?.[1]
  return found === undefined ? Number.NaN : valueOf(found)
}

function inCode({ setBy }: Row): number {
  const [, name = '', path = ''] = /^`([A-Z][A-Z0-9_]+)` in `(src\/[\w/.-]+\.ts)`$/.exec(setBy) ?? []
  if (path !== '') return existsSync(join(ROOT, path)) ? constantIn(path, name) : Number.NaN
  const [, key = ''] = /^`([\w.[\]]+)`$/.exec(setBy) ?? []
  return key === '' ? Number.NaN : configDefault(key)
}

describe('docs/security.md', () => {
  const rows = limitRows(text('docs/security.md'))

  test('every limit has the value that the named constant, or the default of the named config key, has in the code', () => {
    expect(rows.length).toBeGreaterThan(10)
    const stated = rows.map((row) => ({ limit: row.limit, setBy: row.setBy, value: amountOf(row.defaultValue) }))
    expect(stated.filter(({ value }) => !(value > 0))).toEqual([])
    expect(stated).toEqual(rows.map((row) => ({ limit: row.limit, setBy: row.setBy, value: inCode(row) })))
  })

  test('every limit says what happens beyond it', () => {
    expect(rows.filter(({ beyond }) => beyond === '')).toEqual([])
  })

  test('amounts and expressions are read as they are meant', () => {
    expect(['8 KiB', '1.5 MiB', '10 min', '50,000 callers', '7'].map(amountOf)).toEqual([8192, 1_572_864, 600_000, 50_000, 7])
    expect(['64 * 1024 * 1024', '1 << 20', '10_000', '7 * 86_400_000'].map(valueOf)).toEqual([67_108_864, 1_048_576, 10_000, 604_800_000])
    expect(valueOf('OTHER + 1')).toBeNaN()
  })
})

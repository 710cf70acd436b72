import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { exampleConfig } from './example.ts'

/**
 * Writes the commented example with two keys of its own, readable by its owner only; returns the key to try.
 * @throws Error where the file exists or can't be written
 */
export function writeFirstConfig(path: string): string {
  const nightlyKey = newKey()
  writeFileSync(path, exampleConfig({ nightlyKey, marketingKey: newKey() }), { mode: 0o600, flag: 'wx' })
  return nightlyKey
}

function newKey(): string {
  return `bsr_${randomBytes(24).toString('base64url')}`
}

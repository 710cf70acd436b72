import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const REPORTER = fileURLToPath(new URL('./plain-summary.ts', import.meta.url))
const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))

/** The last line of a run of this test file. */
async function summaryOf(source: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'bursar-summary-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'a.test.js'), source)
  const args = [VITEST, 'run', '--root', dir, '--globals', `--reporter=${REPORTER}`]
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((error: { readonly stdout: string }) => error)
  return stdout.trim().split('\n').at(-1) ?? ''
}

test('the last line counts what passed, failed and was skipped', async () => {
  const source = `test('a', () => {}); test('b', () => { throw new Error('b') }); test.skip('c', () => {})`
  expect(await summaryOf(source)).toBe('1 passed, 1 failed, 1 skipped')
})

test('what fails before its tests can run, or after them, is counted as failed', async () => {
  const before = `describe('d', () => { beforeAll(() => { throw new Error('before') }); test('a', () => {}) })`
  expect(await summaryOf(before)).toBe('0 passed, 1 failed, 1 skipped')
  const after = `afterAll(() => { throw new Error('after') }); test('a', () => {})`
  expect(await summaryOf(after)).toBe('1 passed, 1 failed')
  expect(await summaryOf(`throw new Error('the file')`)).toBe('0 passed, 1 failed')
  expect(await summaryOf('')).toBe('0 passed, 1 failed')
})

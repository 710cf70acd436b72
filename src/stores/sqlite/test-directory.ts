import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/** A directory for the tests of a file; it is removed behind the last of them. */
export function useDirectory(): () => string {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'bursar-ledger-'))
  })
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return () => directory
}

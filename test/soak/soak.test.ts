import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { endure, type SoakOptions } from './endurance.ts'
import { coursesOf, reportLines } from './report.ts'

const SHORT: SoakOptions = {
  seconds: 31,
  rate: 300,
  store: 'sqlite',
  everySeconds: 1.5,
  isCompiled: false,
  signal: new AbortController().signal,
}

/** The slope of half a minute is known to some ten bytes a call, so that one of many runs seems to grow; what grows does so in each. */
const AGAIN = { retry: 2, timeout: 200_000 }

test('memory is flat, to less than an object for each call, while calls begin and end in every way', AGAIN, async () => {
  const endurance = await endure(SHORT)
  const report = reportLines(endurance).join('\n')
  for (const outcome of [200, 400, 401, 404, 429, 500, 502, 'hung up', 'broken'] as const)
    expect(endurance.outcomes.get(outcome) ?? 0, `${outcome}\n${report}`).toBeGreaterThan(0)
  expect(endurance.alerts).toBeGreaterThan(0)
  const courses = coursesOf(endurance)
  expect(
    courses.filter(({ verdict }) => verdict === 'grows' || verdict === 'too large').map(({ gauge }) => gauge),
    report,
  ).toEqual([])
  expect(courses.find(({ gauge }) => gauge === 'heap')?.perCall.slope, report).toBeLessThan(100)
})

test('what it can not be run with is said, and nothing is started', async () => {
  const script = new URL('./soak.ts', import.meta.url).pathname
  const failed = await promisify(execFile)(process.execPath, [script, '--minutes', '0']).catch(
    (error: { code: number; stderr: string }) => error,
  )
  expect(failed).toMatchObject({ code: 1, stderr: "the soak can't be run: --minutes: expected a number from 0.5 to 1440\n" })
})

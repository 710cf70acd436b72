import { expect, test } from 'vitest'
import { createScreen } from './screen.ts'
import { summaryLines } from './summary.ts'
import { budgetLines } from './table.ts'

function screen(isTty: boolean, columns: number) {
  const written: string[] = []
  return { ...createScreen({ out: { write: (text) => written.push(text) }, isTty, columns }), written }
}

test('a terminal’s table is drawn over the last one, and never over what was said', () => {
  const { draw, say, written } = screen(true, 80)
  draw(['one', 'two'])
  draw(['three', 'four', 'five'])
  say('night falls')
  draw(['six'])
  expect(written).toEqual(['one\ntwo\n', '\u001B[2A\u001B[Jthree\nfour\nfive\n', 'night falls\n', 'six\n'])
})

test.each([
  ['0123456789', '012345678'],
  ['01234\u001B[32m56789\u001B[0m!', '01234\u001B[32m5678\u001B[0m'],
  ['\u001B[32m0123456789\u001B[0m', '\u001B[32m012345678\u001B[0m'],
  ['012', '012'],
])('in 10 columns %j is cut to %j: no line wraps, colours take no columns and end', (line, shown) => {
  const { draw, written } = screen(true, 10)
  draw([line])
  expect(written).toEqual([`${shown}\n`])
})

test('a log gets whole lines, now and then, and no escape codes', () => {
  const { draw, written } = screen(false, 10)
  for (let i = 0; i < 11; i++) draw([`picture ${i} of a table`])
  expect(written).toEqual(['picture 0 of a table\n', 'picture 10 of a table\n'])
})

const BUDGET = { id: 'team:r', name: 'Engineering', used: 999.99, limit: 999.99, pct: 100, status: 'EXCEEDED', hard_cap: true }

test.each([
  [0, '-'.repeat(20)],
  [49.9, '#########-----------'],
  [100, '#'.repeat(20)],
  [180, '#'.repeat(20)],
])('a bar of %d %% is %s', (pct, bar) => {
  expect(budgetLines([{ ...BUDGET, pct }], false)[0]).toContain(` ${bar} `)
})

test('the widest row fits into a terminal of 80 columns', () => {
  expect(budgetLines([{ ...BUDGET, hard_cap: false }], false)[0]?.length).toBeLessThan(80)
})

const NIGHT = {
  burntUsd: 60.004,
  loopMinutes: 90,
  isStopped: true,
  firstAlert: { minutes: 40, text: 'Research has used 85.0 %' },
  refused: 200,
  refusal: 'no room',
  othersAnswered: 158,
  othersRefused: 0,
  failed: 0,
}

test('the summary extrapolates the measured rate over the 15 hours, and says so', () => {
  expect(summaryLines(NIGHT)).toEqual([
    'Saturday 09:00.',
    '  without Bursar, burnt  $600',
    '                         (its $0.67 a minute until Friday 19:30, for the 15 hours from 18:00)',
    '  with Bursar, burnt     $60.00',
    '                         (the hard cap stopped it at Friday 19:30)',
    '  the first alert        Friday 18:40',
    '                         "Research has used 85.0 %"',
    '  refused                200 calls of the loop',
    '                         "no room"',
    '  the other teams        158 calls in the night answered, 0 refused',
  ])
})

test('the summary claims no cap and no alert that did not come, and names calls that failed', () => {
  const { refusal: _refusal, firstAlert: _alert, ...rest } = NIGHT
  const night = { ...rest, isStopped: false, refused: 0, failed: 3, refusal: undefined, firstAlert: undefined }
  const text = summaryLines(night).join('\n')
  expect(text).toContain('(the hard cap did not stop it)')
  expect(text).not.toContain('stopped it at')
  expect(text).toMatch(/the first alert +none/)
  expect(text).toMatch(/failed otherwise +3 calls/)
})

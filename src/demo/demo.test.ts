import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startDemoGateway } from '../demo-gateway.ts'
import { type DemoOptions, runDemo } from './demo.ts'
import type { Plan } from './scenario.ts'

/** The whole story on the real gateway, in small. */
const SMALL: Plan = {
  dayMs: 100,
  refusalsMax: 40,
  callsMax: 5000,
  loop: { callers: 8, everyMs: 20, model: 'gpt-5-pro' },
  researchUsd: 8,
}

interface Run extends Omit<DemoOptions, 'out' | 'startGateway'> {
  /** Told of all that was written so far. */
  readonly onText?: (text: string) => void
}

async function play({ onText, ...options }: Run): Promise<{ readonly text: string; readonly dataDir: string }> {
  let text = ''
  let dataDir = ''
  const logged: string[] = []
  const startGateway = startDemoGateway((message) => logged.push(message))
  await runDemo({
    ...options,
    out: {
      write: (part) => {
        text += part
        onText?.(text)
      },
    },
    startGateway: (config, dir) => {
      dataDir = dir
      expect(existsSync(dir)).toBe(true)
      return startGateway(config, dir)
    },
  })
  expect(logged).toEqual([])
  return { text, dataDir }
}

function numberAfter(label: string, text: string): number {
  const found = new RegExp(`${label} +\\$?([\\d,.]+)`).exec(text)?.[1]
  return Number(found?.replaceAll(',', ''))
}

test('the loop is stopped at the cap, its owner was told, the others go on, and nothing is left behind', async () => {
  const { text, dataDir } = await play({ isTty: false, signal: new AbortController().signal, plan: SMALL })
  const end = text.slice(text.indexOf('Saturday 09:00.'))
  const burnt = numberAfter('with Bursar, burnt', end)
  expect(burnt).toBeGreaterThan(0)
  expect(burnt).toBeLessThanOrEqual(SMALL.researchUsd)
  expect(numberAfter('without Bursar, burnt', end)).toBeGreaterThan(burnt)
  expect(end).toMatch(/the hard cap stopped it at (Friday|Saturday) \d\d:\d\d/)
  expect(end).toMatch(/the first alert +Friday \d\d:\d\d\n +"Research has used 8[5-9]\.\d % of its 8\.00 USD \(hard cap\)"/)
  expect(end).toContain('"npm start" writes a bursar.yaml')
  expect(numberAfter('refused', end)).toBeGreaterThanOrEqual(SMALL.refusalsMax)
  expect(end).toContain('"the budget "Research" (team:research) has no room')
  expect(numberAfter('the other teams', end)).toBeGreaterThan(0)
  expect(end).toContain('in the night answered, 0 refused')
  expect(end).not.toContain('failed otherwise')
  expect(text).not.toContain('bsr_')
  expect(text).not.toContain('\u001B')
  expect(existsSync(dataDir)).toBe(false)
})

test('a terminal gets colours, unless NO_COLOR is set; a demo that is stopped cleans up and claims nothing', async () => {
  for (const [env, isColored] of [[{}, true] as const, [{ NO_COLOR: '1' }, false] as const]) {
    const stop = new AbortController()
    const onText = (text: string) => {
      if (text.includes('Tuesday')) stop.abort()
    }
    const { text, dataDir } = await play({ isTty: true, columns: 80, env, signal: stop.signal, plan: SMALL, onText })
    expect(text.includes('\u001B[32m')).toBe(isColored)
    expect(text).not.toContain('Wednesday')
    expect(text).not.toContain('Saturday 09:00.')
    expect(existsSync(dataDir)).toBe(false)
  }
})

test('a gateway that does not start ends the demo with its error, and leaves nothing behind', async () => {
  let dataDir = ''
  const startGateway = async (_config: string, dir: string): Promise<never> => {
    dataDir = dir
    throw new Error('no gateway today')
  }
  const run = runDemo({ startGateway, out: { write: () => true }, isTty: false, signal: new AbortController().signal })
  await expect(run).rejects.toThrow('no gateway today')
  expect(existsSync(dataDir)).toBe(false)
})

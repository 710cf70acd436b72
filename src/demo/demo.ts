import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { areAlertsDelivered } from './alert-status.ts'
import { readBudgets, type StatusSource } from './budget-status.ts'
import { type Pager, startPager } from './pager.ts'
import {
  clockOf,
  DAYS,
  demoConfig,
  FRIDAY_NIGHT,
  minutesIn,
  NIGHT_MINUTES_PER_SECOND,
  type Pace,
  type Plan,
  PROVIDER_LATENCY_MS,
  type Team,
  teams,
} from './scenario.ts'
import { createScreen, type Screen } from './screen.ts'
import { createSimulatedProvider } from './simulated-provider.ts'
import { summaryLines } from './summary.ts'
import { budgetLines } from './table.ts'
import { createTally, runTraffic, type Tally } from './traffic.ts'

export interface Gateway extends StatusSource {
  readonly close: () => Promise<void>
}

export interface DemoOptions {
  /** Starts the real gateway with this config, its data in that directory. */
  readonly startGateway: (configText: string, dataDir: string) => Promise<Gateway>
  readonly out: { write: (text: string) => unknown }
  readonly isTty: boolean
  /** The terminal's width; 80 where unknown. */
  readonly columns?: number
  /** Where NO_COLOR is read (https://no-color.org). */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Ends the demo early. */
  readonly signal: AbortSignal
  /** Another speed and size, for tests. */
  readonly plan?: Plan
}

const DRAW_MS = 150
const OUTPUT_TOKENS = (seed: number) => 60 + (seed % 41)

/** Plays the Friday night on the real gateway with a simulated provider: no key, no network, about half a minute. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { plan = FRIDAY_NIGHT, out, isTty, columns = 80, env = process.env, signal } = options
  const cleanUp: (() => unknown)[] = []
  try {
    const dataDir = mkdtempSync(join(tmpdir(), 'bursar-demo-'))
    cleanUp.push(() => rmSync(dataDir, { recursive: true, force: true }))
    const provider = createSimulatedProvider({ latencyMs: PROVIDER_LATENCY_MS, outputTokens: OUTPUT_TOKENS })
    const { port } = await provider.listen()
    cleanUp.push(provider.close)
    const pager = await startPager()
    cleanUp.push(pager.close)
    const all = teams(() => `bsr_${randomBytes(24).toString('base64url')}`)
    const config = demoConfig(all, { provider: `http://127.0.0.1:${port}`, alerts: pager.url }, plan)
    const gateway = await options.startGateway(config, dataDir)
    cleanUp.push(gateway.close)
    const screen = createScreen({ out, isTty, columns })
    await play({
      gateway,
      all,
      plan,
      pager,
      screen,
      signal,
      isColored: isTty && (env['NO_COLOR'] ?? '') === '',
      tallies: [],
      nightStartedAtMs: undefined,
    })
  } finally {
    for (const undo of cleanUp.toReversed()) await undo()
  }
}

interface Stage {
  readonly gateway: Gateway
  readonly all: readonly Team[]
  readonly plan: Plan
  readonly pager: Pager
  readonly screen: Screen
  readonly signal: AbortSignal
  readonly isColored: boolean
  /** Of all traffic so far. */
  readonly tallies: Tally[]
  /** On the clock of `performance.now()`; undefined in the week. */
  nightStartedAtMs: number | undefined
}

async function play(stage: Stage): Promise<void> {
  const { screen, signal } = stage
  screen.say('Three teams, one gateway, a simulated provider. The ordinary week:\n')
  for (const day of DAYS) {
    if (signal.aborted) return
    await playDay(stage, day)
  }
  screen.say(
    `\nFriday 18:00. Somebody starts an experiment in a loop and goes home.\n(A second is ${NIGHT_MINUTES_PER_SECOND} minutes now.)\n`,
  )
  if (signal.aborted) return
  await playNight(stage)
}

async function playDay(stage: Stage, day: string): Promise<void> {
  const endsAtMs = performance.now() + stage.plan.dayMs
  const goesOn = () => performance.now() < endsAtMs && !stage.signal.aborted
  const working = stage.all.map((team) => start(stage, team, team.week, goesOn).done)
  await drawDuring(stage, Promise.all(working), () => `${day}, office hours`)
}

async function playNight(stage: Stage): Promise<void> {
  const { plan, all, signal, pager, screen } = stage
  const usedBefore = await usedByResearch(stage)
  const startedAtMs = performance.now()
  stage.nightStartedAtMs = startedAtMs
  const research = all.at(-1)
  if (research === undefined) return
  const isNight = () => performance.now() - startedAtMs < plan.nightMsMax && !signal.aborted
  const loop = start(stage, research, plan.loop, (tally) => isNight() && tally.refused < plan.refusalsMax)
  const looping = trackEnd(loop.done)
  const others = all.flatMap((team) => (team.night === undefined ? [] : [start(stage, team, team.night, () => !looping.isOver)]))
  const running = Promise.all([looping.done, ...others.map(({ done }) => done)])
  const now = () => clockOf(minutesIn(performance.now() - startedAtMs))
  await drawDuring(stage, running, now)
  await drawDuring(stage, untilAlertsArrived(stage), now)
  if (signal.aborted) return
  const firstPage = pager.pages.find(({ atMs }) => atMs >= startedAtMs)
  const sum = (tallies: readonly Tally[], name: 'answered' | 'refused' | 'failed') =>
    tallies.reduce((total, tally) => total + tally[name], 0)
  const ofOthers = others.map(({ tally }) => tally)
  const lines = summaryLines({
    burntTokens: (await usedByResearch(stage)) - usedBefore,
    loopMinutes: minutesIn((loop.tally.firstRefusalAtMs ?? performance.now()) - startedAtMs),
    isStopped: loop.tally.firstRefusalAtMs !== undefined,
    firstAlertMinutes: firstPage === undefined ? undefined : minutesIn(firstPage.atMs - startedAtMs),
    refused: loop.tally.refused,
    refusal: loop.tally.refusal,
    othersAnswered: sum(ofOthers, 'answered'),
    othersRefused: sum(ofOthers, 'refused'),
    failed: sum(stage.tallies, 'failed'),
  })
  screen.say(`\n${lines.join('\n')}\n`)
}

const ALERTS_WAIT_MS = 5000
const ALERTS_POLL_MS = 50

/** An alert goes out when the ledger has it, up to half a second after the call that crossed its threshold has ended. */
async function untilAlertsArrived({ gateway, signal }: Stage): Promise<void> {
  const giveUpAtMs = performance.now() + ALERTS_WAIT_MS
  while (!signal.aborted && performance.now() < giveUpAtMs && !(await areAlertsDelivered(gateway))) await sleep(ALERTS_POLL_MS)
}

interface Running {
  readonly tally: Tally
  readonly done: Promise<void>
}

function start(stage: Stage, { name, key }: Team, pace: Pace, goesOn: (tally: Tally) => boolean): Running {
  const tally = createTally()
  stage.tallies.push(tally)
  const done = runTraffic({ url: stage.gateway.url, key, name, pace, tally, goesOn: () => goesOn(tally) })
  return { tally, done }
}

/** Redraws the table while something runs, and once when it has ended. */
async function drawDuring(stage: Stage, running: Promise<unknown>, when: () => string): Promise<void> {
  const tracked = trackEnd(running)
  while (!tracked.isOver) {
    stage.screen.draw(await picture(stage, when()))
    await Promise.race([sleep(DRAW_MS), tracked.done])
  }
  await tracked.done
  stage.screen.draw(await picture(stage, when()))
}

function trackEnd(promise: Promise<unknown>): { readonly done: Promise<unknown>; readonly isOver: boolean } {
  const tracked = { isOver: false, done: promise }
  tracked.done = promise.finally(() => {
    tracked.isOver = true
  })
  return tracked
}

async function usedByResearch({ gateway }: Stage): Promise<number> {
  return (await readBudgets(gateway)).find(({ id }) => id === 'team:research')?.used ?? 0
}

async function picture({ gateway, tallies, pager, isColored, nightStartedAtMs }: Stage, when: string): Promise<readonly string[]> {
  const total = (name: 'answered' | 'refused') => tallies.reduce((sum, tally) => sum + tally[name], 0).toLocaleString('en-US')
  const time = (atMs: number) => (nightStartedAtMs === undefined ? 'in the week' : clockOf(minutesIn(atMs - nightStartedAtMs)))
  const alerts = pager.pages.map(({ text, atMs }) => `ALERT ${time(atMs)}: ${text}`)
  return [
    `${when.padEnd(23)} ${total('answered')} calls answered, ${total('refused')} refused`,
    ...budgetLines(await readBudgets(gateway), isColored),
    ...(alerts.length === 0 ? ['no alert yet'] : alerts),
  ]
}

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { areAlertsDelivered } from './alert-status.ts'
import { readBudgets, type StatusSource } from './budget-status.ts'
import { type Pager, startPager } from './pager.ts'
import { clockOf, DAYS, demoConfig, FRIDAY_NIGHT, MINUTES_PER_CALL, type Plan, PROVIDER_LATENCY_MS, type Team, teams } from './scenario.ts'
import { createScreen, type Screen } from './screen.ts'
import { createSimulatedProvider } from './simulated-provider.ts'
import { StoryClock } from './story-clock.ts'
import { type Night, nextSteps, summaryLines } from './summary.ts'
import { budgetLines } from './table.ts'
import { createTally, runTraffic, type Tally, type Traffic } from './traffic.ts'

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
const OUTPUT_TOKENS = (seed: number) => 320 + (seed % 161)

/** Plays the Friday night on the real gateway with a simulated provider: no key, no network, about half a minute on a fast machine. */
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
      clock: undefined,
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
  /** The night's; undefined in the week. */
  clock: StoryClock | undefined
}

async function play(stage: Stage): Promise<void> {
  const { screen, signal } = stage
  screen.say('Three teams, one gateway, a simulated provider. The ordinary week:\n')
  for (const day of DAYS) {
    if (signal.aborted) return
    await playDay(stage, day)
  }
  screen.say(`\nFriday 18:00. Somebody starts an experiment in a loop and goes home.\n`)
  if (signal.aborted) return
  await playNight(stage)
}

async function playDay(stage: Stage, day: string): Promise<void> {
  const endsAtMs = performance.now() + stage.plan.dayMs
  const goesOn = () => performance.now() < endsAtMs && !stage.signal.aborted
  const working = stage.all.map((team) => start(stage, { team, pace: team.week, goesOn }).done)
  await drawDuring(stage, Promise.all(working), () => `${day}, office hours`)
}

async function playNight(stage: Stage): Promise<void> {
  const { plan, all, signal, screen } = stage
  const usedBefore = await usedByResearch(stage)
  const clock = new StoryClock(MINUTES_PER_CALL, Date.now())
  stage.clock = clock
  const research = all.at(-1)
  if (research === undefined) return
  const goesOn = (tally: Tally) => !signal.aborted && tally.refused < plan.refusalsMax && tally.answered + tally.failed < plan.callsMax
  const loop = start(stage, { team: research, pace: plan.loop, goesOn, onCallEnded: () => clock.callEnded(Date.now()) })
  const looping = trackEnd(loop.done)
  const others = all.flatMap((team) =>
    team.night === undefined ? [] : [start(stage, { team, pace: team.night, goesOn: () => !looping.isOver })],
  )
  const running = Promise.all([looping.done, ...others.map(({ done }) => done)])
  const now = () => clockOf(clock.minutes())
  await drawDuring(stage, running, now)
  await drawDuring(stage, untilAlertsArrived(stage), now)
  if (signal.aborted) return
  const burntUsd = (await usedByResearch(stage)) - usedBefore
  screen.say(`\n${summaryLines(nightOf(stage, clock, { loop, others, burntUsd })).join('\n')}\n\n${nextSteps().join('\n')}`)
}

interface Ran {
  readonly loop: Running
  readonly others: readonly Running[]
  readonly burntUsd: number
}

function nightOf({ pager, tallies }: Stage, clock: StoryClock, { loop, others, burntUsd }: Ran): Night {
  const { firstRefusalAt, refused, refusal } = loop.tally
  const sum = (all: readonly Tally[], name: 'answered' | 'refused' | 'failed') => all.reduce((total, tally) => total + tally[name], 0)
  const ofOthers = others.map(({ tally }) => tally)
  return {
    burntUsd,
    loopMinutes: (firstRefusalAt === undefined ? undefined : clock.minutesAt(firstRefusalAt)) ?? clock.minutes(),
    isStopped: firstRefusalAt !== undefined,
    firstAlert: pager.pages.flatMap(({ text, at }) => ({ text, minutes: clock.minutesAt(at) })).find(isOfNight),
    refused,
    refusal,
    othersAnswered: sum(ofOthers, 'answered'),
    othersRefused: sum(ofOthers, 'refused'),
    failed: sum(tallies, 'failed'),
  }
}

function isOfNight<Page extends { readonly minutes: number | undefined }>(page: Page): page is Page & { readonly minutes: number } {
  return page.minutes !== undefined
}

const ALERTS_WAIT_MS = 60_000
const ALERTS_POLL_MS = 50

/** An alert goes out when the ledger has it: half a second after the call that crossed its threshold, later on a busy machine. */
async function untilAlertsArrived({ gateway, signal }: Stage): Promise<void> {
  const giveUpAtMs = performance.now() + ALERTS_WAIT_MS
  while (!signal.aborted && performance.now() < giveUpAtMs && !(await areAlertsDelivered(gateway))) await sleep(ALERTS_POLL_MS)
}

interface Running {
  readonly tally: Tally
  readonly done: Promise<void>
}

interface Work extends Pick<Traffic, 'pace' | 'onCallEnded'> {
  readonly team: Team
  readonly goesOn: (tally: Tally) => boolean
}

function start(stage: Stage, { team: { name, key }, goesOn, ...work }: Work): Running {
  const tally = createTally()
  stage.tallies.push(tally)
  return { tally, done: runTraffic({ ...work, url: stage.gateway.url, key, name, tally, goesOn: () => goesOn(tally) }) }
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

async function picture({ gateway, tallies, pager, isColored, clock }: Stage, when: string): Promise<readonly string[]> {
  const total = (name: 'answered' | 'refused') => tallies.reduce((sum, tally) => sum + tally[name], 0).toLocaleString('en-US')
  const alerts = pager.pages.map(({ text, at }) => {
    const minutes = clock?.minutesAt(at)
    return `ALERT ${minutes === undefined ? 'in the week' : clockOf(minutes)}: ${text}`
  })
  return [
    `${when.padEnd(23)} ${total('answered')} calls answered, ${total('refused')} refused`,
    ...budgetLines(await readBudgets(gateway), isColored),
    ...(alerts.length === 0 ? ['no alert yet'] : alerts),
  ]
}

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import {
  clockOf,
  DAY_MS,
  DAYS,
  demoConfig,
  LOOP_AT_ONCE,
  NIGHT_MINUTES,
  NIGHT_MINUTES_PER_SECOND,
  NIGHT_MS_MAX,
  PROVIDER_LATENCY_MS,
  REFUSALS_SHOWN,
  type Team,
  teams,
} from './scenario.ts'
import { createScreen, type Screen } from './screen.ts'
import { createSimulatedProvider } from './simulated-provider.ts'

export interface Gateway {
  readonly url: string
  readonly adminToken: string
  readonly close: () => Promise<void>
}

export interface DemoOptions {
  /** Starts the real gateway with this config, its data in that directory. */
  readonly startGateway: (configText: string, dataDir: string) => Promise<Gateway>
  readonly out: { write: (text: string) => unknown }
  readonly isTty: boolean
  /** Ends the demo early. */
  readonly signal: AbortSignal
}

/** What the demo counts itself, from outside. */
interface Tally {
  calls: number
  refused: number
  refusal: string
  firstRefusalAt: number | undefined
  /** When the experiment began; undefined before the night. */
  nightStartedAt: number | undefined
  alert: { readonly title: string; readonly when: string } | undefined
}

const DRAW_MS = 150

/** Plays the Friday night on the real gateway with a simulated provider: no key, no network, about half a minute. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bursar-demo-'))
  const provider = createSimulatedProvider({ latencyMs: PROVIDER_LATENCY_MS })
  const tally: Tally = { calls: 0, refused: 0, refusal: '', firstRefusalAt: undefined, nightStartedAt: undefined, alert: undefined }
  const pager = await startPager(tally)
  const all = teams(() => `bsr_${randomBytes(24).toString('base64url')}`)
  const { port } = await provider.listen()
  const gateway = await options.startGateway(demoConfig(all, { provider: `http://127.0.0.1:${port}`, alerts: pager.url }), dataDir)
  try {
    await play({ gateway, all, tally, screen: createScreen(options.out, options.isTty), signal: options.signal })
  } finally {
    await gateway.close()
    await provider.close()
    pager.server.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

interface Stage {
  readonly gateway: Gateway
  readonly all: readonly Team[]
  readonly tally: Tally
  readonly screen: Screen
  readonly signal: AbortSignal
}

async function play(stage: Stage): Promise<void> {
  const { screen, all, signal, tally } = stage
  screen.say('Three teams, one gateway, a simulated provider. The ordinary week:\n')
  for (const day of DAYS) {
    if (signal.aborted) return
    await during(stage, `${day}, office hours`, performance.now() + DAY_MS, () =>
      Promise.all(all.map((team) => load(stage, team, { atOnce: team.atOnce, untilMs: performance.now() + DAY_MS }))),
    )
  }
  screen.say(
    `\nFriday 18:00. Somebody starts an experiment in a loop and goes home. (A second is ${NIGHT_MINUTES_PER_SECOND} minutes now.)\n`,
  )
  const research = all.at(-1)
  if (research === undefined || signal.aborted) return
  const before = await usedByResearch(stage)
  const startedAt = performance.now()
  tally.nightStartedAt = startedAt
  await during(stage, 'the night', undefined, () =>
    load(stage, research, { atOnce: LOOP_AT_ONCE, untilMs: startedAt + NIGHT_MS_MAX, isLoop: true }),
  )
  const burnt = (await usedByResearch(stage)) - before
  await summary(stage, { startedAt, burnt, loopMs: (tally.firstRefusalAt ?? performance.now()) - startedAt })
}

/** Redraws the table while something runs. */
async function during(stage: Stage, when: string, endsAt: number | undefined, run: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now()
  const state = { isOver: false }
  const running = run().finally(() => {
    state.isOver = true
  })
  while (!state.isOver && !stage.signal.aborted) {
    const time = endsAt === undefined ? clockOf(minutesSince(startedAt)) : when
    stage.screen.draw(await picture(stage, time))
    await new Promise((resolve) => setTimeout(resolve, DRAW_MS))
  }
  await running
  stage.screen.draw(await picture(stage, endsAt === undefined ? clockOf(minutesSince(startedAt)) : when))
}

function minutesSince(startedAt: number): number {
  return ((performance.now() - startedAt) / 1000) * NIGHT_MINUTES_PER_SECOND
}

const status = z.object({
  budgets: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      used: z.number(),
      limit: z.number(),
      pct: z.number(),
      status: z.string(),
      hard_cap: z.boolean(),
    }),
  ),
})

async function readStatus({ gateway }: Stage): Promise<z.infer<typeof status>['budgets']> {
  const response = await fetch(`${gateway.url}/api/v1/status`, { headers: { authorization: `Bearer ${gateway.adminToken}` } })
  return status.parse(await response.json()).budgets
}

async function usedByResearch(stage: Stage): Promise<number> {
  return (await readStatus(stage)).find(({ id }) => id === 'team:research')?.used ?? 0
}

const BAR_CHARS = 20

async function picture(stage: Stage, when: string): Promise<readonly string[]> {
  const rows = await readStatus(stage)
  const { calls, refused, alert } = stage.tally
  return [
    `  ${when.padEnd(24)} ${calls.toLocaleString('en-US')} calls answered, ${refused.toLocaleString('en-US')} refused`,
    ...rows.map(({ name, pct, used, limit, status: state, hard_cap: isHard }) => {
      const filled = Math.min(BAR_CHARS, Math.floor((pct / 100) * BAR_CHARS))
      const bar = '#'.repeat(filled) + '-'.repeat(BAR_CHARS - filled)
      const amounts = `${used.toLocaleString('en-US')} / ${limit.toLocaleString('en-US')}`
      return `  ${name.padEnd(12)} ${bar} ${`${pct.toFixed(1)} %`.padStart(8)}  ${amounts.padStart(21)}  ${isHard ? 'hard    ' : 'advisory'}  ${state}`
    }),
    `  ${alert === undefined ? 'no alert yet' : `ALERT, ${alert.when}: ${alert.title}`}`,
  ]
}

/** Calls by a team, so many at once, until then; the loop also ends when it was refused often enough. */
async function load(stage: Stage, team: Team, plan: { atOnce: number; untilMs: number; isLoop?: boolean }): Promise<void> {
  const { tally, gateway, signal } = stage
  const worker = async (number: number) => {
    while (performance.now() < plan.untilMs && tally.refused < REFUSALS_SHOWN && !signal.aborted) {
      const isStream = number % 2 === 0
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${team.key}`, 'content-type': 'application/json', 'x-bursar-user': `${team.name}-${number % 3}` },
        body: JSON.stringify({
          model: 'gpt-4o-mini',
          messages: [{ role: 'user', content: 'Try again, but better.' }],
          max_tokens: 80,
          stream: isStream,
        }),
      })
      const text = await response.text()
      if (response.ok) tally.calls++
      else {
        tally.refused++
        tally.refusal = text
        tally.firstRefusalAt ??= performance.now()
      }
    }
  }
  await Promise.all(Array.from({ length: plan.atOnce }, (_, number) => worker(number)))
}

const webhook = z.object({ type: z.string(), data: z.looseObject({}) })

/** Receives Bursar's real alerts, as a pager would. */
async function startPager(tally: Tally): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      response.end()
      const said = webhook.safeParse(JSON.parse(body))
      if (!said.success) return
      const title = z.object({ message: z.string() }).safeParse(said.data.data)
      const when = tally.nightStartedAt === undefined ? 'office hours' : clockOf(minutesSince(tally.nightStartedAt))
      tally.alert ??= { title: title.success ? title.data.message : said.data.type, when }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/alerts` }
}

/**
 * What the night cost, and what it would have cost: the loop's rate until it met the cap, kept up until Saturday 09:00.
 */
async function summary(
  stage: Stage,
  night: { readonly startedAt: number; readonly burnt: number; readonly loopMs: number },
): Promise<void> {
  const { tally, screen } = stage
  const minutes = (night.loopMs / 1000) * NIGHT_MINUTES_PER_SECOND
  const without = Math.round((night.burnt / minutes) * NIGHT_MINUTES)
  const tokens = (count: number) => `${count.toLocaleString('en-US')} tokens`
  const code = /"code":"(\w+)"/.exec(tally.refusal)?.[1] ?? 'none'
  const lines = [
    '',
    'Saturday 09:00.',
    `  without Bursar the loop would have burnt  ${tokens(without)}  (its rate of ${tokens(Math.round(night.burnt / minutes))} a minute, for 15 hours)`,
    `  with Bursar it burnt                      ${tokens(night.burnt)}  (the hard cap stopped it at ${clockOf(minutes)})`,
    `  the first alert came                      ${tally.alert === undefined ? 'not at all' : tally.alert.when}`,
    `  refused after that                        ${tally.refused.toLocaleString('en-US')} calls, as ${code}`,
    '  the other teams                           went on: their budgets were not touched',
    '',
  ]
  screen.say(lines.join('\n'))
}

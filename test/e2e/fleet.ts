import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import pg from 'pg'
import { api, post } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/*
 * Several Bursars on one store, what their callers got, what the provider produced, and what the ledger has of it: each known on
 * its own, so that the three can be held against one another.
 */

/** A call as its caller saw it. */
export interface Asked {
  /** What the caller named it, in its prompt. */
  readonly name: string
  readonly team: string
  /** Undefined: the connection broke before an answer was whole. */
  readonly status: number | undefined
  readonly id: string
  /** What the answer says that it used. */
  readonly tokens: number
  readonly retryAfter: string | null
  readonly code: string | undefined
}

/** A provider that remembers what it produced for whom. */
export interface CountingUpstream extends Upstream {
  /** Tokens by the names that callers gave their calls. */
  readonly produced: ReadonlyMap<string, number>
}

/** The most that a caller asks for, unless it wants more. */
export const MAX_TOKENS = 400

/** @param delayMs how long an answer takes, on the average */
export async function startCountingUpstream(delayMs: () => number): Promise<CountingUpstream> {
  const produced = new Map<string, number>()
  const upstream = await startUpstream(async ({ body }, response) => {
    const { messages, max_tokens: max } = JSON.parse(body) as { messages: { content: string }[]; max_tokens: number }
    await delay(delayMs() * (0.5 + Math.random()))
    const usage = { input: 10, output: Math.ceil(Math.random() * max) }
    const name = messages[0]?.content ?? ''
    produced.set(name, (produced.get(name) ?? 0) + usage.input + usage.output)
    answerJson(response, chatCompletion(usage))
  })
  return { ...upstream, produced }
}

function keyOf(team: string): string {
  return `bsr_of_team_${team}_0123456789`
}

/** YAML of one key for each team. */
export function keysOf(teams: readonly string[]): string {
  return teams.map((team) => `  - { name: ${team}, secret: ${keyOf(team)}, team: ${team} }`).join('\n')
}

/** One call; it never fails: what becomes of it is what the caller saw. */
export async function ask(url: string, team: string, maxTokens = MAX_TOKENS): Promise<Asked> {
  const name = randomUUID()
  const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: name }], max_tokens: maxTokens }
  const broken = { name, team, status: undefined, id: '', tokens: 0, retryAfter: null, code: undefined }
  try {
    const response = await post(url, '/v1/chat/completions', body, { authorization: `Bearer ${keyOf(team)}` })
    const { usage, error } = (await response.json()) as { usage?: { total_tokens: number }; error?: { code: string } }
    return {
      ...broken,
      status: response.status,
      id: response.headers.get('x-bursar-call') ?? '',
      tokens: usage?.total_tokens ?? 0,
      retryAfter: response.headers.get('retry-after'),
      code: error?.code,
    }
  } catch {
    return broken
  }
}

export interface Load {
  /** Every call that was asked, in the order in which they ended. */
  readonly asked: Asked[]
  readonly stop: () => Promise<void>
}

/**
 * Callers that ask one call after the other, until they are told to stop.
 * @param urls where each call may go, as they are then
 */
export function startLoad(
  urls: () => readonly string[],
  { teams, callersEach, pauseMs = 0 }: { readonly teams: readonly string[]; readonly callersEach: number; readonly pauseMs?: number },
): Load {
  const asked: Asked[] = []
  const load = { isOver: false }
  const loop = async (team: string, caller: number) => {
    while (!load.isOver) {
      const all = urls()
      const outcome = await ask(all[caller % all.length] ?? '', team)
      asked.push(outcome)
      // Who was refused asks again a little later, as callers do.
      await delay(outcome.status === 200 ? pauseMs : pauseMs + 20)
    }
  }
  const loops = teams.flatMap((team) => Array.from({ length: callersEach }, (_, caller) => loop(team, caller)))
  return {
    asked,
    stop: async () => {
      load.isOver = true
      await Promise.all(loops)
    },
  }
}

/** A call in the ledger. */
export interface Counted {
  readonly id: string
  readonly team: string
  readonly ending: string
  readonly kind: string
  readonly tokens: number
}

const CALLS = 'SELECT id, team, ending, usage_kind AS kind, input + output AS tokens FROM'

/** All calls of the ledger, read past Bursar. @param place a Postgres URL, or the directory of a `data_dir` */
export async function callsOf(place: string): Promise<readonly Counted[]> {
  if (!place.startsWith('postgres:')) return callsInFile(`${place}/ledger.db`)
  const client = new pg.Client({ connectionString: place })
  await client.connect()
  try {
    const { rows } = await client.query<Omit<Counted, 'tokens'> & { tokens: string }>(`${CALLS} bursar.calls`)
    return rows.map((row) => ({ ...row, tokens: Number(row.tokens) }))
  } finally {
    await client.end()
  }
}

function callsInFile(path: string): readonly Counted[] {
  if (!existsSync(path)) return []
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db
      .prepare(`${CALLS} calls`)
      .all()
      .map(({ id, team, ending, kind, tokens }) => ({
        id: String(id),
        team: String(team),
        ending: String(ending),
        kind: String(kind),
        tokens: Number(tokens),
      }))
  } finally {
    db.close()
  }
}

/** What a watcher of Redis saw. */
export interface Seen {
  /** The most that was used and held at once, by budget. */
  readonly most: ReadonlyMap<string, number>
  readonly looks: number
}

/** Looks at the accounts in Redis again and again, past Bursar and beside this thread. @returns what ends it */
export function watchRedis(url: string): () => Promise<Seen> {
  const worker = new Worker(new URL('./redis-watcher.ts', import.meta.url), { workerData: url })
  return async () => {
    worker.postMessage('stop')
    const [seen] = (await once(worker, 'message')) as [Seen]
    await worker.terminate()
    return seen
  }
}

interface Doctor {
  readonly differences: readonly unknown[]
  readonly calls_in_flight: number
  readonly trouble?: string | null
}

/** Undefined while the Bursar there can't say. */
export async function doctorOf(url: string): Promise<Doctor | undefined> {
  return api<Doctor>(url, 'doctor').catch(() => undefined)
}

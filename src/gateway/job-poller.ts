import { addCounts, type Billing, chargedCounts, type OtherPart, type TokenCounts, type Usage } from '../domain/usage/usage.ts'
import { costOf, type EndedCall, type OpenHold } from '../domain/call.ts'
import type { Engine } from '../engine/engine.ts'
import type { ObjectBook } from '../engine/object-book.ts'
import type { Clock } from '../engine/ports.ts'
import { modelId } from '../domain/usage/model-id.ts'
import type { AnswerReading, ApiShape, JobReader, JobStatus } from '../providers/provider.ts'
import { type Estimates, usageOf } from './ending.ts'
import { byModel } from './by-model.ts'
import { askProvider, eachLine } from './provider-file.ts'
import type { Upstream } from './upstream.ts'

export interface JobPollerDeps {
  readonly engine: Pick<Engine, 'deferred' | 'settle' | 'priced'>
  readonly upstreams: readonly Upstream[]
  readonly objects: ObjectBook
  readonly clock: Clock
  /** Counts the tokens of a text. */
  readonly countTokens: (text: string) => number
  readonly ended: (call: EndedCall) => void
  readonly log: (message: string, error?: unknown) => void
}

type Deferred = Awaited<ReturnType<Engine['deferred']>>[number]

const FIRST_DELAY_MS = 1000
const DELAY_FACTOR = 1.5
const DELAY_MAX_MS = 60_000

interface Next {
  at: number
  delayMs: number
}

/**
 * Asks providers what became of the work that went on after their answers, more and more seldom, and settles its calls. What
 * is open stands in the ledger, so that another process goes on where this one ended.
 */
export class JobPoller {
  readonly #deps: JobPollerDeps
  readonly #next = new Map<string, Next>()
  #isRunning = false

  constructor(deps: JobPollerDeps) {
    this.#deps = deps
  }

  /** Asks for what is due; meant to run every second. Never throws. */
  async tick(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      const jobs = Map.groupBy(await this.#deps.engine.deferred(), ({ call, job }) => `${call.attributes.provider}\n${job}`)
      for (const name of this.#next.keys()) if (!jobs.has(name)) this.#next.delete(name)
      await Promise.all([...jobs].map(([name, holds]) => this.#askInTime(name, holds)))
    } finally {
      this.#isRunning = false
    }
  }

  async #askInTime(name: string, holds: readonly Deferred[]): Promise<void> {
    const now = this.#deps.clock.now()
    const next = this.#next.get(name) ?? { at: now + FIRST_DELAY_MS, delayMs: FIRST_DELAY_MS }
    this.#next.set(name, next)
    if (next.at > now) return
    next.delayMs = Math.min(DELAY_MAX_MS, next.delayMs * DELAY_FACTOR)
    next.at = now + next.delayMs
    try {
      await this.#ask(holds)
    } catch (error) {
      this.#deps.log(`the job ${name.replace('\n', '/')} can't be asked for; it is asked again`, error)
    }
  }

  async #ask(holds: readonly Deferred[]): Promise<void> {
    const [first] = holds
    const upstream = this.#deps.upstreams.find(({ name }) => name === first?.call.attributes.provider)
    const reader = upstream === undefined || first === undefined ? undefined : jobReaderOf(upstream.shape, first)
    // Without its provider in the config a job can only be waited for.
    if (upstream === undefined || first === undefined || reader === undefined) return
    const status = await statusOf(upstream, reader, first.job)
    if (status === 'gone') return await this.#settle(holds, () => 'held')
    if (status.kind === 'working') return
    if (status.kind === 'answered') return await this.#settle(holds, (hold) => this.#pricedOf(status.reading, hold))
    await this.#rememberKept(upstream, first.job, status.kept)
    const bills = await this.#billsOf(upstream, reader, { status, holds })
    await this.#settle(holds, (hold) => bills.get(hold)?.usage() ?? { kind: 'none' })
  }

  async #settle(holds: readonly Deferred[], usage: (hold: Deferred) => Usage | 'held'): Promise<void> {
    for (const hold of holds) {
      const endedAt = this.#deps.clock.now()
      const ended = await this.#deps.engine.settle({ call: hold.call.id, endedAt, ending: 'done', status: 200, usage: usage(hold) })
      if (ended !== undefined) this.#deps.ended(ended)
    }
  }

  /** The files of a job's results are of whom the job is. */
  async #rememberKept({ name }: Upstream, job: string, kept: readonly string[]): Promise<void> {
    if (kept.length === 0) return
    const owner = (await this.#deps.objects.ownersOf(name, [job])).get(job)
    if (owner !== undefined) await this.#deps.objects.remember(name, kept, owner)
  }

  #pricedOf(reading: AnswerReading, hold: OpenHold): Usage | 'held' {
    return this.#deps.engine.priced(hold.call, byModel(this.#usageOf(reading, hold), reading, hold.call))
  }

  #usageOf(reading: AnswerReading, hold: OpenHold): Usage | 'held' {
    const estimates: Estimates = {
      input: () => hold.input,
      inputUntold: () => hold.input,
      text: this.#deps.countTokens,
      outputExpected: () => hold.output,
      showsAll: false,
      rules: {},
      isBackground: false,
    }
    return usageOf({ kind: 'answered', status: 200, reading }, estimates)
  }

  /** What each of the calls used, by the lines of the job's results. */
  async #billsOf(
    upstream: Upstream,
    { headers }: JobReader,
    { status, holds }: { readonly status: JobStatus & { kind: 'results' }; readonly holds: readonly Deferred[] },
  ): Promise<ReadonlyMap<Deferred, Bill>> {
    const bills = new Map(holds.map((hold) => [hold, new Bill(hold)]))
    for (const path of status.paths) {
      await eachLine(upstream, { path, headers }, (line) => {
        const answer = status.answerOn(line)
        const hold = answer === undefined ? undefined : holdOf(holds, answer.model)
        const usage = answer === undefined || hold === undefined ? undefined : this.#pricedOf(answer.reading, hold)
        if (hold !== undefined && usage !== undefined && usage !== 'held') bills.get(hold)?.add(usage)
      })
    }
    return bills
  }
}

/** The sum of the answers of a batch, each at its own price: what a long context costs is decided answer by answer. */
class Bill {
  readonly #hold: OpenHold
  #counts: TokenCounts = {}
  #costNanoUsd = 0
  /** By model. */
  readonly #others = new Map<string, { readonly counts: TokenCounts; readonly costNanoUsd: number }>()
  #requests = 0
  #why: string | undefined

  constructor(hold: OpenHold) {
    this.#hold = hold
  }

  add(usage: Usage): void {
    if (usage.kind === 'none') return
    const { price } = this.#hold.call
    this.#requests++
    this.#counts = addCounts(this.#counts, usage.counts)
    this.#costNanoUsd += costOf(chargedCounts(usage.counts), price, inBatch(usage.billing))
    for (const other of usage.others ?? []) this.#addOther(other)
    if (usage.kind === 'estimated') this.#why = usage.why
  }

  #addOther({ model, counts, billing, price = this.#hold.call.price }: OtherPart): void {
    const before = this.#others.get(model) ?? { counts: {}, costNanoUsd: 0 }
    const cost = costOf(chargedCounts(counts), price, inBatch(billing))
    this.#others.set(model, { counts: addCounts(before.counts, counts), costNanoUsd: before.costNanoUsd + cost })
  }

  #otherParts(): readonly OtherPart[] | undefined {
    if (this.#others.size === 0) return undefined
    return [...this.#others].map(([model, { counts, costNanoUsd }]) => ({ model, counts, billing: { tier: 'batch', costNanoUsd } }))
  }

  usage(): Usage {
    if (this.#requests === 0) return { kind: 'none' }
    const counts = { ...this.#counts, requests: this.#requests }
    const billing = { tier: 'batch', costNanoUsd: this.#costNanoUsd } as const
    const used = { counts, billing, others: this.#otherParts() }
    return this.#why === undefined ? { kind: 'reported', ...used } : { kind: 'estimated', ...used, why: this.#why }
  }
}

/** An answer of a batch, whether it says so or not. */
function inBatch(billing: Billing | undefined): Billing {
  return { ...billing, tier: billing?.tier === 'regional' ? 'batch_regional' : (billing?.tier ?? 'batch') }
}

function holdOf(holds: readonly Deferred[], model: string): Deferred | undefined {
  const id = modelId(model)
  const ofModel = holds.find(({ call }) => call.attributes.model === id)
  return ofModel ?? holds.find(({ call }) => call.attributes.otherModels?.includes(id) === true) ?? holds[0]
}

function jobReaderOf({ endpoints }: ApiShape, { call }: OpenHold): JobReader | undefined {
  for (const { name, admission } of endpoints) {
    if (name === call.endpoint && admission.kind !== 'free' && admission.job !== undefined) return admission.job
  }
  return undefined
}

/** `gone`: the provider does not know it (any more). */
async function statusOf(upstream: Upstream, reader: JobReader, id: string): Promise<JobStatus | 'gone'> {
  const { statusCode, body } = await askProvider(upstream, { path: reader.path(id), headers: reader.headers })
  const bytes = Buffer.from(await body.bytes())
  if (statusCode === 404 || statusCode === 410) return 'gone'
  const status = statusCode === 200 ? reader.read(bytes) : undefined
  if (status === undefined) throw new Error(`the provider answers ${statusCode}`)
  return status
}

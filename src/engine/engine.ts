import type { Budget, BudgetDefinition } from '../domain/budget.ts'
import type { EndedCall, OpenHold } from '../domain/call.ts'
import type { CallId } from '../domain/ids.ts'
import { BudgetBook } from './budget-book.ts'
import { closeEnded, type Closing } from './close.ts'
import type { Clock, Counters, Ids, Journal, OpenState, Prices, SettleRequest, Standing } from './ports.ts'
import { type Change, reconfigure, reset } from './reconfigure.ts'
import { admit, type Admitted, type Refused, type Request } from './reserve.ts'
import { settle } from './settle.ts'
import { endLost, sweep } from './sweep.ts'
import { WaitingLine } from './waiting-line.ts'

export interface EngineDeps {
  readonly counters: Counters
  readonly journal: Journal
  readonly clock: Clock
  readonly ids: Ids
  readonly prices: Prices
  readonly holdTtlMs: number
  readonly onLost: 'charge' | 'release'
}

/** What Bursar does with budgets; the gateway, the API and the timers call nothing else. */
export interface Engine {
  /** See {@link admit}. */
  readonly admit: (request: Request) => Promise<Admitted | Refused>
  /** See {@link settle}. */
  readonly settle: (request: SettleRequest) => Promise<EndedCall | undefined>
  /** See {@link Counters.raise}. */
  readonly raise: Counters['raise']
  /** Leaves an admitted call open while the provider works on at that job; it is settled when the job has ended. */
  readonly defer: (call: CallId, job: string) => Promise<void>
  /** The calls that are open like that. */
  readonly deferred: () => readonly (OpenHold & { readonly job: string })[]
  /** Renews live calls, ends lost ones, closes what has ended; meant to run every second. */
  readonly tick: () => Promise<Closing>
  /** See {@link reconfigure}. */
  readonly reconfigure: (definitions: readonly BudgetDefinition[], change: Change) => Promise<readonly Budget[]>
  /** See {@link reset}. Undefined where there is no such budget. */
  readonly reset: (budget: string, change: Change) => Promise<Budget | undefined>
  /** See {@link closeEnded}. */
  readonly closeEnded: () => Promise<Closing>
  /** All budgets in force and the archived ones. */
  readonly budgets: () => readonly Budget[]
  /** The accounts that are open now. */
  readonly standings: () => readonly Standing[]
  readonly callsInFlight: () => number
}

/** An engine over restored counters: the calls of a process that died are ended first, before anything is admitted. */
export async function startEngine(deps: EngineDeps, state: OpenState, definitions: readonly BudgetDefinition[]): Promise<Engine> {
  const book = new BudgetBook(state.budgets)
  const line = new WaitingLine(deps.clock)
  const live = new Set<CallId>()
  const all = { ...deps, book, line, live }
  await endLost(
    all,
    state.holds.filter(({ job }) => job === undefined).map(({ call }) => call.id),
  )
  await closeEnded(all)
  await reconfigure(all, definitions, { actor: 'config', reason: 'the config file' })
  const serially = oneAtATime()
  return {
    admit: (request) => admit(all, request),
    settle: (request) => {
      live.delete(request.call)
      return settle(all, request)
    },
    raise: (call, outputMax) => deps.counters.raise(call, outputMax),
    defer: async (call, job) => {
      await deps.counters.defer(call, job, deps.clock.now() + JOB_TTL_MS)
      live.delete(call)
    },
    deferred: () => [...deps.counters.holds()].filter(isDeferred),
    tick: () =>
      serially(async () => {
        await sweep(all, (call) => live.has(call))
        return closeEnded(all)
      }),
    reconfigure: (wanted, change) => serially(() => reconfigure(all, wanted, change)),
    reset: (id, change) =>
      serially(async () => {
        const budget = book.get(id)
        return budget === undefined || budget.archivedAt !== undefined ? undefined : reset(all, budget, change)
      }),
    closeEnded: () => serially(() => closeEnded(all)),
    budgets: () => book.all(),
    standings: () => currentStandings(deps.counters, deps.clock.now()),
    callsInFlight: () => live.size,
  }
}

/** The longest that a provider works on: a batch has a day or two, and its results stay for weeks. */
const JOB_TTL_MS = 7 * 86_400_000

function isDeferred(hold: OpenHold): hold is OpenHold & { readonly job: string } {
  return hold.job !== undefined
}

function currentStandings(counters: Counters, now: number): readonly Standing[] {
  return [...counters.standings()].filter(({ period, budget }) => period.endsAt > now && budget.archivedAt === undefined)
}

/** Changes to budgets and accounts run one after the other; calls are not held up by them. */
function oneAtATime(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (run) => {
    const next = last.then(run, run)
    last = next.catch(() => undefined)
    return next
  }
}

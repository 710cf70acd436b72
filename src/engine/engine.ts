import { openAccount } from '../domain/accounts/account.ts'
import { accountPeriod, type Budget, type BudgetDefinition } from '../domain/budgets/budget.ts'
import type { Call, EndedCall, OpenHold } from '../domain/call.ts'
import type { AccountKey, CallId } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { Usage } from '../domain/usage/usage.ts'
import type { KeyRow } from '../domain/record.ts'
import { BudgetBook } from './budget-book.ts'
import { CallMap } from './call-map.ts'
import { ClockTrust } from './clock-trust.ts'
import { type CloseDeps, closeEnded, type Closing } from './close.ts'
import { oneAtATime } from './one-at-a-time.ts'
import type { Catalog, Clock, Counters, Ids, Journal, Prices, SettleRequest, Standing } from './ports.ts'
import { type Change, cutContinued, reconfigure, reset } from './reconfigure.ts'
import { admit, type Admitted, type Refused, type Request } from './reserve.ts'
import { settle, withPrices } from './settle.ts'
import { endLost, type LiveCalls, sweep } from './sweep.ts'
import { WaitingLine } from './waiting-line.ts'

export interface EngineDeps {
  readonly counters: Counters
  readonly catalog: Catalog
  readonly journal: Journal
  readonly clock: Clock
  readonly ids: Ids
  readonly prices: Prices
  readonly holdTtlMs: number
  readonly onLost: 'charge' | 'release'
  /** Milliseconds that only go forward, whatever the clock does; absent: the process's own. */
  readonly monotonic?: () => number
  /** Hears of the keys whenever another process may have changed them. */
  readonly onKeys?: (keys: readonly KeyRow[]) => void
  /** Hears, in one line, of a key that brings more `each` values into a budget than are kept apart. */
  readonly onFull?: (message: string) => void
}

/** What Bursar does with budgets; the gateway, the API and the timers call nothing else. */
export interface Engine {
  /** See {@link admit}. */
  readonly admit: (request: Request) => Promise<Admitted | Refused>
  /** See {@link settle}. */
  readonly settle: (request: SettleRequest) => Promise<EndedCall | undefined>
  /** See {@link withPrices}. */
  readonly priced: (call: Call, usage: Usage | 'held') => Usage | 'held'
  /** See {@link Counters.raise}. */
  readonly raise: Counters['raise']
  /** Leaves an admitted call open while the provider works on at that job; it is settled when the job has ended. */
  readonly defer: (call: CallId, job: string) => Promise<void>
  /** The calls that are open like that. */
  readonly deferred: () => Promise<readonly (OpenHold & { readonly job: string })[]>
  /** Takes over what others changed, renews live calls, ends lost ones, closes what has ended; meant to run every second. */
  readonly tick: () => Promise<Closing>
  /** See {@link reconfigure}. */
  readonly reconfigure: (definitions: readonly BudgetDefinition[], change: Change) => Promise<readonly Budget[]>
  /** See {@link reset}. Undefined where there is no such budget. */
  readonly reset: (budget: string, change: Change) => Promise<Budget | undefined>
  /** See {@link closeEnded}. */
  readonly closeEnded: () => Promise<Closing>
  /** All budgets in force and the archived ones. */
  readonly budgets: () => readonly Budget[]
  /** The accounts that are open now; budgets without `each` always have one, also while it is yet to be opened. */
  readonly standings: () => Promise<readonly Standing[]>
  readonly callsInFlight: () => number
  /** What is wrong with the clock; undefined: nothing. */
  readonly clockWarning: () => string | undefined
}

/**
 * An engine over restored counters: where no other process counts in them, the calls in flight are those of a process that
 * died, and are ended before anything is admitted.
 */
export async function startEngine(deps: EngineDeps, definitions: readonly BudgetDefinition[]): Promise<Engine> {
  const { counters, catalog, clock } = deps
  const book = new BudgetBook(await catalog.read(), deps.onFull)
  const line = new WaitingLine(clock)
  const live: LiveCalls = new CallMap()
  const refresh = async () => {
    const state = await catalog.read()
    book.load(state)
    deps.onKeys?.(state.keys)
  }
  const trust = new ClockTrust(deps.monotonic ?? (() => performance.now()))
  const all = { ...deps, book, line, live, refresh, trust }
  if (!counters.isShared)
    await endLost(
      all,
      (await counters.holds()).filter((hold) => !isDeferred(hold)).map(({ call }) => call.id),
    )
  await cutContinued(all)
  await closeEnded(all)
  await reconfigure(all, definitions, { actor: 'config', reason: 'the config file' })
  // Calls are not held up by changes to budgets and accounts.
  const serially = oneAtATime()
  const close = closer(all)
  let cutVersion: number | undefined
  let deferring = 0
  return {
    admit: (request) => admit(all, request),
    settle: (request) => {
      live.take(request.call)
      return settle(all, request)
    },
    priced: (call, usage) => withPrices(deps.prices, call, usage),
    raise: (call, outputMax) => counters.raise(call, outputMax),
    defer: async (call, job) => {
      // Before it is done: a renewal would take back the time that it is given. Where it fails, its hold expires: nobody would settle it.
      live.take(call)
      deferring++
      await counters.defer(call, job, clock.now() + JOB_TTL_MS).finally(() => deferring--)
    },
    deferred: async () => (await counters.holds()).filter(isDeferred),
    tick: () =>
      serially(async () => {
        await counters.tend()
        if ((await catalog.version()) !== book.version) await refresh()
        // Whoever restarted a budget may have failed, or died, before it ended the accounts, or a store has lost that it did.
        const { version } = book
        if (version !== cutVersion) await cutContinued(all)
        cutVersion = version
        await sweep(all)
        return close()
      }),
    reconfigure: (wanted, change) => serially(() => reconfigure(all, wanted, change)),
    reset: (id, change) =>
      serially(async () => {
        const budget = book.get(id)
        return budget === undefined || budget.archivedAt !== undefined ? undefined : reset(all, budget, change)
      }),
    closeEnded: () => serially(close),
    budgets: () => book.all(),
    standings: async () => currentStandings(await counters.standings(), book, clock.now()),
    callsInFlight: () => live.size + deferring,
    clockWarning: () => trust.warning(),
  }
}

/** Closes what has ended; what it finds waiting is not looked at as new again. */
function closer(deps: CloseDeps): () => Promise<Closing> {
  let waiting: ReadonlySet<AccountKey> = new Set()
  return async () => {
    const closing = await closeEnded(deps, waiting)
    waiting = new Set(closing.waiting.map(({ key }) => key))
    return closing
  }
}

/** The longest that a provider works on: a batch has a day or two, and its results stay for weeks. */
const JOB_TTL_MS = 7 * 86_400_000

function isDeferred(hold: OpenHold): hold is OpenHold & { readonly job: string } {
  return hold.job !== undefined
}

function currentStandings(standings: readonly Standing[], book: BudgetBook, now: EpochMs): readonly Standing[] {
  const open = standings.filter(({ period, budget }) => period.endsAt > now && budget.archivedAt === undefined)
  const standing = new Set(open.map(({ budget }) => budget.id))
  // Their period has only just begun: what they will be before anything has opened them.
  const unopened = book.alwaysOpen().filter(({ id }) => !standing.has(id))
  return [...open, ...unopened.map((budget) => openAccount(budget, null, accountPeriod(budget, now)))]
}

import type { Team, Outcome } from './fault-stage.ts'
import type { Asked } from './fleet.ts'

export const isRefused = ({ status, code }: Asked): boolean => status === 503 && code === 'store_unavailable'

export type Facts = ReturnType<typeof factsOf>

/** What the callers, the provider and the ledger say of a team's calls, held against one another. */
export function factsOf({ asked, calls, produced }: Outcome, team: Team, mayEstimate: boolean) {
  const own = asked.filter((call) => call.team === team)
  const answered = own.filter(({ status }) => status === 200)
  const ledger = new Map(calls.filter((call) => call.team === team && call.tokens > 0).map((call) => [call.id, call]))
  const ids = new Set(answered.map(({ id }) => id))
  const others = [...ledger.values()].filter(({ id }) => !ids.has(id))
  const isAllowed = ({ status, code, retryAfter }: Asked) =>
    status === undefined || status === 200 || (status === 429 && code === 'budget_exceeded') || (status === 503 && retryAfter !== null)
  return {
    answered: answered.length,
    refused: own.filter(isRefused).length,
    broken: own.filter(({ status }) => status === undefined).length,
    /** Answered, and not in the ledger as it was answered. */
    missing: answered.flatMap((call) => {
      const counted = ledger.get(call.id)
      const isThere = counted?.tokens === call.tokens || (mayEstimate && counted?.kind === 'estimated')
      return isThere ? [] : [{ call, counted }]
    }),
    /** Of calls that the provider did not produce so. */
    unexplained: answered.filter(({ name, tokens }) => produced.get(name) !== tokens),
    otherwise: own.filter((call) => !isAllowed(call)),
    estimated: others.filter(({ kind }) => kind === 'estimated').length,
    unheard: others.filter(({ kind }) => kind !== 'estimated').length,
    counted: [...ledger.values()].reduce((sum, { tokens }) => sum + tokens, 0),
  }
}

export function inWords({ answered, refused, broken, missing, estimated, unheard, counted }: Facts): string {
  const parts = [`${answered} answered`, `${refused} refused`, `${broken} broken off`, `${missing.length} missing`]
  const more = [`${estimated} estimated`, `${unheard} charged unheard`, `${counted} tokens counted`]
  return [...parts, ...more].join(', ')
}

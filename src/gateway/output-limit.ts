import type { EndedCall } from '../domain/call.ts'
import type { CallBound } from '../domain/usage/bound.ts'
import type { Distrusts } from '../engine/distrust.ts'
import type { Engine } from '../engine/engine.ts'
import type { ExpectedOutput } from '../engine/expected-output.ts'
import type { Admitted } from '../engine/reserve.ts'
import type { Metered, OutputCount, RequestFacts } from '../providers/provider.ts'
import type { Caller } from './caller.ts'
import type { CallEnd } from './ending.ts'
import { GUARD_MARGIN, OutputGuard } from './output-guard.ts'
import type { Route } from './route.ts'
import type { Target } from './upstream.ts'

/*
 * How much output a call may have: what it holds, what its provider is told, and what ends an answer that does not keep to it. A
 * provider and model that once passed a maximum are told maxima, but nothing relies on them: their calls hold all that they may come to.
 */

export interface OutputLimitDeps {
  readonly engine: Pick<Engine, 'raise'>
  readonly outputMaxOf: (route: Route, model: string) => number
  readonly expectedOutput: ExpectedOutput
  readonly distrusts: Distrusts
}

/** What of a request decides its output. */
export interface LimitedRequest {
  readonly metered: Metered
  readonly route: Route
  readonly facts: RequestFacts
  readonly target: Target
  readonly caller: Caller
  /** True where its stream shows all that the model produces. */
  readonly showsAll: boolean
}

/** What keeps an answer within its hold: a maximum that the provider is told, or a guard that raises the hold or ends it. */
export interface Limit {
  /** Absent: the request's own, or the model's. */
  readonly outputMax?: number
  readonly guard?: OutputGuard
  /** True where the guard ends what its provider should have ended. */
  readonly isCut?: boolean
}

/** @param input the bound of its input, in tokens */
export function boundOf(deps: OutputLimitDeps, asked: LimitedRequest, input: number): CallBound {
  const { facts, caller } = asked
  const outputMax = wholeOutput(deps, asked)
  const mustFit = !facts.canClamp || isDistrusted(deps, asked)
  const outputMin = mustFit ? outputMax : Math.min(facts.outputMin, outputMax)
  const { choices, audioSeconds = 0, tier } = facts
  const bound = { input, outputMax, outputMin, choices, audioSeconds, ...(tier === undefined ? {} : { tier }) }
  if (facts.outputMax !== undefined || mustFit) return bound
  const isRaisable = countOf(asked) !== undefined
  const { expectedOutput } = deps
  const expected = isRaisable ? expectedOutput.startOf(caller.outputName) : expectedOutput.of(caller.outputName)
  return { ...bound, isRaisable, outputExpected: Math.min(outputMax, Math.max(outputMin, expected)) }
}

/** All that a choice may come to: its own maximum, else the model's; more where that model was seen to produce more than it was told. */
function wholeOutput(deps: OutputLimitDeps, { facts, route, target }: LimitedRequest): number {
  const outputMax = facts.outputMax ?? deps.outputMaxOf(route, target.model)
  return facts.canClamp ? Math.max(outputMax, deps.distrusts.outputOf(target.upstream.name, target.model) ?? 0) : outputMax
}

function isDistrusted({ distrusts }: OutputLimitDeps, { facts, target }: LimitedRequest): boolean {
  return facts.canClamp && distrusts.outputOf(target.upstream.name, target.model) !== undefined
}

/** How to count an answer while it comes, where that is to be done: a stream without a maximum of its own that shows all of it. */
function countOf({ metered, facts, showsAll, target }: LimitedRequest): OutputCount | undefined {
  if (!showsAll || facts.outputMax !== undefined) return undefined
  return metered.countOutput?.(target.model)
}

export function limitOf(deps: OutputLimitDeps, asked: LimitedRequest, { call, outputMax, outputRoom, isClamped }: Admitted): Limit {
  const { facts, target, route } = asked
  const { choices } = facts
  if (!isClamped) {
    const told = facts.isEndless === true ? { outputMax } : {}
    return isDistrusted(deps, asked) ? { ...told, ...cutAt(asked, outputMax * choices) } : told
  }
  const count = countOf(asked)
  const isRoomy = outputRoom >= deps.outputMaxOf(route, target.model) && facts.isEndless !== true
  if (count === undefined || outputMax * choices < 4 * GUARD_MARGIN)
    return { outputMax, ...(isRoomy ? {} : cutAt(asked, outputMax * choices)) }
  const guard = new OutputGuard({
    held: outputMax * choices,
    most: outputRoom * choices,
    count,
    raise: async (to) => (await deps.engine.raise(call.id, Math.floor(to / choices))) * choices,
  })
  return isRoomy ? { guard } : { guard, outputMax: outputRoom }
}

/** The tokenizer at hand counts up to so many times as many tokens as a model's own does: no honest answer is cut. */
const OTHER_TOKENIZERS = 1.25

/** Ends a stream that shows more than it holds, as if its maximum were reached: its provider should have, and did not. */
function cutAt({ metered, facts, target }: LimitedRequest, held: number): Pick<Limit, 'guard' | 'isCut'> {
  const count = facts.isStream ? metered.countOutput?.(target.model) : undefined
  if (count === undefined) return {}
  const { tokens, atMost } = count('a')
  const most = Math.ceil(held * (atMost > tokens ? OTHER_TOKENIZERS : 1)) + GUARD_MARGIN
  return { guard: new OutputGuard({ held: most, most, count, raise: async () => most }), isCut: true }
}

/** A call that ended, and what it was allowed. */
export interface LimitedEnd {
  readonly limit: Limit
  readonly end: CallEnd
  readonly ended: EndedCall
}

/**
 * Remembers a model that produced more than it was told; its calls hold all that they may come to from then on.
 * @returns once that is durable
 */
export async function noteExcess(
  { distrusts }: OutputLimitDeps,
  { facts, target }: LimitedRequest,
  { outputMax, isClamped }: Admitted,
  { limit, end, ended }: LimitedEnd,
): Promise<void> {
  const isTold = facts.canClamp && (isClamped || facts.outputMax !== undefined)
  const output = outputKnown({ limit, end, ended })
  const covered = limit.guard === undefined || limit.isCut === true ? outputMax * facts.choices : limit.guard.held
  if (isTold && output > covered) await distrusts.exceeded(target.upstream.name, target.model, Math.ceil(output / facts.choices))
}

/** What the model itself had, as reported, or as shown by a stream that was cut; what other models had beside it, they were not told. */
function outputKnown({ limit, end, ended: { usage } }: LimitedEnd): number {
  const isKnown = usage.kind === 'reported' || (end.kind === 'stopped' && limit.isCut === true)
  return isKnown && usage.kind !== 'none' ? (usage.counts.output?.total ?? 0) : 0
}

import type { EndedCall } from '../domain/call.ts'
import type { InputMargins } from '../engine/input-margins.ts'
import type { JsonObject, Metered, RequestFacts } from '../providers/provider.ts'
import type { Caller } from './caller.ts'

export interface InputBoundDeps {
  readonly inputMargins: InputMargins
  /** Counts the tokens of a text. */
  readonly countTokens: (text: string) => number
  /** The text by which a tokenizer counts a request's input; undefined where that is more than text, or long. */
  readonly countableText: (json: JsonObject, hiddenTokens: number) => string | undefined
  readonly events: { readonly defect: (error: unknown) => void }
}

interface Counted {
  readonly metered: Metered
  readonly body: Buffer
  readonly json: () => JsonObject
  readonly facts: RequestFacts
  readonly caller: Caller
}

/**
 * How to bound a request's input more tightly than by its bytes: by the model's own tokenizer, else by the one at hand and the
 * margin that was learnt for the model. Undefined where neither is known, or the input may be more than the request.
 */
export function refinedInput(deps: InputBoundDeps, asked: Counted): (() => number) | undefined {
  const { metered, json, facts } = asked
  if (facts.unknownInput !== undefined) return undefined
  const model = asked.caller.inputName
  const isLearnt = deps.inputMargins.isLearnt(model)
  if (metered.refineInputBound === undefined && !isLearnt) return undefined
  return () => {
    const exact = metered.refineInputBound?.(json()) ?? Infinity
    return exact < Infinity || !isLearnt ? exact : boundByMargin(deps, model, asked)
  }
}

function boundByMargin(deps: InputBoundDeps, model: string, { body, json, facts }: Counted): number {
  const hidden = facts.inputBound - body.length
  const text = deps.countableText(json(), hidden)
  return text === undefined ? Infinity : deps.inputMargins.boundOf(model, deps.countTokens(text)) + hidden
}

/** Learns from a call that ended, once what is urgent is done: counting takes some milliseconds. */
export function observeInput(deps: InputBoundDeps, { body, json, facts, caller }: Counted, { tokens, overrun, endedAt }: EndedCall): void {
  const model = caller.inputName
  if (facts.continues !== undefined || facts.unknownInput !== undefined || !deps.inputMargins.wants(model, overrun > 0, endedAt)) return
  setImmediate(() => {
    try {
      const hidden = facts.inputBound - body.length
      const text = deps.countableText(json(), hidden)
      if (text !== undefined) deps.inputMargins.observe(model, deps.countTokens(text), Math.max(0, tokens.input.total - hidden))
    } catch (error) {
      deps.events.defect(error)
    }
  })
}

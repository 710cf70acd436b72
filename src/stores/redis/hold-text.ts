import { type Amount, AMOUNT_MAX } from '../../domain/amount.ts'
import { amountFor, type CallBound, type Demand, demandIn } from '../../domain/usage/bound.ts'
import type { Call, Hold } from '../../domain/call.ts'
import { assert } from '../../domain/defect.ts'
import { type AccountKey, parseAccountKey, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Price } from '../../domain/usage/price.ts'
import type { Attributes } from '../../domain/budgets/scope.ts'
import { hasFields } from '../ledger/row.ts'
import { textOf } from '../ledger/call-kind.ts'

/**
 * A hold as the scripts store it: `outputMax|outputRoom|amount,amount…|expiresAt|text`. What stands before the text they decide; in the
 * text is what a process knows beforehand: of its bound's cost, that is a line in the output that is decided only then.
 */
export interface StoredHold {
  readonly outputMax: number
  readonly outputRoom: number
  readonly amounts: readonly Amount[]
  readonly text: string
}

/** What stands in the text. */
interface HoldText {
  readonly call: Call
  readonly accounts: readonly AccountKey[]
  readonly input: number
  readonly choices: number
  /** Of the bound's cost. */
  readonly cost: Demand
  /** The output that was asked for, where the hold is of an expectation; 0: it is not. */
  readonly outputAsked: number
}

const NO_COST: Demand = { fixed: 0, perOutput: 0, scale: 1 }

/** The line of the bound's cost. */
export function costLine(call: Call, bound: CallBound): Demand {
  return (bound.price ?? call.price) === undefined ? NO_COST : demandIn({ unit: 'usd' }, bound, call.price)
}

/** The text of a call that is about to be reserved. */
export function holdText(call: Call, bound: CallBound, accounts: readonly AccountKey[]): string {
  const outputAsked = bound.outputExpected === undefined ? 0 : bound.outputMax
  return toText({ call, accounts, input: bound.input, choices: bound.choices, cost: costLine(call, bound), outputAsked })
}

/** A hold that was decided before, as the ledger has it. */
export function storedHold(hold: Hold): StoredHold {
  const { call, charges, input, output, costNanoUsd, isSpared } = hold
  const accounts = charges.map(({ account }) => account)
  const cost = { fixed: costNanoUsd, perOutput: 0, scale: 1 }
  const text = toText({ call, accounts, input, choices: 1, cost, outputAsked: isSpared ? output + 1 : 0 })
  return { outputMax: output, outputRoom: output, amounts: charges.map(({ amount }) => amount), text }
}

export function toStored(hold: StoredHold, expiresAt: EpochMs): string {
  return `${headOf(hold)}${expiresAt}|${hold.text}`
}

/** What of a stored hold was decided by the store. */
export function headOf({ outputMax, outputRoom, amounts }: StoredHold): string {
  return `${outputMax}|${outputRoom}|${amounts.join(',')}|`
}

/** @throws Defect where it is no stored hold */
export function fromStored(stored: string): StoredHold & { readonly expiresAt: EpochMs } {
  const [, outputMax, outputRoom, amounts = '', expiresAt, text = ''] = STORED.exec(stored) ?? []
  assert(text !== '', 'a stored hold has a text')
  return {
    outputMax: Number(outputMax),
    outputRoom: Number(outputRoom),
    amounts: amounts === '' ? [] : amounts.split(',').map(Number),
    expiresAt: Number(expiresAt),
    text,
  }
}

const STORED = /^(\d+)\|(\d+)\|([\d,]*)\|(\d+)\|([\s\S]*)$/

/** The hold that is stored so. */
export function toHold(stored: string): Hold {
  const { expiresAt, ...decided } = fromStored(stored)
  return holdOf(decided, expiresAt)
}

/** The hold of what was decided. */
function holdOf({ outputMax, outputRoom, amounts, text }: StoredHold, expiresAt: EpochMs): Hold {
  const { call, accounts, input, choices, cost, outputAsked } = fromText(text)
  return {
    call,
    charges: accounts.map((account, i) => ({ account, amount: amounts[i] ?? 0 })),
    input,
    output: Math.min(outputMax * choices, AMOUNT_MAX),
    costNanoUsd: amountFor(cost, outputMax),
    expiresAt,
    isSpared: outputRoom < outputAsked,
  }
}

/** JSON, and behind tabs what calls have in common, as texts that are made and read once. */
const DIVIDER = '\t'

function toText({ call, accounts, input, choices, cost, outputAsked }: HoldText): string {
  const { id, admittedAt, endpoint, attributes, price } = call
  const own = [id, admittedAt, endpoint, input, choices, cost.fixed, cost.perOutput, cost.scale, outputAsked, accounts]
  return JSON.stringify(own) + DIVIDER + textOf(attributes) + DIVIDER + (price === undefined ? '' : textOf(price))
}

type Own = readonly [string, number, string, number, number, number, number, number, number, readonly string[]]

function fromText(text: string): HoldText {
  const [json = '', attributesJson = '', priceJson = ''] = text.split(DIVIDER)
  const own: unknown = JSON.parse(json)
  assert(isOwn(own), 'the text of a hold is of its kind')
  const [id, admittedAt, endpoint, input, choices, fixed, perOutput, scale, outputAsked, accounts] = own
  const attributes = knownAttributes(attributesJson)
  const price = knownPrice(priceJson)
  return {
    call: { id: toCallId(id), admittedAt, attributes, endpoint, ...(price === undefined ? {} : { price }) },
    accounts: accounts.map(parseAccountKey),
    input,
    choices,
    cost: { fixed, perOutput, scale },
    outputAsked,
  }
}

/** The same object for the same text. */
function knownAttributes(json: string): Attributes {
  return known(json, isAttributes)
}

/** As {@link knownAttributes}. @param json empty where there is none */
function knownPrice(json: string): Price | undefined {
  return json === '' ? undefined : known(json, isPrice)
}

const isAttributes = hasFields<Attributes>('provider', 'model', 'tags')
const isPrice = hasFields<Price>('inputPico', 'cachedInputPico', 'cacheWritePico', 'outputPico')

function isOwn(value: unknown): value is Own {
  return Array.isArray(value) && value.length === 10 && typeof value[0] === 'string' && Array.isArray(value[9])
}

const KNOWN_MAX = 10_000
const KNOWN_LENGTH_MAX = 4000
const objects = new Map<string, unknown>()

/** The same object for the same text: what calls have in common is read once. */
function known<T>(json: string, isKind: (value: unknown) => value is T): T {
  const value: unknown = objects.get(json) ?? JSON.parse(json)
  assert(isKind(value), 'a part of a hold is of its kind')
  if (json.length > KNOWN_LENGTH_MAX) return value
  if (objects.size >= KNOWN_MAX) objects.clear()
  objects.set(json, value)
  return value
}

import { modelId } from '../domain/usage/model-id.ts'
import { addCounts, type Billing, chargedCounts, type OtherPart, type TokenCounts, totalTokens, type Usage } from '../domain/usage/usage.ts'
import type { Attributes } from '../domain/budgets/scope.ts'
import type { AnswerReading, ReportedPart } from '../providers/provider.ts'

/** What is known of a call's models beside what its answer says. */
export interface CalledModels {
  readonly attributes: Pick<Attributes, 'model' | 'otherModels'>
  /** That of the provider's tool that makes images; absent: the one that it documents. */
  readonly imageModel?: string | undefined
}

/** Where neither the request nor the answer names one (https://platform.openai.com/docs/api-reference/responses/create). */
const IMAGE_MODEL = 'gpt-image-1'

type Counted = Exclude<Usage, { kind: 'none' }>

/** The usage of an answer by the models that made it: the called model's own, and the parts of others. */
export function byModel(usage: Usage | 'held', reading: AnswerReading | undefined, called: CalledModels): Usage | 'held' {
  if (usage === 'held' || usage.kind === 'none' || reading === undefined) return usage
  if (reading.others === undefined) return reading.model === undefined ? usage : ofWhoAnswered(usage, reading.model, called)
  return withParts(usage, reading.others, called)
}

/** All of it is that of another model where the answer says so, and the request named it. */
function ofWhoAnswered(usage: Counted, model: string, { attributes }: CalledModels): Usage {
  const { model: own, otherModels } = attributes
  if (otherModels === undefined) return usage
  const id = modelId(model)
  if (id === own || !otherModels.includes(id)) return usage
  const { billing, counts, ...rest } = usage
  return { ...rest, counts: NOT_ASKED, others: [{ model, counts, billing }] }
}

/** The called model did not answer. */
const NOT_ASKED: TokenCounts = { requests: 0 }

function withParts(usage: Counted, parts: readonly ReportedPart[], called: CalledModels): Usage {
  let { counts } = usage
  const others: OtherPart[] = []
  for (const { model, counts: ofPart } of parts) {
    const name = typeof model === 'string' ? model : (called.imageModel ?? imageModelOf(called))
    if (modelId(name) === called.attributes.model) counts = addCounts(counts, ofPart)
    else others.push({ model: name, counts: ofPart, billing: billingOfPart(usage.billing, model) })
  }
  if (others.length === 0) return { ...usage, counts }
  return { ...usage, counts: totalTokens(chargedCounts(counts)) === 0 ? { ...counts, ...NOT_ASKED } : counts, others }
}

/** A cost that the provider names is that of the whole answer. A tool's model has classes of its own. */
function billingOfPart(billing: Billing | undefined, model: ReportedPart['model']): Billing | undefined {
  if (billing?.costNanoUsd !== undefined) return { costNanoUsd: 0 }
  return typeof model === 'string' ? billing : undefined
}

function imageModelOf({ attributes }: CalledModels): string {
  return attributes.otherModels?.find((model) => model.includes('image')) ?? IMAGE_MODEL
}

import { asObject } from '../answer.ts'
import { InvalidRequest, type JsonObject, type PathValues, type RequestFacts } from '../provider.ts'
import { parseObjectBody, toModel } from '../request-body.ts'
import { countIn, objectIn } from '../request-fields.ts'
import { isStoredPrompt } from './family.ts'

/** A request as it was read. */
export interface ReadRequest {
  readonly facts: RequestFacts
  readonly json: JsonObject
}

/**
 * The model in the path and the object in the body, in which no member that sets a maximum stands twice.
 * @throws InvalidRequest
 */
export function parseBedrockRequest(body: Buffer, { model = '' }: PathValues): { readonly model: string; readonly json: JsonObject } {
  toModel(model, 'the model in the path')
  if (isStoredPrompt(model)) {
    throw new InvalidRequest('a stored prompt has its text and its maximum output at AWS, so that Bursar cannot bound it: send its text')
  }
  const json = parseObjectBody(body)
  return { model, json }
}

/** The least maximum that Claude accepts where it thinks: above what it may think; 1 for all else. */
export function leastOutput(fields: JsonObject): number {
  for (const name of ['thinking', 'reasoning_config']) {
    const { type, budget_tokens: budget } = objectIn(fields, name) ?? {}
    if (type === 'enabled') return (countIn({ budget_tokens: budget }, 'budget_tokens') ?? 0) + 1
  }
  return 1
}

/** Nova 2 takes no maximum where it thinks as much as it can (https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html). */
export function refusesMaximum(fields: JsonObject): boolean {
  return asObject(fields['reasoningConfig'])?.['maxReasoningEffort'] === 'high'
}

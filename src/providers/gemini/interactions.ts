import { type TokenCounts, toCount } from '../../domain/usage/usage.ts'
import { type AnswerParts, asObject, asObjects, createSseAnswer, readWhole, ReadingSoFar, stringIn, textOf } from '../answer.ts'
import { backgroundJob } from '../background-job.ts'
import { readBilling } from '../billing.ts'
import { geminiReferences, ONE } from '../kept.ts'
import { jsonMembers, spliceBytes } from '../json-members.ts'
import { type MemberPath } from '../member-path.ts'
import { lowerMaxima, outputMaxIn } from '../output-maxima.ts'
import { type JsonObject, type Metered, type OutgoingBody, type RequestChanges, type RequestFacts } from '../provider.ts'
import { parseObjectBody, setMember, toModel } from '../request-body.ts'
import { flagIn } from '../request-fields.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'
import { boundInteractionInput } from './interaction-input.ts'
import { estimateRequest } from '../request-text.ts'

/* The Interactions API (https://ai.google.dev/gemini-api/docs/interactions): a model or an agent, whole or in events. */

const CONFIG = 'generation_config'
const MAXIMA: readonly MemberPath[] = [[CONFIG, 'max_output_tokens']]

/** @throws InvalidRequest */
function readInteractionRequest(body: Buffer): { facts: RequestFacts; json: JsonObject } {
  const json = parseObjectBody(body)
  const model = toModel(json['model'] ?? json['agent'], '"model" or "agent"')
  const isAgent = json['model'] === undefined
  return {
    json,
    facts: {
      model,
      isStream: flagIn(json, 'stream') === true,
      ...boundInteractionInput(json, model, body.length),
      ...outputMaxIn(json, { own: MAXIMA, hasEndless: true }),
      outputMin: 1,
      canClamp: !isAgent,
      choices: 1,
      isBackground: flagIn(json, 'background') === true,
      tier: undefined,
    },
  }
}

function prepareInteraction(body: Buffer, _facts: RequestFacts, { model, outputMax }: RequestChanges): OutgoingBody {
  const members = jsonMembers(body)
  const splices = [
    ...(model === undefined ? [] : [setMember(body, members, 'model', JSON.stringify(model))]),
    ...(outputMax === undefined ? [] : lowerMaxima(body, members, { own: MAXIMA, max: outputMax })),
  ]
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

/** Prompts of tools stand outside of the input's count, thoughts outside of the output's. */
function readInteractionUsage(usage: JsonObject | undefined): TokenCounts | undefined {
  const input = toCount(usage?.['total_input_tokens'])
  if (usage === undefined || input === undefined) return undefined
  const output = toCount(usage['total_output_tokens'])
  const reasoning = toCount(usage['total_thought_tokens'])
  return tokenCounts({
    input: input + (toCount(usage['total_tool_use_tokens']) ?? 0),
    output: output === undefined ? reasoning : output + (reasoning ?? 0),
    cachedInput: toCount(usage['total_cached_tokens']),
    reasoning,
    audioInput: countOf('audio', usage['input_tokens_by_modality']),
    audioOutput: countOf('audio', usage['output_tokens_by_modality']),
    imageOutput: countOf('image', usage['output_tokens_by_modality']),
  })
}

function countOf(wanted: string, counts: unknown): number | undefined {
  return toCount(asObjects(counts).find(({ modality }) => modality === wanted)?.['tokens'])
}

function readInteractionParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (interaction: JsonObject): boolean => {
    soFar.keeps(ONE.idsIn(interaction))
    if (interaction['background'] === true || interaction['status'] === 'in_progress') soFar.worksOn(stringIn(interaction, 'id'))
    const reported = asObject(interaction['usage'])
    const usage = readInteractionUsage(reported)
    soFar.report(usage, usage?.output?.total !== undefined, reported)
    soFar.bill(readBilling(undefined, interaction['service_tier']))
    return usage?.output?.total !== undefined
  }
  return {
    whole: (data) => {
      if (data['error'] !== undefined || data['status'] === 'failed') soFar.fail()
      if (!read(data)) soFar.produce(textOf(data['steps'] ?? data['outputs']))
    },
    event: (data) => {
      if (data['error'] !== undefined || data['event_type'] === 'error') soFar.fail()
      const interaction = asObject(data['interaction'])
      if (interaction !== undefined) read(interaction)
      const delta = asObject(data['delta'])
      if (delta !== undefined) soFar.produce(textOf(delta))
    },
    reading: () => soFar.reading(),
  }
}

const readAnswer: Metered['readAnswer'] = (status, body) => readWhole(readInteractionParts(), status, body)

export const interactions: Metered = {
  kind: 'metered',
  readRequest: readInteractionRequest,
  prepare: prepareInteraction,
  estimateInput: estimateRequest,
  referencesIn: geminiReferences,
  keepsAnswer: ({ store }) => store !== false,
  readAnswer,
  job: backgroundJob((id) => `/v1beta/interactions/${id}`, readAnswer),
  readStream: () => createSseAnswer(readInteractionParts()),
}

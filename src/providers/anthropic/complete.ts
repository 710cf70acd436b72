import { type AnswerParts, createSseAnswer, readWhole, ReadingSoFar, stringIn } from '../answer.ts'
import { jsonMembers, spliceBytes } from '../json-members.ts'
import type { JsonObject, Metered } from '../provider.ts'
import { parseBody, setMember } from '../request-body.ts'
import { countIn, flagIn } from '../request-fields.ts'
import { estimateRequest } from '../request-text.ts'
import { boundPromptInput } from './input-bound.ts'

/* Text completions, of before the messages (https://docs.anthropic.com/en/api/complete). They report no usage at all. */

const MAXIMUM = 'max_tokens_to_sample'

function readCompleteParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    if (data['error'] !== undefined && data['error'] !== null) soFar.fail()
    soFar.produce(stringIn(data, 'completion'))
  }
  return { event: read, whole: read, reading: () => soFar.reading() }
}

export const complete: Metered = {
  kind: 'metered',
  readRequest: (body) => {
    const { json, model } = parseBody(body)
    const outputMax = countIn(json, MAXIMUM)
    const isStream = flagIn(json, 'stream') === true
    const input = boundPromptInput(body, json, model)
    return { json, facts: { model, isStream, ...input, outputMax, outputMin: 1, canClamp: true, choices: 1 } }
  },
  prepare: (body, _facts, { model, outputMax }) => {
    if (model === undefined && outputMax === undefined) return { body, hidesUsageChunk: false }
    const members = jsonMembers(body)
    const splices = [
      ...(model === undefined ? [] : [setMember(body, members, 'model', JSON.stringify(model))]),
      ...(outputMax === undefined ? [] : [setMember(body, members, MAXIMUM, String(outputMax))]),
    ]
    return { body: spliceBytes(body, splices), hidesUsageChunk: false }
  },
  estimateInput: estimateRequest,
  readAnswer: (status, body) => readWhole(readCompleteParts(), status, body),
  readStream: () => createSseAnswer(readCompleteParts()),
}

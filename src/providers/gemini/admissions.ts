import { type AnswerParts, readWhole } from '../answer.ts'
import { createJsonAnswer } from '../json-answer.ts'
import { geminiReferences } from '../kept.ts'
import type { Metered } from '../provider.ts'
import { readEmbedParts, readGenerateParts, readPredictParts } from './answer.ts'
import { estimateRequest } from '../request-text.ts'
import { prepareEmbed, prepareGenerate, readEmbedRequest, readGenerateRequest, readPredictRequest } from './request.ts'

function metered(request: Pick<Metered, 'readRequest' | 'prepare'>, parts: () => AnswerParts): Metered {
  return {
    kind: 'metered',
    ...request,
    estimateInput: estimateRequest,
    referencesIn: geminiReferences,
    readAnswer: (status, body) => readWhole(parts(), status, body),
    readStream: (_hides, headers) => createJsonAnswer(parts, headers),
    hasJsonStreams: true,
  }
}

/** What Gemini's API and Vertex admit alike. */
export const generate = metered({ readRequest: readGenerateRequest(false), prepare: prepareGenerate }, readGenerateParts)
export const streamGenerate = metered({ readRequest: readGenerateRequest(true), prepare: prepareGenerate }, readGenerateParts)
export const embed = metered({ readRequest: readEmbedRequest, prepare: prepareEmbed }, readEmbedParts)
export const predict = metered({ readRequest: readPredictRequest, prepare: prepareEmbed }, readPredictParts)

import { anthropic } from './anthropic/shape.ts'
import { bedrock } from './bedrock/shape.ts'
import { gemini } from './gemini/shape.ts'
import { openAi } from './openai/shape.ts'
import type { ApiShape } from './provider.ts'
import { vertex } from './vertex/shape.ts'

/** Every API that Bursar speaks. */
export const apiShapes: readonly ApiShape[] = [openAi, anthropic, bedrock, gemini, vertex]

/** @throws Error where no API has that name */
export function apiShape(api: ApiShape['api']): ApiShape {
  const shape = apiShapes.find((candidate) => candidate.api === api)
  if (shape === undefined) throw new Error(`no API is called ${api}`)
  return shape
}

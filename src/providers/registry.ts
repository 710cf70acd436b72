import { anthropic } from './anthropic/shape.ts'
import { azure } from './azure/shape.ts'
import { bedrock } from './bedrock/shape.ts'
import { cohere } from './cohere/shape.ts'
import { gemini } from './gemini/shape.ts'
import { ollama } from './ollama/shape.ts'
import { openAi } from './openai/shape.ts'
import type { ApiShape } from './provider.ts'
import { vertex } from './vertex/shape.ts'

/** Every API that Bursar speaks. */
export const apiShapes: readonly ApiShape[] = [openAi, anthropic, bedrock, gemini, vertex, azure, cohere, ollama]

const byApi = { openai: openAi, anthropic, bedrock, gemini, vertex, azure, cohere, ollama } as const satisfies Readonly<
  Record<ApiShape['api'], ApiShape>
>

export function apiShape(api: ApiShape['api']): ApiShape {
  return byApi[api]
}

import { anthropic } from './anthropic/shape.ts'
import { openAi } from './openai/shape.ts'
import type { ApiShape } from './provider.ts'

/** Every API that Bursar speaks. */
export const apiShapes: readonly ApiShape[] = [openAi, anthropic]

const byApi = { openai: openAi, anthropic } as const satisfies Readonly<Record<ApiShape['api'], ApiShape>>

export function apiShape(api: ApiShape['api']): ApiShape {
  return byApi[api]
}

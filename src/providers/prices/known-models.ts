import { findProvider } from '@pydantic/genai-prices'
import { modelId } from '../../domain/usage/model-id.ts'

/** The price lists (ids of `@pydantic/genai-prices`) of the providers whose models most calls name. */
const LISTS = ['openai', 'anthropic', 'google', 'aws', 'azure', 'cohere', 'mistral', 'groq', 'deepseek', 'x-ai', 'openrouter'] as const

/** The names ({@link modelId}) of all models that have a list price. */
export function knownModels(): ReadonlySet<string> {
  return new Set(LISTS.flatMap((list) => (findProvider({ providerId: list })?.models ?? []).map(({ id }) => modelId(id))))
}

import { anthropicContextMax } from '../anthropic/context-max.ts'
import { UNKNOWN_CONTEXT_MAX } from '../input-tally.ts'
import { modelName } from './family.ts'

/**
 * The most that a model can read, in tokens, by the beginning of its name, the longest match first. Sources, by vendor: the pages below
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-cards.html.
 */
const CONTEXT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['ai21.', 262_144],
  ['amazon.nova-lite', 300_000],
  ['amazon.nova-micro', 128_000],
  ['amazon.nova-pro', 300_000],
  ['amazon.nova', 1_000_000],
  ['amazon.titan', 42_000],
  ['cohere.', 131_072],
  ['meta.llama4-scout', 10_485_760],
  ['meta.llama4', 1_048_576],
  ['meta.llama3', 131_072],
]

const CLAUDE = 'anthropic.'

/** @param modelId an id, a profile or an ARN; what an opaque one names is not known */
export function bedrockContextMax(modelId: string): number {
  const name = modelName(modelId)
  if (name.startsWith(CLAUDE)) return anthropicContextMax(name.slice(CLAUDE.length))
  return CONTEXT_MAX.find(([prefix]) => name.startsWith(prefix))?.[1] ?? UNKNOWN_CONTEXT_MAX
}

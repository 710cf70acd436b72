import { anthropicOutputMax } from '../anthropic/output-max.ts'
import { modelName } from './family.ts'

/**
 * The most output tokens of a model by its name's beginning, the longest match first. Sources, by vendor: the pages below
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, and for Nova
 * https://docs.aws.amazon.com/nova/latest/userguide/what-is-nova.html.
 */
const OUTPUT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['ai21.j2', 8191],
  ['ai21.jamba', 4096],
  ['amazon.nova-lite', 10_000],
  ['amazon.nova-micro', 10_000],
  ['amazon.nova-premier', 32_000],
  ['amazon.nova-pro', 10_000],
  ['amazon.nova-2', 65_536],
  ['amazon.titan-text-express', 8192],
  ['amazon.titan-text-lite', 4096],
  ['amazon.titan-text-premier', 3072],
  ['amazon.titan-tg1', 8192],
  ['anthropic.claude-instant', 4096],
  ['anthropic.claude-v2', 4096],
  ['cohere.command', 4096],
  ['deepseek.r1', 32_768],
  ['meta.llama3', 8192],
  ['meta.llama4', 8192],
  ['mistral.mistral-7b', 8192],
  ['mistral.mistral-large-24', 8192],
  ['mistral.mistral-small-24', 8192],
  ['mistral.mixtral', 4096],
  ['twelvelabs.pegasus', 4096],
  ['writer.palmyra', 8192],
]

/** Claude's largest is 128,000; open models go up to 2^17. */
const UNKNOWN_OUTPUT_MAX = 131_072

const CLAUDE = 'anthropic.'

export function bedrockOutputMax(modelId: string): number {
  const name = modelName(modelId)
  const known = OUTPUT_MAX.find(([prefix]) => name.startsWith(prefix))?.[1]
  if (known !== undefined) return known
  return name.startsWith(CLAUDE) ? anthropicOutputMax(name.slice(CLAUDE.length)) : UNKNOWN_OUTPUT_MAX
}

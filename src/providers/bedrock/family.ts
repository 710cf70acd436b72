import type { MemberPath } from '../member-path.ts'

/** Models that take the same request. */
export interface Family {
  /** Where a request sets the most output; the first is set where it sets none. None: these models produce no text. */
  readonly maxima: readonly MemberPath[]
  /** The most tokens that one image counts. */
  readonly imageTokensMax: number
}

/** Larger than any image of the families here but Claude's: Qwen3-VL's largest (https://github.com/QwenLM/Qwen3-VL). */
export const IMAGE_TOKENS_MAX = 16_384

/** Width x height / 750 for the largest size (https://docs.anthropic.com/en/docs/build-with-claude/vision). */
const CLAUDE_IMAGE_TOKENS_MAX = 5000

const family = (...maxima: readonly MemberPath[]): Family => ({ maxima, imageTokensMax: IMAGE_TOKENS_MAX })

const CLAUDE: Family = { maxima: [['max_tokens']], imageTokensMax: CLAUDE_IMAGE_TOKENS_MAX }
const CLAUDE_PROMPT: Family = { maxima: [['max_tokens_to_sample']], imageTokensMax: CLAUDE_IMAGE_TOKENS_MAX }
const WITHOUT_OUTPUT = family()
const MAX_TOKENS = family(['max_tokens'])

/**
 * The families by the beginning of their models' names, the longest match first
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html).
 */
const FAMILIES: readonly (readonly [prefix: string, family: Family])[] = [
  ['amazon.nova-2-multimodal-embeddings', WITHOUT_OUTPUT],
  ['amazon.nova-canvas', WITHOUT_OUTPUT],
  ['amazon.nova-reel', WITHOUT_OUTPUT],
  ['amazon.nova', family(['inferenceConfig', 'maxTokens'], ['inferenceConfig', 'max_new_tokens'])],
  ['amazon.rerank', WITHOUT_OUTPUT],
  ['amazon.titan-embed', WITHOUT_OUTPUT],
  ['amazon.titan-image', WITHOUT_OUTPUT],
  ['amazon.titan-t', family(['textGenerationConfig', 'maxTokenCount'])],
  ['ai21.j2', family(['maxTokens'])],
  ['ai21.', MAX_TOKENS],
  ['anthropic.', CLAUDE],
  ['cohere.embed', WITHOUT_OUTPUT],
  ['cohere.rerank', WITHOUT_OUTPUT],
  ['cohere.', MAX_TOKENS],
  ['deepseek.', MAX_TOKENS],
  ['google.', MAX_TOKENS],
  ['meta.', family(['max_gen_len'])],
  ['minimax.', MAX_TOKENS],
  ['mistral.', MAX_TOKENS],
  ['moonshot.', MAX_TOKENS],
  ['moonshotai.', MAX_TOKENS],
  ['nvidia.', MAX_TOKENS],
  ['openai.', family(['max_completion_tokens'], ['max_tokens'])],
  ['qwen.', MAX_TOKENS],
  ['stability.', WITHOUT_OUTPUT],
  ['twelvelabs.marengo', WITHOUT_OUTPUT],
  ['twelvelabs.pegasus', family(['maxOutputTokens'])],
  ['writer.', MAX_TOKENS],
  ['zai.', MAX_TOKENS],
]

/** Every place where some family sets the most output. */
export const ALL_MAXIMA: readonly MemberPath[] = [
  ...new Map(
    [CLAUDE, CLAUDE_PROMPT, family(['max_new_tokens']), ...FAMILIES.map(([, known]) => known)]
      .flatMap(({ maxima }) => maxima)
      .map((place) => [place.join('.'), place]),
  ).values(),
]

/** The geographies of cross-region inference profiles (https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html). */
const PROFILE_PREFIX = /^(?:us|us-gov|eu|apac|ap|jp|au|ca|sa|mx|me|il|in|kr|uk|af|global)\./

/** What in ARNs names a model; other ARNs (application profiles, provisioned or imported models) are opaque. */
const NAMING_ARN = /^arn:[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)\/(.+)$/

/** The model's name without geography and ARN: `anthropic.claude-…`; '' where the id does not tell it. */
export function modelName(modelId: string): string {
  const name = modelId.startsWith('arn:') ? (NAMING_ARN.exec(modelId)?.[1] ?? '') : modelId
  return name.replace(PROFILE_PREFIX, '')
}

/** True for a stored prompt of Prompt management, whose text and maximum are not in the request. */
export function isStoredPrompt(modelId: string): boolean {
  return /^arn:[^:]*:bedrock:[^:]*:[^:]*:prompt\//.test(modelId)
}

/** Undefined where the family is not known. A body with `anthropic_version` is Claude's, behind whatever ARN. */
export function familyOf(modelId: string, body: Readonly<Record<string, unknown>> = {}): Family | undefined {
  const name = modelName(modelId)
  const known = FAMILIES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? (body['anthropic_version'] === undefined ? undefined : CLAUDE)
  return known === CLAUDE && body['messages'] === undefined && body['prompt'] !== undefined ? CLAUDE_PROMPT : known
}

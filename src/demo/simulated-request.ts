import { z } from 'zod'
import { simulatedTokens } from './answer-text.ts'

/** What a request to the simulated provider asks for. */
export interface Asked {
  readonly model: string
  readonly seed: number
  readonly isStream: boolean
  /** OpenAI's `stream_options.include_usage`. */
  readonly includesUsage: boolean
  /** False where the answer is to say nothing of its usage. */
  readonly saysUsage: boolean
  /** The tool that the answer calls; undefined: it answers with text. */
  readonly tool: string | undefined
  /** How many inputs an embeddings request or prompts a completions request has. */
  readonly inputs: number
  readonly isBase64: boolean
  /** `n`; answers per prompt. */
  readonly choices: number
  readonly inputTokens: number
  /** Part of `inputTokens`. */
  readonly cachedInputTokens: number
  /** Per choice. */
  readonly outputTokens: number
  /** True where the request's maximum cut the answer short. */
  readonly isCut: boolean
}

const CHOICES_MAX = 128
const tokensMax = z.number().int().min(0).nullish()

const request = z.looseObject({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  encoding_format: z.string().nullish(),
  n: z.number().int().min(1).max(CHOICES_MAX).nullish(),
  tools: z.array(z.looseObject({ name: z.string().optional(), function: z.looseObject({ name: z.string() }).optional() })).nullish(),
  max_tokens: tokensMax,
  max_completion_tokens: tokensMax,
  max_output_tokens: tokensMax,
})

type Request = z.infer<typeof request>

/**
 * Reads a request's body.
 * @param wanted how long the answer would be, in tokens, if no maximum cut it
 * @returns undefined where the body is no JSON or no request
 */
export function readAsked(body: string, seed: number, wanted: number): Asked | undefined {
  const parsed = request.safeParse(parseJson(body))
  if (!parsed.success) return undefined
  const json = parsed.data
  const max = json.max_completion_tokens ?? json.max_tokens ?? json.max_output_tokens ?? Infinity
  const inputTokens = inputTokensOf(json)
  return {
    model: json.model,
    seed,
    isStream: json.stream === true,
    includesUsage: json.stream_options?.include_usage === true,
    saysUsage: json.model !== 'sim-no-usage',
    tool: json.model === 'sim-tools' ? toolOf(json) : undefined,
    inputs: inputsOf(json['input'] ?? json['prompt']),
    isBase64: json.encoding_format === 'base64',
    choices: json.n ?? 1,
    inputTokens,
    cachedInputTokens: json.model === 'sim-cached' ? Math.floor(inputTokens / 2) : 0,
    outputTokens: Math.min(wanted, max),
    isCut: wanted > max,
  }
}

const INPUT_FIELDS = ['messages', 'input', 'prompt', 'system', 'instructions', 'tools']

function inputTokensOf(json: Request): number {
  const input = INPUT_FIELDS.map((name) => json[name]).filter((value) => value !== undefined && value !== null)
  return simulatedTokens(input.map((value) => JSON.stringify(value)).join(''))
}

/** A list of texts or of token lists is many inputs; one list of tokens is one. */
function inputsOf(input: unknown): number {
  return Array.isArray(input) && typeof input[0] !== 'number' ? Math.max(1, input.length) : 1
}

function toolOf({ tools }: Request): string {
  const first = tools?.[0]
  return first?.function?.name ?? first?.name ?? 'lookup'
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

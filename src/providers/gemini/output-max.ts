/**
 * The most output tokens of a model, thoughts among them, by its name's beginning (https://ai.google.dev/gemini-api/docs/models);
 * a model that is not known may produce as much as the largest.
 */
const OUTPUT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['gemini-1', 8192],
  ['gemini-2.0', 8192],
]

const UNKNOWN_OUTPUT_MAX = 65_536

export function geminiOutputMax(model: string): number {
  return OUTPUT_MAX.find(([prefix]) => model.startsWith(prefix))?.[1] ?? UNKNOWN_OUTPUT_MAX
}

/*
 * OpenAI counts 10 tokens a second of audio (https://platform.openai.com/docs/guides/realtime-costs), Mistral 12.5 of windows of
 * 30 seconds (measured on recorded answers).
 */

const TOKENS_PER_SECOND_MAX = 12.5
const WINDOW_SECONDS = 30

export function audioTokensMax(seconds: number): number {
  return Math.ceil(Math.ceil(seconds / WINDOW_SECONDS) * WINDOW_SECONDS * TOKENS_PER_SECOND_MAX)
}

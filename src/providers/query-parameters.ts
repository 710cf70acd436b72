import type { AllowedParameters } from './provider.ts'

/** Any value on one line that a URL can carry. */
const ANY_VALUE = /^[^\p{Cc}]{0,500}$/u

export const NO_PARAMETERS: AllowedParameters = {}

/** Those names, with any value. */
export function anyOf(...names: readonly string[]): AllowedParameters {
  return Object.fromEntries(names.map((name) => [name, ANY_VALUE]))
}

/** Azure's versions, which people also ask for with `api: openai`. */
export const API_VERSION: AllowedParameters = { 'api-version': /^[A-Za-z0-9-]{1,40}$/ }

/**
 * OpenAI's lists of files and batches, and reading a stored response
 * (https://platform.openai.com/docs/api-reference/files/list, https://platform.openai.com/docs/api-reference/responses/get).
 */
export const OPENAI_LISTS: AllowedParameters = anyOf(
  'after',
  'before',
  'limit',
  'order',
  'purpose',
  'include',
  'include[]',
  'include_obfuscation',
  'starting_after',
  'stream',
)

/**
 * Google's (https://cloud.google.com/apis/docs/system-parameters): only how a JSON answer is sent. `fields` would leave the usage
 * out of it, and `alt=proto` would make it unreadable. Older clients of Google ask for enums as numbers.
 */
export const GOOGLE_ANSWERS: AllowedParameters = {
  alt: /^(?:sse|json)$/,
  $alt: /^(?:sse|json)(?:;enum-encoding=int)?$/,
}

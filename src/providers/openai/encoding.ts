import { countTokens, type Encoding } from '../tokenizer.ts'
import { isOpenAiModel } from './hidden-input.ts'
import type { OutputCount } from '../provider.ts'

/** Models before GPT-4o, and embeddings, have the encoding before (https://github.com/openai/tiktoken/blob/main/tiktoken/model.py). */
export function encodingOf(model: string): Encoding {
  return /(?:^|\/)(?:gpt-3\.5|gpt-4(?![.o])|text-embedding-)/.test(model) ? 'cl100k_base' : 'o200k_base'
}

/** Text in ASCII has up to so many times as many tokens in the encodings of others. */
const OTHER_ENCODINGS = 1.4
const NOT_ASCII = /[^\0-\x7f]+/g

/** Exact for OpenAI's own models. Others may need a token for each byte of what is not ASCII. */
export function countOutput(model: string): OutputCount {
  const encoding = encodingOf(model)
  if (isOpenAiModel(model)) {
    return (text) => {
      const tokens = countTokens(text, encoding)
      return { tokens, atMost: tokens }
    }
  }
  return (text) => {
    const other = (text.match(NOT_ASCII) ?? []).join('')
    const ascii = other === '' ? text : text.replace(NOT_ASCII, '')
    return { tokens: countTokens(text), atMost: countTokens(ascii) * OTHER_ENCODINGS + Buffer.byteLength(other) }
  }
}

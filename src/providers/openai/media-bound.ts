import { asObject, stringIn } from '../answer.ts'
import { audioSecondsMaxOf } from '../audio-length.ts'
import { pdfTokens } from '../document-bound.ts'
import { contentParts, hasContentParts, imageCorrection } from '../image-bound.ts'
import type { JsonObject } from '../provider.ts'
import { audioTokensMax } from './audio-tokens.ts'
import { openAiContextMax } from './output-max.ts'

/**
 * The most tokens that an image counts, by the beginning of the model's name, the longest match first: base and 8 tiles, or
 * 1,536 patches by the model's factor (https://platform.openai.com/docs/guides/images-vision#calculating-costs).
 */
const IMAGE_TOKENS_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['gpt-4o-mini', 2833 + 8 * 5667],
  ['gpt-4.1-mini', 1536 * 1.62],
  ['gpt-4.1-nano', 1536 * 2.46],
  ['gpt-5-mini', 1536 * 1.62],
  ['gpt-5-nano', 1536 * 2.46],
  ['o4-mini', 1536 * 1.72],
  ['gpt-4o', 85 + 8 * 170],
  ['gpt-4.1', 85 + 8 * 170],
  ['gpt-4.5', 85 + 8 * 170],
  ['o1', 75 + 8 * 150],
  ['o3', 75 + 8 * 150],
]
const UNKNOWN_IMAGE_TOKENS_MAX = 50_000

/** The text of a dense page. */
const PAGE_TEXT_TOKENS_MAX = 3000

/**
 * How much an upper bound by bytes changes for the images, files and audio in a request. A page of a PDF is its text and an image of it
 * (https://platform.openai.com/docs/guides/pdf-files); what is only named may fill the model's context.
 */
export function mediaCorrection(body: Buffer, json: JsonObject, model: string): number {
  // Most requests are text alone: that is seen faster than words are searched in their bytes.
  if (!hasContentParts(json)) return 0
  const imageTokensMax = Math.ceil(IMAGE_TOKENS_MAX.find(([prefix]) => model.startsWith(prefix))?.[1] ?? UNKNOWN_IMAGE_TOKENS_MAX)
  const ofFiles = fileCorrection(body, json, { model, page: imageTokensMax + PAGE_TEXT_TOKENS_MAX })
  return imageCorrection(body, json, imageTokensMax) + ofFiles + audioCorrection(body, json)
}

function audioCorrection(body: Buffer, json: JsonObject): number {
  if (!body.includes('"input_audio"')) return 0
  return contentParts(json).reduce((sum, part) => {
    const data = part['type'] === 'input_audio' ? stringIn(asObject(part['input_audio']) ?? part, 'data') : ''
    return data === '' ? sum : sum + audioTokensMax(audioSecondsMaxOf(data)) - data.length
  }, 0)
}

function fileCorrection(body: Buffer, json: JsonObject, { model, page }: { readonly model: string; readonly page: number }): number {
  if (!body.includes('file')) return 0
  const files = contentParts(json).flatMap((part) => {
    if (part['type'] === 'input_file') return [part]
    return part['type'] === 'file' ? [asObject(part['file']) ?? {}] : []
  })
  return files.reduce((sum, file) => sum + correctionOf(stringIn(file, 'file_data'), page, openAiContextMax(model)), 0)
}

/** Of text, the bytes are a bound; other documents than PDFs are compressed too. */
function correctionOf(data: string, tokensPerPage: number, contextMax: number): number {
  if (data.startsWith('data:text/')) return 0
  const base64 = data.slice(data.indexOf(',') + 1)
  return (base64 === '' ? contextMax : pdfTokens(base64, tokensPerPage, contextMax)) - data.length
}

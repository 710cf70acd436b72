import { asObject, stringIn } from '../answer.ts'
import { audioSecondsMaxOf } from '../audio-length.ts'
import { pdfTokens } from '../document-bound.ts'
import { imageSizeOf } from '../image-size.ts'
import type { JsonObject } from '../provider.ts'

/* What Gemini counts for media (https://ai.google.dev/gemini-api/docs/tokens#multimodal-tokens). */

const TILE_TOKENS = 258
const TILE_PIXELS = 768
/** Up to here an image is one tile in both directions. */
const ONE_TILE_PIXELS = 384
/** Gemini 3 counts by resolution and not by tiles: the finest that there is (https://ai.google.dev/gemini-api/docs/media-resolution). */
const FINEST_IMAGE_TOKENS = 2240
const FINEST_PAGE_TOKENS = 1120
const PAGES_MAX = 1000
const AUDIO_TOKENS_PER_SECOND = 32

/** An image of any size: 12,000 x 12,000 pixels. */
export const IMAGE_TOKENS_MAX = 16 * 16 * TILE_TOKENS
/** A document of which the pages are not known. */
export const DOCUMENT_TOKENS_MAX = PAGES_MAX * TILE_TOKENS
/** Files and caches are named, not sent: no more than the largest context window (https://ai.google.dev/gemini-api/docs/models). */
export const CONTEXT_TOKENS_MAX = 2_097_152

/** How much an upper bound by bytes changes for a part of a message. Video stays with its bytes: it has more of them than tokens. */
export function mediaCorrection(part: JsonObject, model: string): number {
  if (part['fileData'] !== undefined || part['file_data'] !== undefined) return CONTEXT_TOKENS_MAX
  const inline = asObject(part['inlineData'] ?? part['inline_data']) ?? {}
  const type = stringIn(inline, 'mimeType') || stringIn(inline, 'mime_type')
  const data = stringIn(inline, 'data')
  if (type.startsWith('image/')) return imageTokens(data, isTiled(model)) - data.length
  if (type.startsWith('audio/')) return Math.ceil(audioSecondsMaxOf(data) * AUDIO_TOKENS_PER_SECOND) - data.length
  if (type !== 'application/pdf') return 0
  const pageTokens = isTiled(model) ? TILE_TOKENS : FINEST_PAGE_TOKENS
  return pdfTokens(data, pageTokens, PAGES_MAX * pageTokens) - data.length
}

function isTiled(model: string): boolean {
  return /(?:^|\/)gemini-[12]\b/.test(model)
}

function imageTokens(data: string, areTiled: boolean): number {
  const size = imageSizeOf(data)
  if (size === undefined) return IMAGE_TOKENS_MAX
  const { width, height } = size
  if (areTiled && Math.max(width, height) <= ONE_TILE_PIXELS) return TILE_TOKENS
  // Tiles are squares of 768 pixels, or of two thirds of the shorter side
  // (https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-understanding).
  const side = Math.min(TILE_PIXELS, Math.max(1, Math.floor(Math.min(width, height) / 1.5)))
  const tiles = Math.ceil(width / side) * Math.ceil(height / side)
  return Math.max(tiles * TILE_TOKENS, areTiled ? 0 : FINEST_IMAGE_TOKENS)
}

import { audioSecondsMaxOf } from '../audio-length.ts'
import { pdfTokens } from '../document-bound.ts'
import { imageSizeOf } from '../image-size.ts'
import type { InputTally } from '../input-tally.ts'

/* What Gemini counts for media (https://ai.google.dev/gemini-api/docs/tokens#multimodal-tokens). */

const TILE_TOKENS = 258
const TILE_PIXELS = 768
/** Up to here an image is one tile in both directions. */
const ONE_TILE_PIXELS = 384
/** Gemini 3 counts by resolution and not by tiles: the finest that there is (https://ai.google.dev/gemini-api/docs/media-resolution). */
const FINEST_IMAGE_TOKENS = 2240
const FINEST_PAGE_TOKENS = 1120
const AUDIO_TOKENS_PER_SECOND = 32

/** An image of any size: 12,000 x 12,000 pixels. */
export const IMAGE_TOKENS_MAX = 16 * 16 * TILE_TOKENS
/**
 * What data counts that stands in the request: by its pixels, pages and seconds. Of text the bytes are a bound; a film may last for hours
 * in few bytes, and says nothing of it that can be relied upon.
 */
export function addData(
  tally: InputTally,
  { type, data, model }: { readonly type: string; readonly data: string; readonly model: string },
): void {
  if (type.startsWith('text/')) return
  tally.add(-data.length)
  const tokens = tokensOf(type, data, isTiled(model))
  if (tokens === undefined || tokens === Infinity) tally.fill('data', type)
  else tally.add(tokens)
}

function tokensOf(type: string, data: string, areTiled: boolean): number | undefined {
  if (type.startsWith('image/')) return imageTokens(data, areTiled)
  if (type.startsWith('audio/')) return audioSecondsMaxOf(data) * AUDIO_TOKENS_PER_SECOND
  return type === 'application/pdf' ? pdfTokens(data, areTiled ? TILE_TOKENS : FINEST_PAGE_TOKENS, Infinity) : undefined
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

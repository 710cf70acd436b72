import { asList, asObject, asObjects } from './answer.ts'
import type { JsonObject } from './provider.ts'

/**
 * How much an upper bound by bytes changes for the images in a request: the data of an image costs by its size in pixels, not
 * in bytes, so each counts `tokensEach` and its data nothing. Images by URL count too.
 */
export function imageCorrection(body: Buffer, json: JsonObject, tokensEach: number): number {
  if (!body.includes('image')) return 0
  return contentParts(json).reduce<number>((sum, part) => sum + correctionOf(part, tokensEach), 0)
}

/** The parts of all messages, and of what is in them, such as results of tools. */
export function contentParts(json: JsonObject): readonly JsonObject[] {
  return [...asList(json['messages']), ...asList(json['input'])].flatMap(partsOf)
}

function partsOf(message: unknown): readonly JsonObject[] {
  const parts = asObjects(asObject(message)?.['content'])
  return parts.flatMap((part) => [part, ...partsOf(part)])
}

function correctionOf(part: JsonObject, tokensEach: number): number {
  const type = part['type']
  if (type !== 'image' && type !== 'image_url' && type !== 'input_image') return 0
  return tokensEach - dataBytes(part)
}

/** The bytes of inline data: a `data:` URL of OpenAI's, or a base64 source of Anthropic's. */
function dataBytes(part: JsonObject): number {
  const url = asObject(part['image_url'])?.['url'] ?? part['image_url']
  if (typeof url === 'string' && url.startsWith('data:')) return url.length
  const source = asObject(part['source'])
  const data = source?.['type'] === 'base64' ? source['data'] : undefined
  return typeof data === 'string' ? data.length : 0
}

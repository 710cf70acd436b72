import { asObject, asObjects } from '../answer.ts'
import { CLAUDE_DOCUMENT_TOKENS_MAX, claudeDocumentCorrection } from '../document-bound.ts'
import { imageCorrection } from '../image-bound.ts'
import type { JsonObject } from '../provider.ts'

/** An hour of video and more (https://docs.aws.amazon.com/nova/latest/userguide/modalities-video.html). */
const VIDEO_TOKENS_MAX = 276_480

const COMPRESSED_DOCUMENTS: ReadonlySet<unknown> = new Set(['pdf', 'docx', 'xlsx'])

/** Content blocks stand in tool results, which are content blocks. */
const NESTING_MAX = 4

/**
 * How much an upper bound by bytes changes for the images, documents and videos in a request, which cost by pixels, pages and
 * frames: each counts its maximum, and its data nothing. What is named by a place in S3 counts too.
 */
export function mediaCorrection(body: Buffer, json: JsonObject, imageTokensMax: number): number {
  if (!['image', 'document', 'video'].some((word) => body.includes(word))) return 0
  const messages = [...asObjects(json['messages']), { content: json['system'] }]
  const blocks = messages.flatMap(({ content }) => blocksIn(content, NESTING_MAX))
  return blocks.reduce((sum, block) => sum + blockCorrection(block, imageTokensMax), imageCorrection(body, json, imageTokensMax))
}

function blocksIn(content: unknown, depth: number): readonly JsonObject[] {
  if (depth === 0) return []
  return asObjects(content).flatMap((block) => [
    block,
    ...blocksIn(block['content'], depth - 1),
    ...blocksIn(asObject(block['toolResult'])?.['content'], depth - 1),
    ...blocksIn([block['guardContent']], depth - 1),
  ])
}

function blockCorrection(block: JsonObject, imageTokensMax: number): number {
  const image = asObject(block['image'])
  const video = asObject(block['video'])
  const document = asObject(block['document'])
  if (image !== undefined) return imageTokensMax - dataBytes(image['source'])
  if (video !== undefined) return VIDEO_TOKENS_MAX - dataBytes(video['source'])
  if (document !== undefined) return documentCorrection(document)
  return block['type'] === 'document' ? claudeDocumentCorrection(asObject(block['source'])) : 0
}

function documentCorrection({ format, source }: JsonObject): number {
  const isElsewhere = asObject(source)?.['s3Location'] !== undefined
  return isElsewhere || COMPRESSED_DOCUMENTS.has(format) ? CLAUDE_DOCUMENT_TOKENS_MAX - dataBytes(source) : 0
}

function dataBytes(source: unknown): number {
  const bytes = asObject(source)?.['bytes']
  return typeof bytes === 'string' ? bytes.length : 0
}

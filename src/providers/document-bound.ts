import type { JsonObject } from './provider.ts'
import { pagesOf } from './pdf-pages.ts'

/** A page of a PDF for Claude: up to 3,000 tokens of text and an image of 1,600 (https://docs.anthropic.com/en/docs/build-with-claude/pdf-support). */
const CLAUDE_PAGE_TOKENS_MAX = 4600
const CLAUDE_PAGES_MAX = 100
/** What is named by a place elsewhere, or has no pages that can be counted. */
export const CLAUDE_DOCUMENT_TOKENS_MAX = CLAUDE_PAGES_MAX * CLAUDE_PAGE_TOKENS_MAX

/**
 * How much an upper bound by bytes changes for a document block of Claude's: a PDF costs by its pages, since its bytes are
 * compressed.
 */
export function claudeDocumentCorrection(source: JsonObject | undefined): number {
  const type = source?.['type']
  if (type === 'url' || type === 'file') return CLAUDE_DOCUMENT_TOKENS_MAX
  const data = source?.['data']
  return type === 'base64' && typeof data === 'string'
    ? pdfTokens(data, CLAUDE_PAGE_TOKENS_MAX, CLAUDE_DOCUMENT_TOKENS_MAX) - data.length
    : 0
}

/** @param otherwise where its pages can't be counted */
export function pdfTokens(base64: string, tokensPerPage: number, otherwise: number): number {
  const pages = pagesOf(Buffer.from(base64, 'base64'))
  return pages === undefined ? otherwise : pages * tokensPerPage
}

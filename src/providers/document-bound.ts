import { pagesOf } from './pdf-pages.ts'

/**
 * What a PDF counts by its pages.
 * @param otherwise where its pages can't be counted
 */
export function pdfTokens(base64: string, tokensPerPage: number, otherwise: number): number {
  const pages = pagesOf(Buffer.from(base64, 'base64'))
  return pages === undefined ? otherwise : pages * tokensPerPage
}

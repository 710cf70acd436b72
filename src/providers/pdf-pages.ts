import { inflateSync } from 'node:zlib'

const INFLATED_BYTES_MAX = 64 * 1024 * 1024
/** A page object; `/Pages`, its parent, is none (ISO 32000-1, 7.7.3.3). */
const PAGE = /\/Type\s*\/Page(?![A-Za-z])/g
const OBJECT_STREAM = /\/Type\s*\/ObjStm[\s\S]{0,400}?stream\r?\n/g

/**
 * How many pages a PDF has: its page objects are counted, also those in compressed object streams.
 * @returns undefined where that can't be told: it is encrypted, damaged, or compressed in another way
 */
export function pagesOf(pdf: Buffer): number | undefined {
  const text = pdf.toString('latin1')
  if (!text.startsWith('%PDF-') || text.includes('/Encrypt')) return undefined
  let pages = countPages(text)
  for (const match of text.matchAll(OBJECT_STREAM)) {
    const inflated = inflate(pdf.subarray(match.index + match[0].length))
    if (inflated === undefined) return undefined
    pages += countPages(inflated)
  }
  return pages === 0 ? undefined : pages
}

function countPages(text: string): number {
  return text.match(PAGE)?.length ?? 0
}

/** What follows the compressed data is ignored. */
function inflate(bytes: Buffer): string | undefined {
  try {
    return inflateSync(bytes, { maxOutputLength: INFLATED_BYTES_MAX }).toString('latin1')
  } catch {
    return undefined
  }
}

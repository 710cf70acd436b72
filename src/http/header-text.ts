const ASCII = /^[\x20-\x7E]*$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * What a header says. node:http gives each of its bytes as one character (ISO 8859-1), and clients send UTF-8.
 * @returns undefined where the bytes are no UTF-8
 */
export function headerText(value: string): string | undefined {
  if (ASCII.test(value)) return value
  try {
    return utf8.decode(Buffer.from(value, 'latin1'))
  } catch {
    return undefined
  }
}

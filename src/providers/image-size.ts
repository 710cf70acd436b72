/** In pixels. */
export interface ImageSize {
  readonly width: number
  readonly height: number
}

/** Where a JPEG's frame begins there may be a thumbnail and a profile of colours before it. */
const HEAD_BYTES = 256 * 1024

/** The size of a PNG, JPEG, GIF or WebP in base64, by its head; undefined where it tells none. Never throws. */
export function imageSizeOf(base64: string): ImageSize | undefined {
  const head = Buffer.from(base64.slice(0, (HEAD_BYTES / 3) * 4), 'base64')
  const size = pngSize(head) ?? gifSize(head) ?? webpSize(head) ?? jpegSize(head)
  return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined
}

/** https://www.w3.org/TR/png-3/#11IHDR */
function pngSize(head: Buffer): ImageSize | undefined {
  if (head.length < 24 || head.toString('latin1', 1, 4) !== 'PNG') return undefined
  return { width: head.readUInt32BE(16), height: head.readUInt32BE(20) }
}

/** https://www.w3.org/Graphics/GIF/spec-gif89a.txt */
function gifSize(head: Buffer): ImageSize | undefined {
  if (head.length < 10 || head.toString('latin1', 0, 4) !== 'GIF8') return undefined
  return { width: head.readUInt16LE(6), height: head.readUInt16LE(8) }
}

/** In its three forms (https://developers.google.com/speed/webp/docs/riff_container). */
function webpSize(head: Buffer): ImageSize | undefined {
  if (head.length < 30 || head.toString('latin1', 8, 12) !== 'WEBP') return undefined
  switch (head.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { width: head.readUIntLE(24, 3) + 1, height: head.readUIntLE(27, 3) + 1 }
    case 'VP8L': {
      const bits = head.readUInt32LE(21)
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
    }
    default:
      return { width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff }
  }
}

/** Segment by segment to the frame's head (https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.2.2). */
function jpegSize(head: Buffer): ImageSize | undefined {
  if (head.length < 4 || head.readUInt16BE(0) !== 0xffd8) return undefined
  for (let at = 2; at + 9 < head.length && head[at] === 0xff;) {
    const marker = head[at + 1] ?? 0
    if (isFrame(marker)) return { height: head.readUInt16BE(at + 5), width: head.readUInt16BE(at + 7) }
    at += 2 + head.readUInt16BE(at + 2)
  }
  return undefined
}

/** SOF0 to SOF15 without the tables that have numbers among them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
}

import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pagesOf } from './pdf-pages.ts'

const page = (n: number) => `${n} 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\n`
const catalog = '1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 3 >>\nendobj\n'

function plain(pages: number): Buffer {
  return Buffer.from(`%PDF-1.4\n${catalog}${Array.from({ length: pages }, (_, i) => page(i + 3)).join('')}%%EOF`)
}

/** Pages in compressed object streams, as most writers put them since PDF 1.5. */
function compressed(pages: number, filter = '/FlateDecode'): Buffer {
  const objects = deflateSync(Buffer.from(Array.from({ length: pages }, () => '<</Type/Page/Parent 2 0 R>>').join('\n')))
  const head = `%PDF-1.7\n${catalog}9 0 obj\n<< /Type /ObjStm /N ${pages} /First 10 /Filter ${filter} /Length ${objects.length} >>\nstream\r\n`
  return Buffer.concat([Buffer.from(head), objects, Buffer.from('\r\nendstream\nendobj\n%%EOF')])
}

test.each([1, 2, 300])('%i pages are counted, compressed or not', (pages) => {
  expect(pagesOf(plain(pages))).toBe(pages)
  expect(pagesOf(compressed(pages))).toBe(pages)
})

test.each([
  ['what is no PDF', Buffer.from('PK\u0003\u0004')],
  ['a PDF without a page', plain(0)],
  ['an encrypted one', Buffer.concat([plain(2), Buffer.from('<< /Encrypt 5 0 R >>')])],
  ['a damaged stream', compressed(2).subarray(0, -60)],
  [
    'a stream that is compressed in another way',
    Buffer.from(compressed(2).toString('latin1').replace('stream\r\nx', 'stream\r\nLZW'), 'latin1'),
  ],
])('the pages of %s can not be told', (_, bytes) => {
  expect(pagesOf(bytes)).toBeUndefined()
})

test('whatever the bytes, an answer comes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (tail) => {
      const pages = pagesOf(Buffer.concat([compressed(1).subarray(0, 250), tail]))
      expect(pages === undefined || pages >= 1).toBe(true)
    }),
  )
})

import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { Busboy, type BusboyInstance } from '@fastify/busboy'
import { InvalidRequest } from '../provider.ts'
import { isFormData } from './form-data.ts'

/*
 * Readers of forms differ: in which of two names or dispositions counts, in what is quoted, in where a part ends. So a form that comes in
 * is read once, by a library, and what was read is written anew in the plainest way: a provider can't read anything else in it.
 */

/** A form as it was written anew. */
export interface RecodedForm {
  readonly body: Buffer
  readonly contentType: string
}

/** No API has so many fields; a part costs some microseconds. */
const FORM_PARTS_MAX = 500
/** A field of text, such as a prompt, has no more bytes. */
const FIELD_BYTES_MAX = 256 * 1024
const PART_HEAD_BYTES_MAX = 8192
const PART_HEADERS_MAX = 16

/** Read in pieces, so that other calls get their turn between them. */
const PIECE_BYTES = 1024 * 1024

const NAME = /^[\w.-]{1,100}(?:\[[\w.-]{0,100}\])?$/
const MEDIA_TYPE = /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/
const CRLF = '\r\n'

/**
 * The form as it is sent to a provider; undefined for what is no form.
 * @throws InvalidRequest where it can't be read to its end, has a name that may be read in more than one way, or is beyond its limits
 */
export async function recodeForm(body: Buffer, contentType: string): Promise<RecodedForm | undefined> {
  if (!isFormData(contentType)) return undefined
  const parts = await partsOf(body, contentType)
  const boundary = `bursar-${randomBytes(18).toString('hex')}`
  const pieces = parts.flatMap((part) => [
    Buffer.from(`--${boundary}${CRLF}${headOf(part)}${CRLF}${CRLF}`),
    ...part.content,
    Buffer.from(CRLF),
  ])
  pieces.push(Buffer.from(`--${boundary}--${CRLF}`))
  return { body: Buffer.concat(pieces), contentType: `multipart/form-data; boundary=${boundary}` }
}

interface Part {
  readonly name: string
  /** Absent: a field of text. */
  readonly file?: { readonly name: string; readonly type: string }
  readonly content: readonly Buffer[]
}

function headOf({ name, file }: Part): string {
  const disposition = `Content-Disposition: form-data; name="${name}"`
  if (file === undefined) return disposition
  const type = MEDIA_TYPE.test(file.type) ? file.type : 'application/octet-stream'
  return `${disposition}; filename="${plainFileName(file.name)}"${CRLF}Content-Type: ${type}`
}

/** Its end tells some providers what it holds; a name that was escaped in some way is read in another by others. */
function plainFileName(name: string): string {
  const plain = name.replaceAll(/[^\p{L}\p{N} ._()-]/gu, '_').slice(-100)
  return plain === '' ? 'file' : plain
}

async function partsOf(body: Buffer, contentType: string): Promise<readonly Part[]> {
  const parts: Part[] = []
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  let isFailed = false
  const fail = (why: string) => {
    isFailed = true
    reject(new InvalidRequest(`the form in the request body ${why}`))
  }
  const reader = open(contentType)
  reader.on('field', (name: unknown, value, _isNameCut, isCut) => {
    if (isCut) return fail(`has a field of more than ${FIELD_BYTES_MAX} bytes`)
    if (!isName(name)) return fail(BAD_NAME)
    parts.push({ name, content: [Buffer.from(value)] })
  })
  reader.on('file', (...given) => {
    const [name, stream, fileName, , type]: readonly [unknown, Readable, unknown, unknown, string] = given
    const content: Buffer[] = []
    stream.on('data', (piece: Buffer) => content.push(piece))
    stream.on('error', () => fail('has no end'))
    if (!isName(name)) return fail(BAD_NAME)
    parts.push({ name, file: { name: typeof fileName === 'string' ? fileName : '', type }, content })
  })
  reader.on('partsLimit', () => fail(`has more than ${FORM_PARTS_MAX} parts`))
  reader.on('error', () => fail('has no end, or a part without a head'))
  reader.on('finish', () => resolve(undefined))
  void feed(reader, body, () => isFailed)
  await promise
  return parts
}

const BAD_NAME = 'has a field whose name is not made of letters, digits, _, . and -'

function isName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

/** @throws InvalidRequest where the content type names no boundary */
function open(contentType: string): BusboyInstance {
  const limits = { parts: FORM_PARTS_MAX, fieldSize: FIELD_BYTES_MAX, headerSize: PART_HEAD_BYTES_MAX, headerPairs: PART_HEADERS_MAX }
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits, isPartAFile: (_name, _type, fileName) => fileName !== undefined })
  } catch {
    throw new InvalidRequest('the content type of a form must name its boundary')
  }
}

async function feed(reader: BusboyInstance, body: Buffer, isFailed: () => boolean): Promise<void> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) {
    if (isFailed()) return
    if (!reader.write(body.subarray(at, at + PIECE_BYTES))) await new Promise((resolve) => setImmediate(resolve))
  }
  reader.end()
}

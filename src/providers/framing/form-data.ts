import { InvalidRequest } from '../provider.ts'

/** A field of a form, as the place of its content in the body's bytes. */
export interface FormField {
  readonly name: string
  readonly isFile: boolean
  readonly start: number
  /** Behind the content's last byte. */
  readonly end: number
}

const HEAD_END = '\r\n\r\n'
const HEAD_BYTES_MAX = 8192

/** True where a request's content type says that its body is a form. */
export function isFormData(contentType: string): boolean {
  return /^multipart\/form-data\b/i.test(contentType)
}

/**
 * The fields of a `multipart/form-data` body in their order (RFC 7578). What other readers may read in another way is refused: a
 * body that does not begin with the boundary, or has bytes behind its end.
 * @throws InvalidRequest
 */
export function formFields(body: Buffer, contentType: string): readonly FormField[] {
  const delimiter = `--${boundaryOf(contentType)}`
  if (!startsWith(body, 0, delimiter)) throw new InvalidRequest('the form in the request body must begin with its boundary')
  const fields: FormField[] = []
  let at = delimiter.length
  while (!startsWith(body, at, '--')) {
    const head = headAt(body, at)
    const end = body.indexOf(`\r\n${delimiter}`, head.end, 'latin1')
    if (end < 0) throw new InvalidRequest('the form in the request body has no end')
    fields.push({ ...nameIn(head.text), start: head.end, end })
    at = end + 2 + delimiter.length
  }
  if (body.toString('latin1', at + 2).trim() !== '') throw new InvalidRequest('the form in the request body has bytes behind its end')
  return fields
}

function boundaryOf(contentType: string): string {
  const boundary = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)
  const name = boundary?.[1] ?? boundary?.[2]
  if (name === undefined) throw new InvalidRequest('the content type of a form must name its boundary')
  return name
}

function startsWith(body: Buffer, at: number, text: string): boolean {
  return body.toString('latin1', at, at + text.length) === text
}

function headAt(body: Buffer, at: number): { readonly text: string; readonly end: number } {
  const end = body.subarray(at, at + HEAD_BYTES_MAX).indexOf(HEAD_END)
  if (!startsWith(body, at, '\r\n') || end < 0) throw new InvalidRequest('a field of the form in the request body has no head')
  return { text: body.toString('utf8', at, at + end), end: at + end + HEAD_END.length }
}

function nameIn(head: string): Pick<FormField, 'name' | 'isFile'> {
  const disposition = /^content-disposition:[ \t]*form-data[ \t]*;(.*)$/im.exec(head)?.[1] ?? ''
  const name = /(?:^|;)[ \t]*name="([^"]*)"/i.exec(disposition)?.[1]
  if (name === undefined) throw new InvalidRequest('a field of the form in the request body has no name')
  return { name, isFile: /(?:^|;)[ \t]*filename\*?=/i.test(disposition) }
}

import { checkSpelling, isCounted } from '../counted-fields.ts'
import { formFields, type FormField } from '../framing/form-data.ts'
import { spliceBytes } from '../json-members.ts'
import { InvalidRequest, type JsonObject, type OutgoingBody, type PathValues, type RequestChanges } from '../provider.ts'
import { toModel } from '../request-body.ts'

/** A request that is sent as a form: its fields of text by their names, and its files. */
export interface FormRequest {
  readonly model: string
  readonly json: JsonObject
  readonly files: readonly Buffer[]
}

/** @throws InvalidRequest where the form names no model, or a field twice: Bursar might read the one and the provider the other */
export function readForm(body: Buffer, contentType: string, path: PathValues): FormRequest {
  const fields = formFields(body, contentType)
  const texts = new Map<string, string>()
  for (const { name, isFile, start, end } of fields) {
    const [base = ''] = name.split('[')
    if (isCounted(base) && (isFile || base !== name))
      throw new InvalidRequest(`the form's field "${base}" must be a field of text of that name`)
    if (isFile) continue
    // A list is sent as a field for each of its values.
    if (texts.has(name) && !name.endsWith('[]')) throw new InvalidRequest(`the form has the field "${name}" twice`)
    texts.set(name, (texts.get(name) ?? '') + body.toString('utf8', start, end))
  }
  const model = toModel(path['model'] ?? texts.get('model'), 'the form\'s field "model"')
  const json = Object.fromEntries(texts)
  checkSpelling(json)
  const files = fields.filter(({ isFile }) => isFile).map(({ start, end }) => body.subarray(start, end))
  return { model, json, files }
}

/** The form with the model's name at its provider; it was read before, so that it begins with its boundary. */
export function prepareForm(body: Buffer, { model }: RequestChanges): OutgoingBody {
  const boundary = body.toString('latin1', 2, body.indexOf('\r\n'))
  const field = model === undefined ? undefined : modelField(formFields(body, `multipart/form-data; boundary="${boundary}"`))
  if (field === undefined || model === undefined) return { body, hidesUsageChunk: false }
  return { body: spliceBytes(body, [{ start: field.start, end: field.end, text: model }]), hidesUsageChunk: false }
}

function modelField(fields: readonly FormField[]): FormField | undefined {
  return fields.find(({ name, isFile }) => name === 'model' && !isFile)
}

/**
 * A count in a field of a form; absent: undefined.
 * @throws InvalidRequest where it is anything but a whole number >= 0
 */
export function countInForm(json: JsonObject, name: string): number | undefined {
  const text = json[name]
  if (text === undefined) return undefined
  if (typeof text !== 'string' || !/^\d{1,9}$/.test(text)) throw new InvalidRequest(`"${name}" must be a whole number of 0 or more`)
  return Number(text)
}

/** @throws InvalidRequest where a field is anything but `true` or `false` */
export function flagInForm(json: JsonObject, name: string): boolean | undefined {
  const text = json[name]
  if (text === undefined) return undefined
  if (text !== 'true' && text !== 'false') throw new InvalidRequest(`"${name}" must be true or false`)
  return text === 'true'
}

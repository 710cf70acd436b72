import type { Random } from '../simulation/random.ts'
import type { Draft, Mutation } from './draft.ts'
import { isMembers } from './json-text.ts'

/* Forms that readers of forms read differently: RFC 7578 leaves much to them. */

const BOUNDARY = 'b0undary'
const WAV = Buffer.concat([Buffer.from('RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\x08\0\0', 'latin1'), Buffer.alloc(2048)]) // prettier-ignore

interface Part {
  readonly head: string
  readonly value: Buffer | string
}

function field(name: string, value: string): Part {
  return { head: `Content-Disposition: form-data; name="${name}"`, value }
}

function fileField(name: string): Part {
  return { head: `Content-Disposition: form-data; name="${name}"; filename="a.wav"\r\nContent-Type: audio/wav`, value: WAV }
}

function formBytes(parts: readonly Part[], newline = '\r\n'): Buffer {
  const pieces = parts.flatMap(({ head, value }) => [
    Buffer.from(`--${BOUNDARY}${newline}${head}${newline}${newline}`, 'latin1'),
    Buffer.from(value),
    Buffer.from(newline),
  ])
  return Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--${newline}`)])
}

/** The draft's tree as fields, behind the file. */
function partsOf({ tree, shape }: Draft): readonly Part[] {
  const texts = tree.members.map(([name, value]) => {
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return field(name, isPlain ? String(value) : isMembers(value) ? '{}' : '')
  })
  return [fileField(shape.answer === 'image' ? 'image' : 'file'), ...texts]
}

export function writeForm(draft: Draft): void {
  draft.body = formBytes(partsOf(draft))
  draft.contentType = `multipart/form-data; boundary=${BOUNDARY}`
}

const HIDDEN = 'gpt-5'

/** A second model that some readers see. */
const TRICKS: readonly ((random: Random) => Part)[] = [
  () => field('model', HIDDEN),
  () => ({ head: 'Content-Disposition: form-data; name="model"; x="; filename=y"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data; x="; name="; name="model"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data; name="z"\r\nContent-Disposition: form-data; name="model"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data; name="z"; name="model"', value: HIDDEN }),
  () => ({ head: `Content-Disposition: form-data; name="z"; name*=utf-8''model`, value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data; name=model', value: HIDDEN }),
  () => ({ head: "Content-Disposition: form-data; name='model'", value: HIDDEN }),
  () => ({ head: 'content-disposition:form-data;name="model"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data; name="mo\\del"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data; name="%6dodel"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data; name="model"; filename=""', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: attachment; name="model"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data;\r\n name="model"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition : form-data; name="model"', value: HIDDEN }),
  () => ({ head: 'Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: base64', value: 'Z3B0LTU=' }),
  () => ({ head: 'Content-Disposition: form-data; name="model"\r\nContent-Type: text/plain; charset=utf-16', value: HIDDEN }),
  () => field('model[]', HIDDEN),
  () => field('Model', HIDDEN),
  () => field('model\0', HIDDEN),
  () => field('_charset_', 'utf-16'),
  () => field('n', '100'),
  () => field('stream', 'true'),
  () => field('stream', '1'),
  (random) => ({ head: `Content-Disposition: form-data; name="${'x'.repeat(random.pick([100, 9000, 40_000]))}"`, value: '' }),
  () => ({ head: 'X: y', value: HIDDEN }),
  () => ({ head: '', value: HIDDEN }),
  () => ({ head: `Content-Disposition: form-data; name="prompt"`, value: `\r\n--${BOUNDARY}x\r\n` }),
  () => ({
    head: `Content-Disposition: form-data; name="prompt"`,
    value: `a\r\n--${BOUNDARY} \r\nContent-Disposition: form-data; name="model"\r\n\r\n${HIDDEN}`,
  }),
]

const isForm = (draft: Draft) => draft.shape.isForm === true

export const FORM_MUTATIONS: readonly Mutation[] = [
  { name: 'form-trick', stage: 'bytes', share: 0.7, apply: (draft, random) => {
    if (!isForm(draft)) return
    const parts = [...partsOf(draft)]
    for (let i = random.between(1, 2); i > 0; i--) parts.splice(random.between(0, parts.length), 0, random.pick(TRICKS)(random))
    draft.body = formBytes(parts, random.chance(0.05) ? '\n' : '\r\n')
  } },
  { name: 'form-frame', stage: 'bytes', share: 0.15, apply: (draft, random) => {
    if (!isForm(draft)) return
    const hidden = formBytes([field('model', HIDDEN)])
    draft.body = random.pick([
      () => Buffer.concat([Buffer.from('preamble\r\n'), draft.body]),
      () => Buffer.concat([hidden, draft.body]),
      () => Buffer.concat([draft.body, hidden]),
      () => draft.body.subarray(0, draft.body.length - 6),
      () => Buffer.concat([Buffer.from('\r\n'), draft.body]),
    ])()
  } },
  { name: 'form-boundary', stage: 'bytes', share: 0.15, apply: (draft, random) => {
    if (!isForm(draft)) return
    draft.contentType = random.pick([
      `multipart/form-data; boundary="${BOUNDARY}"`, `multipart/form-data; boundary=${BOUNDARY}; boundary=x`, 'multipart/form-data',
      `multipart/form-data; boundary=x; boundary=${BOUNDARY}`, `multipart/form-data; BOUNDARY=${BOUNDARY}`, `multipart/mixed; boundary=${BOUNDARY}`,
      `multipart/form-data; boundary*=utf-8''${BOUNDARY}`, `Multipart/Form-Data;boundary=${BOUNDARY}`, 'application/x-www-form-urlencoded',
      `multipart/form-data; boundary=${BOUNDARY.slice(0, 4)}`, `text/plain, multipart/form-data; boundary=${BOUNDARY}`, 'application/json',
    ])
  } },
] // prettier-ignore

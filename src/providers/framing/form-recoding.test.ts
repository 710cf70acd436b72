import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readForm } from '../openai/form-request.ts'
import { InvalidRequest } from '../provider.ts'
import { formFields } from './form-data.ts'
import { type RecodedForm, recodeForm } from './form-recoding.ts'

const TYPE = 'multipart/form-data; boundary=B'
const part = (head: string, value: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`--B\r\nContent-Disposition: form-data; ${head}\r\n\r\n`), Buffer.from(value), Buffer.from('\r\n')])
const form = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, Buffer.from('--B--\r\n')])

const FILE = part('name="file"; filename="a.wav"\r\nContent-Type: audio/wav', 'RIFF')
const MODEL = part('name="model"', 'cheap')

async function recode(body: Buffer, type = TYPE): Promise<RecodedForm> {
  return (await recodeForm(body, type)) ?? expect.fail('it is a form')
}

async function read(body: Buffer, type = TYPE): Promise<ReturnType<typeof readForm>> {
  const recoded = await recode(body, type)
  return readForm(recoded.body, recoded.contentType, {})
}

/** What the reader of forms in Node makes of what is sent to a provider; it is not the one that Bursar uses. */
async function readElsewhere(body: Buffer): Promise<readonly (readonly [string, string | Buffer])[]> {
  const recoded = await recode(body)
  const data = await new Response(new Uint8Array(recoded.body), { headers: { 'content-type': recoded.contentType } }).formData()
  const entries = [...data.entries()].map(async ([name, value]) => {
    return [name, typeof value === 'string' ? value : Buffer.from(await value.arrayBuffer())] as const
  })
  return await Promise.all(entries)
}

describe('what others read in another way', () => {
  test.each([
    ['a quoted file name', part('name="model"; x="; filename=y"', 'DEAR')],
    ['a quoted name', part('x="; name="; name="model"', 'DEAR')],
    ['two dispositions', part('name="z"\r\nContent-Disposition: form-data; name="model"', 'DEAR')],
    ['a name twice', part('name="z"; name="model"', 'DEAR')],
    ['an extended name', part(`name="z"; name*=utf-8''model`, 'DEAR')],
    ['an escaped name', part(String.raw`name="mo\del"`, 'DEAR')],
    ['a name without quotes', part('name=model', 'DEAR')],
    ['a name in another case', part('name="MODEL"', 'DEAR')],
    ['a list of one', part('name="model[]"', 'DEAR')],
    ['an index', part('name="model[0]"', 'DEAR')],
    ['a file that is a model', part('name="model"; filename="m"', 'DEAR')],
    ['a part of another kind', Buffer.from('--B\r\nContent-Disposition: attachment; name="model"\r\n\r\nDEAR\r\n')],
    ['a field in front of the first boundary', Buffer.from('Content-Disposition: form-data; name="model"\r\n\r\nDEAR\r\n')],
    ['lines that end otherwise', Buffer.from('--B\nContent-Disposition: form-data; name="model"\n\nDEAR\r\n')],
    ['another alphabet', part('name="model"\r\nContent-Type: text/plain; charset=utf-16le', Buffer.from('DEAR', 'utf16le'))],
  ])('%s is refused, or is read alike', async (_, hidden) => {
    for (const parts of [
      [FILE, MODEL, hidden],
      [hidden, FILE, MODEL],
    ]) {
      const here = await read(form(...parts)).catch((error: unknown) => error)
      if (here instanceof InvalidRequest) continue
      const models = (await readElsewhere(form(...parts))).filter(([name]) => name.toLowerCase().startsWith('model'))
      expect(models).toEqual([['model', (here as { model: string }).model]])
    }
  })
})

test('fields and files are as they were, byte by byte', async () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z_]{1,12}$/), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(
      names,
      fc.array(fc.string({ unit: 'grapheme' }), { minLength: 8 }),
      fc.uint8Array({ maxLength: 3000 }).map((bytes) => bytes.filter((byte) => byte !== 0x42)),
      async (all, texts, bytes) => {
        const file = Buffer.concat([Buffer.from(bytes), Buffer.from('\r\n--'), Buffer.from(bytes)])
        const fields = all.map((name, i) => [`x_${name}`, (texts[i] ?? '').replaceAll('--B', '')] as const)
        const body = form(...fields.map(([name, text]) => part(`name="${name}"`, text)), part('name="file"; filename="é.wav"', file))
        expect(await readElsewhere(body)).toEqual([...fields, ['file', file]])
      },
    ),
    { numRuns: 200 },
  )
})

test("a file's name keeps its end, and nothing that ends a head", async () => {
  const { body, contentType } = await recode(form(part('name="file"; filename="a\\"; name=\\"b.mp3"', 'x')))
  expect(formFields(body, contentType).map(({ name }) => name)).toEqual(['file'])
  expect(body.toString()).toMatch(/filename="[^"]*\.mp3"/)
})

test.each([
  ['no end', Buffer.concat([MODEL, Buffer.from('--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx')]), TYPE],
  ['nothing', Buffer.alloc(0), TYPE],
  ['no boundary in its type', form(MODEL), 'multipart/form-data'],
  ['too many parts', form(...Array.from({ length: 501 }, (_, i) => part(`name="f${i}"`, 'x'))), TYPE],
  ['a field that is too long', form(part('name="model"', 'cheap'), part('name="prompt"', 'x'.repeat(262_145))), TYPE],
  ['a part without a name', form(MODEL, part('x="y"', 'x')), TYPE],
  ['a name with a line break', form(MODEL, part('name="a%0D%0Ab"', 'x')), TYPE],
  ['a field twice', form(MODEL, MODEL), TYPE],
])('a form with %s is refused', async (_, body, type) => {
  await expect(read(body, type)).rejects.toThrow(InvalidRequest)
})

test('whatever the bytes, a form is refused or read alike', async () => {
  const pieces = fc.constantFrom(
    '--B',
    '--B--',
    '\r\n',
    '\n',
    '\r',
    'Content-Disposition: form-data; name="model"',
    '; filename="a"',
    'x',
    '"',
    ':',
    '\r\n\r\n',
    '\0',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { maxLength: 20 }), async (all) => {
      const body = Buffer.concat([Buffer.from(all.join('')), MODEL, Buffer.from('--B--\r\n')])
      const here = await read(body).catch((error: unknown) => error)
      if (here instanceof InvalidRequest) return
      const models = (await readElsewhere(body)).filter(([name]) => name === 'model').map(([, value]) => value)
      expect(models).toEqual([(here as { model: string }).model])
    }),
    { numRuns: 1000 },
  )
})

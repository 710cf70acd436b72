import { type AnswerParts, asList, asObject, createSseAnswer, readWhole, ReadingSoFar, stringIn, textOf } from '../answer.ts'
import { readBilling } from '../billing.ts'
import { isFormData } from '../framing/form-data.ts'
import { recodeForm } from '../framing/form-recoding.ts'
import type { JsonObject, Metered, PathValues, RequestFacts } from '../provider.ts'
import { fillByUnknown, InputTally } from '../input-tally.ts'
import { parseBody } from '../request-body.ts'
import { countIn, flagIn } from '../request-fields.ts'
import { estimateRequest } from '../request-text.ts'
import { openAiContextMax } from './context-max.ts'
import { countInForm, flagInForm, prepareForm, readForm } from './form-request.ts'
import type { InputFacts } from './input-bound.ts'
import { IMAGE_OPTIONS } from './known-options.ts'
import { prepareEmbeddings } from './request.ts'
import { readMediaUsage } from './usage.ts'

/*
 * Image generation and edits. What GPT Image models count for an image by its quality and size is published
 * (https://platform.openai.com/docs/guides/image-generation#cost-and-latency); other models are counted by the image.
 */

/** Of high quality; and of any that is not known. */
const TOKENS_OF_DEAREST = [4160, 6240] as const
/** Output tokens of a square and of a larger image. */
const TOKENS_OF_QUALITY: Readonly<Record<string, readonly [square: number, larger: number]>> = {
  low: [272, 408],
  medium: [1056, 1584],
  high: TOKENS_OF_DEAREST,
}
const SQUARE_PIXELS = 1024 * 1024
const LARGER_PIXELS = 1024 * 1536
/** Each preview of a streamed image. */
const PARTIAL_IMAGE_TOKENS = 100
/** An image that is edited, at high fidelity: its 6,240 tokens, 8 tiles of 129 and the base of 65, rounded up. */
const INPUT_IMAGE_TOKENS_MAX = 8000

function readImagesRequest(body: Buffer, path: PathValues, contentType: string): { facts: RequestFacts; json: JsonObject } {
  if (isFormData(contentType)) return readImagesForm(body, path, contentType)
  const { json, model } = parseBody(body, path)
  const single = [json['image'], json['mask']].filter((image) => image !== undefined && image !== null)
  const images = [...asList(json['images']), ...asList(json['input_references']), ...single].length
  const input = boundInput(json, model, { images, bytes: images === 0 ? body.length : Buffer.byteLength(textOf(json)) })
  return { json, facts: factsOf({ json, model, input, count: countIn }, flagIn(json, 'stream') === true) }
}

function readImagesForm(body: Buffer, path: PathValues, contentType: string): { facts: RequestFacts; json: JsonObject } {
  const { json, model, files } = readForm(body, contentType, path)
  const input = boundInput(json, model, { images: files.length, bytes: Buffer.byteLength(textOf(json)) })
  return { json, facts: factsOf({ json, model, input, count: countInForm }, flagInForm(json, 'stream') === true) }
}

function boundInput(json: JsonObject, model: string, { images, bytes }: { readonly images: number; readonly bytes: number }): InputFacts {
  const tally = new InputTally()
  fillByUnknown(tally, json, IMAGE_OPTIONS, 'option')
  tally.add(images * INPUT_IMAGE_TOKENS_MAX)
  return tally.boundOf(bytes, openAiContextMax(model))
}

interface ReadRequest {
  readonly json: JsonObject
  readonly model: string
  readonly input: InputFacts
  readonly count: (json: JsonObject, name: string) => number | undefined
}

function factsOf({ json, model, input, count }: ReadRequest, isStream: boolean): RequestFacts {
  const partial = (count(json, 'partial_images') ?? 0) * PARTIAL_IMAGE_TOKENS
  const outputMax = tokensOfImage(json) + partial
  return { model, isStream, ...input, outputMax, outputMin: outputMax, canClamp: false, choices: Math.max(1, count(json, 'n') ?? 1) }
}

/** The most output tokens that one image of the request can have; what the request leaves to the model is the dearest. */
function tokensOfImage({ quality, size }: JsonObject): number {
  const [square, larger] =
    (typeof quality === 'string' && Object.hasOwn(TOKENS_OF_QUALITY, quality) ? TOKENS_OF_QUALITY[quality] : undefined) ?? TOKENS_OF_DEAREST
  const [, width, height] = (typeof size === 'string' ? /^(\d{1,5})x(\d{1,5})$/.exec(size) : undefined) ?? []
  const pixels = width === undefined || height === undefined ? LARGER_PIXELS : Number(width) * Number(height)
  return pixels <= SQUARE_PIXELS ? square : Math.ceil(larger * Math.max(1, pixels / LARGER_PIXELS))
}

function readImagesParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject, images: number) => {
    if (data['error'] !== undefined && data['error'] !== null) return soFar.fail()
    const reported = asObject(data['usage'])
    const usage = readMediaUsage(reported)
    // What tells its cost alone is understood.
    soFar.report(usage, usage?.output?.total !== undefined, reported?.['cost_in_usd_ticks'] === undefined ? reported : undefined)
    soFar.bill(readBilling(reported, data['service_tier']))
    if (usage === undefined && images > 0)
      soFar.standIn({ output: images * tokensOfImage({ size: '1024x1024' }), why: 'the provider counts images and not tokens' })
  }
  return {
    whole: (data) => read(data, asList(data['data']).length),
    event: (data) => read(data, stringIn(data, 'type').endsWith('.completed') ? 1 : 0),
    reading: () => soFar.reading(),
  }
}

export const images: Metered = {
  kind: 'metered',
  recode: recodeForm,
  readRequest: readImagesRequest,
  prepare: (body, facts, changes) => (isForm(body) ? prepareForm(body, changes) : prepareEmbeddings(body, facts, changes)),
  estimateInput: estimateRequest,
  readAnswer: (status, body) => readWhole(readImagesParts(), status, body),
  readStream: () => createSseAnswer(readImagesParts()),
}

function isForm(body: Buffer): boolean {
  return body.toString('latin1', 0, 2) === '--'
}

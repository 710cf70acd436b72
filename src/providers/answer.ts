import { type Billing, laterCounts, largerCounts, type TokenCounts } from '../domain/usage/usage.ts'
import { beginningOf } from './framing/first-byte.ts'
import { GrowingBytes } from './framing/growing-bytes.ts'
import { JsonObjectFramer } from './framing/json-objects.ts'
import { type SseEvent, SseFramer } from './framing/sse.ts'
import { RawUsage } from './raw-usage.ts'
import { hasUnknownCounts } from './unknown-counts.ts'
import type { AnswerReading, AnswerStream, JsonObject, ReportedPart, Stoppable } from './provider.ts'

/** Reads the JSON objects of one answer, in their order. */
export interface AnswerParts {
  /** One event of a stream. */
  readonly event: (data: JsonObject) => void
  /** A whole answer. */
  readonly whole: (data: JsonObject) => void
  readonly reading: () => AnswerReading
  /** Where its stream can be ended after any event. */
  readonly stoppable?: {
    readonly fresh: () => string
    /** The events that end it, as text. */
    readonly closing: () => string
  }
}

const PRODUCED_CHARS_MAX = 1 << 20

/** What an answer was found to say so far. */
export class ReadingSoFar {
  #reported: TokenCounts | undefined
  #billing: Billing | undefined
  readonly #raw = new RawUsage()
  #isComplete = false
  #isError = false
  #isNotUnderstood = false
  #hasUnknownCounts = false
  #produced: string[] = []
  #producedChars = 0
  #producedBeyond = 0
  #standIn: AnswerReading['standIn']
  /** Kept only where it is asked for. */
  #fresh: string | undefined
  #job: string | undefined
  #id: string | undefined
  #model: string | undefined
  #others: readonly ReportedPart[] | undefined
  #kept: readonly string[] | undefined

  /**
   * Where a provider reports more than once, its counts are cumulative: a later report may raise each of them, and never lowers one
   * (relays end a stream with zeros).
   * @param usage what the counts were read from
   */
  report(counts: TokenCounts | undefined, isComplete: boolean, usage?: unknown): void {
    this.#raw.see(usage)
    this.#hasUnknownCounts ||= hasUnknownCounts(usage)
    if (counts === undefined) {
      this.#isNotUnderstood ||= Object.keys(asObject(usage) ?? {}).length > 0
      return
    }
    this.#reported = this.#reported === undefined ? counts : largerCounts(this.#reported, counts)
    this.#isComplete ||= isComplete
  }

  /** As {@link report}, of a provider whose counts begin anew: the later count stands, unless it is zero or not there. */
  reportAnew(counts: TokenCounts | undefined, isComplete: boolean, usage?: unknown): void {
    const before = this.#reported
    if (counts === undefined) return this.report(counts, isComplete, usage)
    this.#reported = undefined
    this.#isComplete = false
    this.report(counts, isComplete, usage)
    if (before !== undefined) this.#reported = laterCounts(before, counts)
  }

  /** The parts that other models or meters used; what is said later replaces them. */
  reportOthers(others: readonly ReportedPart[]): void {
    if (others.length > 0) this.#others = others
  }

  /** The model that answered. */
  isBy(model: unknown): void {
    if (typeof model === 'string' && model !== '') this.#model = model
  }

  /** What is said later replaces what it names. */
  bill(billing: Billing): void {
    if (Object.keys(billing).length === 0) return
    this.#billing = { ...this.#billing, ...billing }
  }

  fail(): void {
    this.#isError = true
  }

  produce(text: string): void {
    if (text === '') return
    if (this.#fresh !== undefined) this.#fresh += text
    if (this.#producedChars + text.length > PRODUCED_CHARS_MAX) {
      this.#producedBeyond += Buffer.byteLength(text)
      return
    }
    this.#producedChars += text.length
    this.#produced.push(text)
  }

  /** The text that was produced since this was asked for the last time; from the first time on it is kept. */
  fresh(): string {
    const fresh = this.#fresh ?? ''
    this.#fresh = ''
    return fresh
  }

  /** What stands for tokens that the provider does not count. */
  standIn(tokens: NonNullable<AnswerReading['standIn']>): void {
    this.#standIn = tokens
  }

  /** How a later request may name this answer. */
  isNamed(id: string): void {
    if (id !== '') this.#id = id
  }

  /** What a later request may name of it. */
  keeps(ids: readonly string[]): void {
    if (ids.length > 0) this.#kept = this.#kept === undefined ? ids : [...this.#kept, ...ids]
  }

  /** The provider works on, and calls that work so. */
  worksOn(job: string): void {
    this.#job = job
  }

  get reported(): TokenCounts | undefined {
    return this.#reported
  }

  reading(): AnswerReading {
    return {
      reported: this.#reported,
      billing: this.#billing,
      isComplete: this.#isComplete,
      produced: this.#produced.join(''),
      producedBeyond: this.#producedBeyond,
      isError: this.#isError,
      id: this.#id,
      kept: this.#kept,
      job: this.#job,
      raw: this.#raw.all,
      hasUnknownCounts: this.#hasUnknownCounts,
      model: this.#model,
      others: this.#others,
      standIn: this.#standIn,
      isNotUnderstood: this.#isNotUnderstood && !this.#isComplete,
    }
  }
}

/** Reads a whole answer. Never throws, whatever the bytes. */
export function readWhole(parts: Pick<AnswerParts, 'whole' | 'reading'>, status: number, body: Buffer): AnswerReading {
  const data = parseObject(body.toString())
  if (data !== undefined) parts.whole(data)
  const reading = parts.reading()
  if (status < 400) return reading
  const errorCode = stringIn(asObject(data?.['error']) ?? {}, 'code')
  return { ...reading, isError: true, ...(errorCode === '' ? {} : { errorCode }) }
}

/**
 * Reads a stream of server-sent events, and relays it. Where nothing may be hidden the very bytes pass at once; else each
 * event passes when it is complete. An answer that turns out to be one JSON object, and no stream, is read at its end.
 * @param isHidden the event that the client did not ask for; absent: nothing is hidden
 * @param isStoppable true where each event passes when it is complete, so that the answer can be ended after it
 */
export function createSseAnswer(parts: AnswerParts, isHidden?: (data: JsonObject) => boolean, isStoppable = false): AnswerStream {
  const isInEvents = isHidden !== undefined || isStoppable
  const framer = new SseFramer()
  const plain = new PlainBody()
  const events = new Events(parts)
  const relay = ({ bytes, data, isUnread }: SseEvent): Buffer => {
    if (isUnread === true) events.passOver()
    const parsed = data === undefined ? undefined : events.take(data)
    return parsed !== undefined && isHidden?.(parsed) === true ? NO_BYTES : bytes
  }
  const readKept = (kept: Buffer): void => {
    if (plain.isTooLarge) return events.passOver()
    const whole = parseObject(kept.toString())
    if (whole !== undefined) return parts.whole(whole)
    for (const data of eventsIn(kept)) events.take(data)
  }
  const rest = (): Buffer => {
    const visible = relay(framer.end())
    return isInEvents ? visible : NO_BYTES
  }
  return {
    reading: () => events.reading(),
    push: (chunk) => {
      if (plain.takes(chunk)) return isInEvents ? Buffer.concat([rest(), chunk]) : chunk
      const visible = framer.push(chunk).map((event) => relay(event))
      return isInEvents ? Buffer.concat(visible) : chunk
    },
    end: () => {
      const kept = plain.bytes()
      if (kept === undefined) return rest()
      readKept(kept)
      return NO_BYTES
    },
    ...(isStoppable && parts.stoppable !== undefined ? { stoppable: stoppableBy(parts.stoppable, events) } : {}),
  }
}

/** The data of a damaged stream's events, or lines of JSON. */
function eventsIn(kept: Buffer): readonly string[] {
  const framer = new SseFramer()
  const found = [...framer.push(kept), framer.end()].flatMap(({ data }) => data ?? [])
  return found.length > 0 ? found : new JsonObjectFramer().push(kept)
}

function stoppableBy({ fresh, closing }: NonNullable<AnswerParts['stoppable']>, events: Events): Stoppable {
  fresh()
  return {
    fresh: () => {
      events.readUnread()
      return fresh()
    },
    stop: () => Buffer.from(closing()),
  }
}

/** Events that are kept unread, in characters of their data. */
const UNREAD_CHARS_MAX = 1 << 18

/**
 * The events of a stream. Most hold nothing but text, which counts only where no usage is reported: they are kept unread, and
 * read if it comes to that, or if they become too many.
 */
class Events {
  readonly #parts: AnswerParts
  #unread: string[] = []
  #unreadChars = 0
  #isPassedOver = false

  constructor(parts: AnswerParts) {
    this.#parts = parts
  }

  /** The event's object where it was read at once; what may report usage or an error is. */
  take(data: string): JsonObject | undefined {
    if (!REPORT_OR_ERROR.test(data)) return this.#keep(data)
    const parsed = parseObject(data)
    if (parsed !== undefined) this.#parts.event(parsed)
    return parsed
  }

  /** Something of the answer was too large to be read. */
  passOver(): void {
    this.#isPassedOver = true
  }

  reading(): AnswerReading {
    if (this.#unread.length > 0 && !this.#parts.reading().isComplete) this.readUnread()
    const reading = this.#parts.reading()
    return this.#isPassedOver && !reading.isComplete ? { ...reading, isUnread: true } : reading
  }

  #keep(data: string): undefined {
    this.#unread.push(data)
    this.#unreadChars += data.length
    if (this.#unreadChars > UNREAD_CHARS_MAX) this.readUnread()
  }

  readUnread(): void {
    for (const data of this.#unread) {
      const parsed = parseObject(data)
      if (parsed !== undefined) this.#parts.event(parsed)
    }
    this.#unread = []
    this.#unreadChars = 0
  }
}

/**
 * Without a match a text holds neither a report nor an error, as these APIs write them. A regular expression, since to search twice
 * takes four times as long.
 */
const REPORT_OR_ERROR = /"usage(?!":null)|"error"/

const NO_BYTES = Buffer.alloc(0)
const PLAIN_BYTES_MAX = 16 * 1024 * 1024

/** A body that begins with a brace is no stream of events, or a damaged one: it is kept (bounded) and read at its end. */
export class PlainBody {
  #isPlain: boolean | undefined
  readonly #kept = new GrowingBytes()
  #isTooLarge = false

  takes(chunk: Buffer): boolean {
    if (this.#isPlain === undefined) {
      const beginning = beginningOf(chunk)
      if (beginning !== undefined) this.#isPlain = beginning === 'object'
    }
    if (this.#isPlain !== true) return false
    this.#isTooLarge ||= this.#kept.length + chunk.length > PLAIN_BYTES_MAX
    if (this.#isTooLarge) this.#kept.take()
    else this.#kept.add(chunk)
    return true
  }

  /** All of it; undefined where it is none; empty where it is too large. */
  bytes(): Buffer | undefined {
    return this.#isPlain === true ? this.#kept.bytes() : undefined
  }

  get isTooLarge(): boolean {
    return this.#isTooLarge
  }
}

/** The JSON object of a text; undefined where it is none. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text))
  } catch {
    return undefined
  }
}

/** A value that was parsed, as JSON again; undefined where it nests too deep to be written. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

export function asObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value as a list; empty where it is none. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The objects of a list. */
export function asObjects(value: unknown): readonly JsonObject[] {
  return asList(value).filter((item) => isObject(item))
}

/** The text that a member is; '' where it is none. */
export function stringIn(object: JsonObject, name: string): string {
  const value = object[name]
  return typeof value === 'string' ? value : ''
}

/** Members of an answer or a request that hold text which models read or write. */
const TEXT_MEMBERS = [
  'content', 'text', 'reasoning_content', 'reasoning', 'refusal', 'thinking', 'partial_json', 'arguments', 'name', 'function',
  'function_call', 'tool_calls', 'input', 'output', 'summary', 'instructions', 'system', 'messages', 'prompt', 'tools', 'description',
  'parameters', 'input_schema', 'properties',
] // prettier-ignore

/** No request nests deeper, and no answer does; bounds the recursion. */
const TEXT_DEPTH_MAX = 128

/** All text in a value, without the data of images and files. */
export function textOf(value: unknown): string {
  return textBelow(value, 0)
}

function textBelow(value: unknown, depth: number): string {
  if (typeof value === 'string') return value
  if (depth > TEXT_DEPTH_MAX) return ''
  if (Array.isArray(value)) return value.map((item: unknown) => textBelow(item, depth + 1)).join('')
  const object = asObject(value)
  if (object === undefined) return ''
  return TEXT_MEMBERS.map((name) => (object[name] === undefined ? '' : textBelow(object[name], depth + 1))).join('')
}

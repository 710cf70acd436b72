import { addCounts, chargedCounts, largerCounts, type TokenCounts, totalTokens } from '../../domain/usage/usage.ts'
import { asList, asObject, asObjects, type AnswerParts, ReadingSoFar, stringIn, textOf } from '../answer.ts'
import { RESPONSE } from '../kept.ts'
import { readBilling } from '../billing.ts'
import type { JsonObject, ReportedPart } from '../provider.ts'
import { ChatClosing, ResponseClosing } from './closing.ts'
import { readChatUsage, readResponsesUsage } from './usage.ts'

/** Chat completions and completions: whole answers and chunks have the same members. */
export function readChatParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const choices = new ChoiceUsages()
  const read = (data: JsonObject) => {
    if (data['error'] !== undefined && data['error'] !== null) soFar.fail()
    soFar.isBy(data['model'])
    const reported = data['usage'] ?? asObject(data['x_groq'])?.['usage']
    const usage = readChatUsage(reported) ?? choices.read(data['choices'])
    soFar.report(usage, usage?.output?.total !== undefined, reported)
    soFar.bill(readBilling(asObject(reported), data['service_tier']))
    return usage?.output?.total !== undefined
  }
  const produce = (data: JsonObject) => {
    for (const choice of asList(data['choices'])) soFar.produce(producedBy(asObject(choice)))
  }
  // Only what may be ended early, of which `fresh` is asked, keeps how to end it.
  let closing: ChatClosing | undefined
  const fresh = () => {
    closing ??= new ChatClosing()
    return soFar.fresh()
  }
  return {
    stoppable: { fresh, closing: () => closing?.text() ?? '' },
    event: (data) => {
      read(data)
      produce(data)
      closing?.see(data)
    },
    // What a complete report covers need not be counted.
    whole: (data) => {
      if (!read(data)) produce(data)
    },
    reading: () => soFar.reading(),
  }
}

/**
 * Moonshot reports the usage of a stream in its last choice (https://platform.moonshot.ai/docs/api/chat). Each choice has its own
 * output; the input is that of all.
 */
class ChoiceUsages {
  readonly #byIndex = new Map<unknown, TokenCounts>()

  /** All that the choices have reported so far; undefined where these report nothing. */
  read(choices: unknown): TokenCounts | undefined {
    let isReported = false
    for (const choice of asObjects(choices)) {
      const usage = choice['usage'] === undefined ? undefined : readChatUsage(choice['usage'])
      if (usage === undefined || this.#byIndex.size >= CHOICES_MAX) continue
      isReported = true
      this.#byIndex.set(choice['index'], largerCounts(this.#byIndex.get(choice['index']) ?? {}, usage))
    }
    if (!isReported) return undefined
    return [...this.#byIndex.values()].reduce((all, { output, ...rest }) => ({
      ...largerCounts(all, rest),
      output: addCounts({ output: all.output ?? {} }, { output: output ?? {} }).output ?? {},
    }))
  }
}

/** More than any API answers with. */
const CHOICES_MAX = 1000

function producedBy(choice: JsonObject | undefined): string {
  return textOf(choice?.['delta'] ?? choice?.['message'] ?? choice?.['text'])
}

/** Embeddings produce no tokens: a report of the input is all there is. */
export function readEmbeddingsParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    if (data['error'] !== undefined && data['error'] !== null) soFar.fail()
    soFar.report(readChatUsage(data['usage']), true, data['usage'])
  }
  return { event: read, whole: read, reading: () => soFar.reading() }
}

/** The Responses API: a whole answer, or events of which the last carries it. */
export function readResponsesParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const whole = (data: JsonObject) => {
    if (data['error'] !== undefined && data['error'] !== null) soFar.fail()
    soFar.isNamed(stringIn(data, 'id'))
    soFar.isBy(data['model'])
    soFar.reportOthers(toolParts(data['tool_usage']))
    soFar.keeps(RESPONSE.idsIn(data))
    if (data['background'] === true) soFar.worksOn(stringIn(data, 'id'))
    const usage = responsesUsageOf(data)
    soFar.report(usage, usage?.output?.total !== undefined, data['usage'])
    soFar.bill(readBilling(asObject(data['usage']), data['service_tier']))
    if (usage?.output?.total === undefined) soFar.produce(textOf(data['output']))
  }
  const event = (data: JsonObject) => {
    const type = typeof data['type'] === 'string' ? data['type'] : ''
    if (type === 'error' || type === 'response.failed') soFar.fail()
    if (type.endsWith('.delta') && typeof data['delta'] === 'string') soFar.produce(data['delta'])
    const response = asObject(data['response'])
    if (response === undefined) return
    soFar.isNamed(stringIn(response, 'id'))
    soFar.isBy(response['model'])
    soFar.reportOthers(toolParts(response['tool_usage']))
    soFar.keeps(RESPONSE.idsIn(response))
    if (response['background'] === true) soFar.worksOn(stringIn(response, 'id'))
    const usage = responsesUsageOf(response)
    soFar.report(usage, usage?.output?.total !== undefined, response['usage'])
    soFar.bill(readBilling(asObject(response['usage']), response['service_tier']))
  }
  // All of the answer's text: kept only where it may be ended early, of which `fresh` is asked.
  let closing: ResponseClosing | undefined
  const fresh = () => {
    closing ??= new ResponseClosing()
    return soFar.fresh()
  }
  return {
    event: (data) => {
      event(data)
      closing?.see(data)
    },
    whole,
    reading: () => soFar.reading(),
    stoppable: { fresh, closing: () => closing?.text() ?? '' },
  }
}

/** What the tool that makes images used, at its own model's rates; it stands beside the usage and not in it. */
function toolParts(toolUsage: unknown): readonly ReportedPart[] {
  const counts = readResponsesUsage(asObject(toolUsage)?.['image_gen'])
  if (counts === undefined || totalTokens(chargedCounts(counts)) === 0) return []
  return [{ model: { tool: 'image_generation' }, counts }]
}

/** With the searches of the web that the answer made: each is priced. */
function responsesUsageOf(response: JsonObject): TokenCounts | undefined {
  const usage = readResponsesUsage(response['usage'])
  if (usage === undefined) return undefined
  const searches = asObjects(response['output']).filter(
    ({ type, action }) => type === 'web_search_call' && (asObject(action)?.['type'] ?? 'search') === 'search',
  )
  return searches.length === 0 ? usage : { ...usage, webSearches: searches.length }
}

/** The chunk that `stream_options.include_usage` adds: usage, and no choices. */
export function isUsageChunk(data: JsonObject): boolean {
  const { choices, usage } = data
  return Array.isArray(choices) && choices.length === 0 && usage !== null && usage !== undefined
}

import { asObject, asObjects, jsonText, stringIn } from '../answer.ts'
import type { JsonObject } from '../provider.ts'

/*
 * The last events of a stream that is ended before its provider ends it, as the provider writes them where the model reaches
 * its maximum.
 */

/**
 * Chat completions: a chunk with the finish reason `length` for each choice that has none, then `[DONE]`. A usage chunk is left
 * out, as for any stream that is interrupted (https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options).
 */
export class ChatClosing {
  readonly #isFinished = new Map<number, boolean>()
  #chunk: JsonObject = {}

  see(chunk: JsonObject): void {
    this.#chunk = chunk
    for (const { index, finish_reason: reason } of asObjects(chunk['choices'])) {
      if (typeof index === 'number') this.#isFinished.set(index, this.#isFinished.get(index) === true || typeof reason === 'string')
    }
  }

  text(): string {
    const open = [...this.#isFinished].filter(([, isFinished]) => !isFinished).map(([index]) => index)
    const choices = open.map((index) => ({ index, delta: {}, logprobs: null, finish_reason: 'length' }))
    const { usage: _, ...chunk } = this.#chunk
    return `data: ${jsonText({ ...chunk, choices }) ?? '{}'}\n\ndata: [DONE]\n\n`
  }
}

interface OpenItem {
  readonly item: JsonObject
  readonly index: number
  text: string
  hasPart: boolean
}

/**
 * Responses: what is open is done, its item is incomplete, and so is the response
 * (https://platform.openai.com/docs/api-reference/responses-streaming).
 */
export class ResponseClosing {
  readonly #open = new Map<number, OpenItem>()
  readonly #done: JsonObject[] = []
  #response: JsonObject = {}
  #sequence = 0

  see(event: JsonObject): void {
    if (typeof event['sequence_number'] === 'number') this.#sequence = event['sequence_number']
    this.#response = asObject(event['response']) ?? this.#response
    const index = event['output_index']
    if (typeof index === 'number') this.#seeItem(stringIn(event, 'type'), index, event)
  }

  text(): string {
    const events = [...this.#open.values()].flatMap((open) => this.#end(open))
    const output = [...this.#done]
    const response = { ...this.#response, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output, usage: null }
    return [...events, { type: 'response.incomplete', response }].map((event) => this.#write(event)).join('')
  }

  #seeItem(type: string, index: number, event: JsonObject): void {
    const open = this.#open.get(index)
    const item = asObject(event['item']) ?? {}
    if (type === 'response.output_item.added') this.#open.set(index, { item, index, text: '', hasPart: false })
    if (type === 'response.content_part.added' && open !== undefined) open.hasPart = true
    if (type.endsWith('.delta') && open !== undefined) open.text += stringIn(event, 'delta')
    if (type !== 'response.output_item.done') return
    this.#open.delete(index)
    this.#done.push(item)
  }

  #end({ item, index, text, hasPart }: OpenItem): readonly JsonObject[] {
    const at = { item_id: item['id'], output_index: index }
    const part = { type: 'output_text', text, annotations: [], logprobs: [] }
    const isMessage = item['type'] === 'message' && hasPart
    const ended = {
      ...item,
      status: 'incomplete',
      ...(isMessage ? { content: [part] } : {}),
      ...(item['type'] === 'function_call' ? { arguments: text } : {}),
    }
    this.#done.push(ended)
    const ofPart = [
      { type: 'response.output_text.done', ...at, content_index: 0, text, logprobs: [] },
      { type: 'response.content_part.done', ...at, content_index: 0, part },
    ]
    return [...(isMessage ? ofPart : []), { type: 'response.output_item.done', output_index: index, item: ended }]
  }

  #write(event: JsonObject): string {
    this.#sequence++
    return `event: ${stringIn(event, 'type')}\ndata: ${jsonText({ ...event, sequence_number: this.#sequence }) ?? '{}'}\n\n`
  }
}

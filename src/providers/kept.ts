import { asList, asObject, asObjects, stringIn } from './answer.ts'
import type { JsonObject, Kept } from './provider.ts'

/*
 * What providers keep, and by which members of requests and answers it is named. An id that a request names must belong to whom it
 * came from: a provider gives what its key made to whoever has the key, and all teams share that.
 */

/** An object with an id, and nothing that was made for it. */
export const ONE: Kept = { idsIn: (object) => present(stringIn(object, 'id')) }

/** OpenAI's batches with the files of their results (https://platform.openai.com/docs/api-reference/batch/object). */
export const BATCH: Kept = { idsIn: (batch) => present(...['id', 'output_file_id', 'error_file_id'].map((name) => stringIn(batch, name))) }

/** A stored response with the items of its output, and the containers that they ran in; each may be named later. */
export const RESPONSE: Kept = {
  idsIn: (response) => {
    const items = asObjects(response['output'])
    return present(stringIn(response, 'id'), ...items.flatMap((item) => [stringIn(item, 'id'), stringIn(item, 'container_id')]))
  },
}

/** The same, in lists that are paged by the last id: `after=`, Anthropic `after_id=`. */
export function listOf({ idsIn }: Kept, pagedBy: string): Kept {
  return { idsIn, pagedBy }
}

function present(...ids: readonly string[]): readonly string[] {
  return ids.filter((id) => id !== '')
}

/** Members that name one object, or a list of them, wherever they stand in the content or tools of a request. */
const NAMING: ReadonlySet<string> = new Set(['file_id', 'file_ids', 'vector_store_ids', 'container', 'container_id'])
/** What a model or a person wrote: a schema, or arguments, whose members mean nothing to the provider. */
const FREE_TEXT: ReadonlySet<string> = new Set(['parameters', 'input_schema', 'schema', 'arguments', 'metadata'])

/** What the content and tools of a request name. */
function namedWithin(root: unknown): readonly string[] {
  const found: string[] = []
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (Array.isArray(value)) for (const one of value) open.push(one)
    const object = asObject(value)
    if (object === undefined) continue
    for (const name in object) {
      const member = object[name]
      if (NAMING.has(name)) found.push(...idsOf(member))
      if (typeof member === 'object' && !FREE_TEXT.has(name)) open.push(member)
    }
  }
  return found
}

function idsOf(member: unknown): readonly string[] {
  if (typeof member === 'string') return [member]
  return asList(member).filter((id) => typeof id === 'string')
}

/** By its id, or an object with one (`conversation`, `container`). */
function namedAt(json: JsonObject, name: string): readonly string[] {
  const value = json[name]
  return present(typeof value === 'string' ? value : stringIn(asObject(value) ?? {}, 'id'))
}

/**
 * What a request of the Responses API names: https://platform.openai.com/docs/api-reference/responses/create. An item of the input
 * that has an id and not its content stands for one that is stored.
 */
export function openAiReferences(json: JsonObject): readonly string[] {
  const items = asObjects(json['input']).filter(isStored)
  return [
    ...namedAt(json, 'previous_response_id'),
    ...namedAt(json, 'conversation'),
    ...items.flatMap((item) => namedAt(item, 'id')),
    ...namedWithin([json['input'], json['messages'], json['tools']]),
  ]
}

function isStored(item: JsonObject): boolean {
  switch (item['type']) {
    case 'item_reference':
      return true
    case 'reasoning':
      return typeof item['encrypted_content'] !== 'string'
    case 'image_generation_call':
      return typeof item['result'] !== 'string'
    default:
      return item['type'] === undefined && item['role'] === undefined
  }
}

/** Files in the content, and the container of an earlier answer (https://docs.claude.com/en/api/messages). */
export function anthropicReferences(json: JsonObject): readonly string[] {
  return [...namedAt(json, 'container'), ...namedWithin([json['messages'], json['system']])]
}

/** What was cached (https://ai.google.dev/api/caching), uploaded (https://ai.google.dev/api/files), or answered before. */
export function geminiReferences(json: JsonObject): readonly string[] {
  const cached = [...namedAt(json, 'cachedContent'), ...namedAt(json, 'cached_content')]
  return [...cached, ...namedAt(json, 'previous_interaction_id'), ...uploadsIn([json['contents'], json['input']])]
}

const UPLOAD = /^(?:https:\/\/generativelanguage\.googleapis\.com\/[^/]+\/)?(files\/[^/?#]+)/

function uploadsIn(root: unknown): readonly string[] {
  const found: string[] = []
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (Array.isArray(value)) for (const one of value) open.push(one)
    const object = asObject(value)
    if (object === undefined) continue
    for (const name of ['fileUri', 'file_uri', 'uri']) found.push(...present(UPLOAD.exec(stringIn(object, name))?.[1] ?? ''))
    for (const name in object) if (typeof object[name] === 'object' && !FREE_TEXT.has(name)) open.push(object[name])
  }
  return found
}

import { asList, asObject, stringIn } from './answer.ts'
import { InvalidRequest, type JsonObject, type RequestFacts } from './provider.ts'
import { toModel } from './request-body.ts'

/*
 * Further models that a request names: fallbacks (OpenRouter's `models`, Anthropic's `fallbacks`), the models of tools (an advisor, the
 * one that makes images) and of plugins. They are looked for by the names of members, wherever a request has options, so that a new
 * option of a provider is found too.
 */

/** Members that name a model, or a list of them. */
const NAMING: ReadonlySet<string> = new Set([
  'model', 'models', 'fallback', 'fallbacks', 'fallback_model', 'fallback_models', 'allowed_models', 'advisor_model', 'judge_model', 'router_model',
]) // prettier-ignore

/** Members that hold what models read, or the shape of an answer; there a model's name is a word as any other. */
const CONTENT: ReadonlySet<string> = new Set([
  'messages', 'input', 'contents', 'content', 'system', 'prompt', 'instructions', 'metadata', 'documents', 'function', 'parameters',
  'input_schema', 'schema', 'json_schema', 'response_format', 'text', 'text_format', 'inputs', 'texts', 'query', 'description', 'examples',
  'input_examples', 'prediction', 'suffix', 'logit_bias', 'stop', 'extra_body', 'variables', 'headers', 'filters',
]) // prettier-ignore

/** Options are not nested deeper than this by any API. */
const DEPTH_MAX = 8
/** More than any provider takes; each is priced, and checked against the key and the budgets. */
const MODELS_MAX = 32

/**
 * The further models of a request, as it writes them; none of them is `model` itself.
 * @throws InvalidRequest where a member that names a model is none, or there are more than 32
 */
export function otherModelsIn(json: JsonObject, model: string): Pick<RequestFacts, 'otherModels'> {
  const found = new Set<string>()
  for (const [name, value] of Object.entries(json)) {
    if (name !== 'model') look(name, value, { found, depth: 0 })
  }
  found.delete(model)
  for (const name of found) if (FREE.test(name)) found.delete(name)
  if (found.size > MODELS_MAX) throw new InvalidRequest(`the request names more than ${MODELS_MAX} models`)
  return found.size === 0 ? {} : { otherModels: [...found] }
}

/** OpenAI's moderation costs nothing, also as an option of another call (https://platform.openai.com/docs/guides/moderation). */
const FREE = /^(?:omni|text)-moderation-/

interface Search {
  readonly found: Set<string>
  readonly depth: number
}

function look(name: string, value: unknown, { found, depth }: Search): void {
  if (value === null || CONTENT.has(name) || depth > DEPTH_MAX) return
  if (NAMING.has(name) && !isOptions(value)) return addNames(name, value, { found, depth })
  for (const part of Array.isArray(value) ? value : [value]) {
    for (const [inner, innerValue] of Object.entries(asObject(part) ?? {})) look(inner, innerValue, { found, depth: depth + 1 })
  }
}

/** An object below such a name is an option with members of its own. */
function isOptions(value: unknown): boolean {
  return asObject(value) !== undefined
}

/** A name, or a list of names and of objects that name one. */
function addNames(name: string, value: unknown, { found, depth }: Search): void {
  for (const one of Array.isArray(value) ? asList(value) : [value]) {
    if (asObject(one) === undefined) found.add(toModel(one, `"${name}"`))
    else look(name, one, { found, depth: depth + 1 })
  }
}

/** What the Responses API documents as the model of its tool that makes images where the request names none. */
const IMAGE_MODEL_DEFAULT = 'gpt-image-1'

/** As {@link otherModelsIn}, with the model of the tool that makes images. */
export function responsesModelsIn(json: JsonObject, model: string): Pick<RequestFacts, 'otherModels' | 'imageModel'> {
  const others = otherModelsIn(json, model)
  const tool = asList(json['tools'])
    .map(asObject)
    .find((one) => one?.['type'] === 'image_generation')
  if (tool === undefined) return others
  const imageModel = stringIn(tool, 'model') || IMAGE_MODEL_DEFAULT
  return { otherModels: [...new Set([...(others.otherModels ?? []), imageModel])], imageModel }
}

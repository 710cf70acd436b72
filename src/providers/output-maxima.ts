import type { Member, Splice } from './json-members.ts'
import { countAt, literalAt, type MemberPath, setAt } from './member-path.ts'
import type { JsonObject, RequestFacts } from './provider.ts'
import { countIn, wholeNumberIn } from './request-fields.ts'

/*
 * Where requests set the most output. Servers that imitate an API read more of these than the API documents, and differ in which of
 * them wins: llama.cpp takes `n_predict` before `max_tokens`, LocalAI and Ollama have `options` and `parameters`. So the largest that a
 * request has is held, and all of them are lowered together. One that the API does not document is no maximum alone: a server that
 * does not know it has none.
 */

/** How an API writes its maxima. */
export interface Maxima {
  /** As it documents them; the first is set where a request has none. */
  readonly own: readonly MemberPath[]
  /** What servers that imitate it read besides. */
  readonly others?: readonly MemberPath[]
  /** True where servers take 0 and less for no maximum; else less than 0 is refused, and 0 is 0. */
  readonly hasEndless: boolean
}

/** Below zero there is no maximum (https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md). */
export const MAXIMA_OF_SERVERS: readonly MemberPath[] = [
  ['max_tokens'], ['max_completion_tokens'], ['max_output_tokens'], ['max_new_tokens'], ['max_length'], ['max_gen_len'],
  ['max_tokens_to_sample'], ['n_predict'], ['num_predict'], ['options', 'num_predict'], ['options', 'n_predict'],
  ['parameters', 'max_new_tokens'], ['parameters', 'max_tokens'], ['parameters', 'max_length'],
] // prettier-ignore

/** What has to be produced at least is no more than the most, where a server is sound. */
const MINIMA: readonly MemberPath[] = [['min_tokens'], ['min_new_tokens']]

/** A switch of text-generation-webui: the maximum is what the context has left. */
const ENDLESS_FLAG = 'auto_max_new_tokens'

/**
 * The request's own maximum, as the facts tell it.
 * @throws InvalidRequest where a maximum is no count, or stands in what is no object
 */
export function outputMaxIn(json: JsonObject, { own, others = [], hasEndless }: Maxima): Pick<RequestFacts, 'outputMax' | 'isEndless'> {
  const documented = own.map((place) => countAt(json, place, hasEndless ? wholeNumberIn : countIn)).filter(isWritten)
  const counts = [...documented, ...others.map((place) => countAt(json, place, wholeNumberIn)).filter(isWritten)]
  const isEndless = json[ENDLESS_FLAG] === true || counts.some((count) => count < 0 || (count === 0 && hasEndless))
  if (isEndless) return { isEndless }
  const minima = others.length === 0 ? [] : MINIMA.map((place) => countAt(json, place) ?? 0)
  return documented.length === 0 ? {} : { outputMax: Math.max(...counts, ...minima) }
}

function isWritten(count: number | undefined): count is number {
  return count !== undefined
}

/**
 * Lowers every maximum of a request that is above `max`, or has no end; where it has none of the API's own, sets `absent`.
 * @param absent where to write the maximum of a request that has none
 */
export function lowerMaxima(
  body: Buffer,
  members: readonly Member[],
  {
    own,
    others = [],
    max,
    absent = own[0],
  }: Omit<Maxima, 'hasEndless'> & { readonly max: number; readonly absent?: MemberPath | undefined },
): readonly Splice[] {
  const places = new Map([...own, ...others, ...(others.length === 0 ? [] : MINIMA)].map((place) => [place.join('.'), place]))
  const written = [...places.values()].flatMap((place) => {
    const count = Number(literalAt(body, members, place))
    return Number.isNaN(count) ? [] : [{ place, count }]
  })
  const lowered = written.filter(({ place, count }) => count > max || (count <= 0 && !MINIMA.includes(place)))
  const documented = new Set(own.map((place) => place.join('.')))
  const isAbsent = !written.some(({ place }) => documented.has(place.join('.')))
  return [
    ...lowered.map(({ place }) => setAt(body, members, place, String(max))),
    ...(isAbsent && absent !== undefined ? [setAt(body, members, absent, String(max))] : []),
    ...(literalAt(body, members, [ENDLESS_FLAG]) === 'true' ? [setAt(body, members, [ENDLESS_FLAG], 'false')] : []),
  ]
}

import type { Metered } from '../providers/provider.ts'

/** A body, and what it is told to be. */
export interface TypedBody {
  readonly body: Buffer
  readonly contentType: string
}

/**
 * A request's body as it is read, and goes to the provider.
 * @throws InvalidRequest where it can't be read in one way only
 */
export async function typedBody({ recode }: Metered, { body, contentType }: TypedBody): Promise<TypedBody> {
  const typed = await recode?.(body, contentType)
  return typed ?? { body, contentType: JSON_TYPE.test(contentType) ? contentType : 'application/json' }
}

/** What was read as JSON goes on as JSON: a provider that is told of another type, or alphabet, may read something else in it. */
const JSON_TYPE = /^application\/json(?: *; *charset=utf-8)?$/i

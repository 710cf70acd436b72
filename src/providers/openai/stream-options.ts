import { asObject } from '../answer.ts'
import { jsonMembers, type Member, type Splice } from '../json-members.ts'
import { literalAt, type MemberPath, setAt } from '../member-path.ts'
import { InvalidRequest, type JsonObject } from '../provider.ts'
import { setMember } from '../request-body.ts'

/*
 * What makes a stream of a call, and a stream report its usage. Bursar writes both itself wherever a request does not say them as they
 * are documented, so that no provider reads them in another way.
 */

const INCLUDE_USAGE: MemberPath = ['stream_options', 'include_usage']

/**
 * True where a stream is asked for. Servers in Python take 1 for true, and it is written so; others would refuse the call.
 * @throws InvalidRequest where it is anything but true, false, 1 or 0
 */
export function isStreamAsked(json: JsonObject): boolean {
  const { stream } = json
  if (stream === undefined || stream === null || stream === false || stream === 0) return false
  if (stream === true || stream === 1) return true
  throw new InvalidRequest('"stream" must be true or false')
}

/** What to write into a request for a stream, and whether its caller asked for the usage chunk too. */
export interface StreamChanges {
  readonly splices: readonly Splice[]
  readonly isUsageAsked: boolean
}

/** @param asksForUsage false where the provider refuses to be asked */
export function streamChanges(body: Buffer, members: readonly Member[], asksForUsage: boolean): StreamChanges {
  const stream = literalAt(body, members, ['stream']) === 'true' ? [] : [setMember(body, members, 'stream', 'true')]
  if (!asksForUsage) return { splices: stream, isUsageAsked: true }
  const { splices, isUsageAsked } = usageChanges(body, members)
  return { splices: [...stream, ...splices], isUsageAsked }
}

/** Where the options are an object as documented, only what is missing is written; else they are written anew. */
function usageChanges(body: Buffer, members: readonly Member[]): StreamChanges {
  const member = members.find(({ name }) => name === 'stream_options')
  const options = member === undefined ? undefined : valueOf(body, member)
  const isUsageAsked = asObject(options)?.['include_usage'] === true
  if (member !== undefined && !isDocumented(body, member, options)) {
    const text = JSON.stringify({ ...asObject(options), include_usage: true })
    return { splices: [{ start: member.valueStart, end: member.valueEnd, text }], isUsageAsked }
  }
  return { splices: isUsageAsked ? [] : [setAt(body, members, INCLUDE_USAGE, 'true')], isUsageAsked }
}

/** As the last of two members says, which is what most readers take. */
function valueOf(body: Buffer, { valueStart, valueEnd }: Member): unknown {
  return JSON.parse(body.toString('utf8', valueStart, valueEnd))
}

function isDocumented(body: Buffer, { valueStart }: Member, options: unknown): boolean {
  if (options === null) return true
  const object = asObject(options)
  const flag = object?.['include_usage']
  const isFlag = flag === undefined || flag === null || typeof flag === 'boolean'
  return object !== undefined && isFlag && jsonMembers(body, valueStart).length === Object.keys(object).length
}

import { asObject, jsonText, parseObject, stringIn } from '../answer.ts'
import { jobIdIn } from '../background-job.ts'
import {
  type Batch,
  type Endpoint,
  InvalidRequest,
  type JobAnswer,
  type JobStatus,
  type JsonObject,
  type Metered,
  type RequestFacts,
} from '../provider.ts'
import { BATCH, listOf, ONE } from '../kept.ts'
import { parseObjectBody } from '../request-body.ts'

/*
 * Batches and the files that they are made of (https://platform.openai.com/docs/api-reference/batch): a file with a request on
 * each line is uploaded, a batch names it, and its answers are the lines of another file.
 */

/** Where the endpoints are, such as '/v1' for the client and '' for the provider. */
interface BatchPaths {
  readonly path: string
  readonly upstreamPath: string
  /** Where Bursar asks for files and batches itself; absent: `upstreamPath`. */
  readonly ownPath?: string
}

/** The files' and batches' endpoints below a path. */
export function batchEndpoints(
  api: string,
  { path, upstreamPath, ownPath = upstreamPath }: BatchPaths,
  requests: ReadonlyMap<string, Metered>,
): readonly Endpoint[] {
  const at = (method: Endpoint['method'], name: string, tail: string, admission: Endpoint['admission'] = { kind: 'free' }): Endpoint => {
    return { name: `${api}.${name}`, method, path: path + tail, upstreamPath: upstreamPath + tail, admission }
  }
  return [
    at('POST', 'batches', '/batches', batches(ownPath, requests)),
    at('GET', 'batches', '/batches', { kind: 'free', kept: listOf(BATCH, 'after') }),
    at('GET', 'batches', '/batches/{id}', { kind: 'free', kept: BATCH }),
    at('POST', 'batches', '/batches/{id}/cancel', { kind: 'free', kept: BATCH }),
    at('POST', 'files', '/files', { kind: 'free', kept: ONE }),
    at('GET', 'files', '/files', { kind: 'free', kept: listOf(ONE, 'after') }),
    at('GET', 'files', '/files/{id}'),
    at('GET', 'files', '/files/{id}/content'),
    at('DELETE', 'files', '/files/{id}'),
  ]
}

/** @param requests what may stand in a batch, by its path */
function batches(ownPath: string, requests: ReadonlyMap<string, Metered>): Batch {
  const contentOf = (file: string) => `${ownPath}/files/${encodeURIComponent(file)}/content`
  return {
    kind: 'batch',
    requestsIn: (body) => {
      const json = parseObjectBody(body)
      const file = stringIn(json, 'input_file_id')
      if (file === '') throw new InvalidRequest('"input_file_id" must name the uploaded file with the requests')
      const metered = requests.get(stringIn(json, 'endpoint'))
      if (metered === undefined) throw new InvalidRequest(`"endpoint" must be one of ${[...requests.keys()].join(', ')}`)
      return { kind: 'file', file, path: contentOf(file), requestOn: (line) => requestOn(line, metered) }
    },
    idIn: jobIdIn,
    kept: BATCH,
    job: {
      path: (id) => `${ownPath}/batches/${encodeURIComponent(id)}`,
      headers: {},
      read: (bytes) => {
        const status = parseObject(bytes.toString())
        return status && readStatus(status, contentOf, requests.get(stringIn(status, 'endpoint')))
      },
    },
  }
}

function requestOn(line: string, metered: Metered): RequestFacts {
  const body = asObject(parseObjectBody(Buffer.from(line))['body'])
  if (body === undefined) throw new InvalidRequest('each line of the input file must be a JSON object with a "body"')
  const { facts, json } = metered.readRequest(Buffer.from(JSON.stringify(body)), {}, 'application/json')
  return { ...facts, references: metered.referencesIn?.(json) ?? [] }
}

const WORKING: ReadonlySet<string> = new Set(['validating', 'in_progress', 'finalizing', 'cancelling'])

function readStatus(status: JsonObject, contentOf: (file: string) => string, metered: Metered | undefined): JobStatus {
  if (WORKING.has(stringIn(status, 'status'))) return { kind: 'working' }
  const file = stringIn(status, 'output_file_id')
  return {
    kind: 'results',
    paths: file === '' ? [] : [contentOf(file)],
    kept: BATCH.idsIn(status).slice(1),
    answerOn: (line) => (metered === undefined ? undefined : answerOn(line, metered)),
  }
}

function answerOn(line: string, metered: Metered): JobAnswer | undefined {
  const response = asObject(parseObject(line)?.['response'])
  const body = asObject(response?.['body'])
  const text = body && jsonText(body)
  if (response === undefined || body === undefined || text === undefined) return undefined
  const status = typeof response['status_code'] === 'number' ? response['status_code'] : 200
  return { model: stringIn(body, 'model'), reading: metered.readAnswer(status, Buffer.from(text), {}) }
}

import { asList, asObject, jsonText, parseObject, stringIn } from '../answer.ts'
import { jobIdIn } from '../background-job.ts'
import { type Batch, type Endpoint, InvalidRequest, type JobAnswer, type JobStatus, type Metered, type RequestFacts } from '../provider.ts'
import { BATCH_LIMITS } from '../json-scan.ts'
import { listOf, ONE } from '../kept.ts'
import { parseObjectBody } from '../request-body.ts'

/* Message batches (https://docs.anthropic.com/en/api/creating-message-batches): the requests stand in the submission. */

const PATH = '/v1/messages/batches'

export function batchEndpoints(messages: Metered): readonly Endpoint[] {
  const at = (method: Endpoint['method'], tail: string, admission: Endpoint['admission'] = { kind: 'free' }): Endpoint => {
    return { name: 'anthropic.batches', method, path: PATH + tail, upstreamPath: PATH + tail, admission }
  }
  return [
    at('POST', '', batches(messages)),
    at('GET', '', { kind: 'free', kept: listOf(ONE, 'after_id') }),
    at('GET', '/{id}'),
    at('GET', '/{id}/results'),
    at('POST', '/{id}/cancel'),
    at('DELETE', '/{id}'),
  ]
}

function batches(messages: Metered): Batch {
  return {
    kind: 'batch',
    requestsIn: (body) => {
      const requests = asList(parseObjectBody(body, BATCH_LIMITS)['requests'])
      if (requests.length === 0) throw new InvalidRequest('"requests" must be a list of at least one request')
      return { kind: 'inline', requests: requests.map((request) => factsOf(request, messages)) }
    },
    idIn: jobIdIn,
    kept: ONE,
    job: {
      path: (id) => `${PATH}/${encodeURIComponent(id)}`,
      headers: { 'anthropic-version': '2023-06-01' },
      read: (bytes) => readStatus(bytes, messages),
    },
  }
}

function readStatus(bytes: Buffer, messages: Metered): JobStatus | undefined {
  const status = parseObject(bytes.toString())
  if (status?.['processing_status'] !== 'ended') return status && { kind: 'working' }
  const path = `${PATH}/${encodeURIComponent(stringIn(status, 'id'))}/results`
  return { kind: 'results', paths: [path], kept: [], answerOn: (line) => answerOn(line, messages) }
}

function factsOf(request: unknown, messages: Metered): RequestFacts {
  const params = asObject(asObject(request)?.['params'])
  if (params === undefined) throw new InvalidRequest('each of "requests" must be an object with "params"')
  const { facts, json } = messages.readRequest(Buffer.from(JSON.stringify(params)), {}, 'application/json')
  return { ...facts, references: messages.referencesIn?.(json) ?? [] }
}

/** Only what succeeded has a message, and costs something. */
function answerOn(line: string, messages: Metered): JobAnswer | undefined {
  const message = asObject(asObject(parseObject(line)?.['result'])?.['message'])
  const text = message && jsonText(message)
  if (message === undefined || text === undefined) return undefined
  return { model: stringIn(message, 'model'), reading: messages.readAnswer(200, Buffer.from(text), {}) }
}

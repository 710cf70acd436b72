import type { IncomingMessage, ServerResponse } from 'node:http'
import { Defect } from '../domain/defect.ts'
import { Failure } from '../engine/failure.ts'
import { CutOffBody, RefusedBody } from '../http/body.ts'
import type { Headers } from '../http/header-names.ts'
import { type ApiShape, InvalidRequest } from '../providers/provider.ts'
import { GatewayError } from './gateway-error.ts'
import type { GatewayDeps } from './pipeline.ts'

/** Ends a call with an error of Bursar's own, in the shape of the API that was called. */
export function answerError(
  deps: Pick<GatewayDeps, 'router' | 'events'>,
  { request, response, error }: { request: IncomingMessage; response: ServerResponse; error: unknown },
): void {
  if (error instanceof CutOffBody) return void response.destroy()
  const known = toGatewayError(error)
  if (known.code === 'internal_error') deps.events.defect(error)
  deps.events.refused(known.code)
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const shape: ApiShape = deps.router.shapeOf(request.url ?? '', request.headers)
  const { status, code, message, details, headers } = known
  const facts = { status, code, message, details }
  const body = Buffer.from(JSON.stringify(shape.errorBody(facts)))
  const ofShape = shape.errorHeaders?.(facts)
  // The rest of an unread body would be taken for the next request on this connection.
  const connection: Headers = request.complete ? {} : { connection: 'close' }
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...headers,
    ...ofShape,
    ...connection,
  })
  response.end(body)
}

function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  if (error instanceof InvalidRequest) return new GatewayError('invalid_request', error.message)
  if (error instanceof RefusedBody) {
    return new GatewayError(error.code, error.message, error.code === 'overloaded' ? { headers: { 'retry-after': '1' } } : {})
  }
  if (error instanceof Failure && error.code === 'invalid_request') return new GatewayError('invalid_request', error.message)
  if (error instanceof Failure && error.code === 'store_unavailable') {
    return new GatewayError('store_unavailable', error.message, { headers: { 'retry-after': '5' } })
  }
  const what = error instanceof Defect ? 'a bug in Bursar' : 'an unexpected error in Bursar'
  return new GatewayError('internal_error', `${what} ended this call; the log says more`)
}

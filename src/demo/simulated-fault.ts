/**
 * What a request can ask to go wrong, by its model's name:
 *
 * - `sim-hang` never answers; `sim-stall` stops in the middle of the answer and leaves the connection open
 * - `sim-reset` destroys the connection in the middle of the answer
 * - `sim-error-event` ends a stream with the API's error event in its middle (not streamed: as `sim-500`)
 * - `sim-429`, `sim-500` fail in the API's own shape; `sim-html` is a proxy's 502 page
 */
const FAULTS = ['hang', 'stall', 'reset', 'error-event', '429', '500', 'html'] as const

export type Fault = (typeof FAULTS)[number]

export function faultOf(model: string): Fault | undefined {
  return FAULTS.find((fault) => model === `sim-${fault}`)
}

export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** The API whose shape an error takes. */
export type Shape = 'openai' | 'anthropic'

const JSON_TYPE = { 'content-type': 'application/json' }
const PAGE = '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n'

/** The whole answer of a fault that is one; undefined: the fault strikes later. */
export function refusalOf(fault: Fault | undefined, shape: Shape, isStream: boolean): Refusal | undefined {
  switch (fault) {
    case '429': {
      const limited = refusal(shape, 429, 'simulated rate limit')
      return { ...limited, headers: { ...limited.headers, 'retry-after': '1' } }
    }
    case '500':
      return refusal(shape, 500, 'simulated failure')
    case 'html':
      return { status: 502, headers: { 'content-type': 'text/html' }, text: PAGE }
    case 'error-event':
      return isStream ? undefined : refusal(shape, 500, 'simulated failure')
    case 'hang':
    case 'stall':
    case 'reset':
    case undefined:
      return undefined
  }
}

const OPENAI_TYPES: Readonly<Record<number, string>> = { 429: 'requests', 500: 'server_error' }
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = { 404: 'not_found_error', 429: 'rate_limit_error', 500: 'api_error' }

export function refusal(shape: Shape, status: number, message: string): Refusal {
  return { status, headers: JSON_TYPE, text: JSON.stringify(errorBody(shape, status, message)) }
}

/** An error as that API words it, in a body or in an event. */
export function errorBody(shape: Shape, status: number, message: string): object {
  if (shape === 'anthropic') return { type: 'error', error: { type: ANTHROPIC_TYPES[status] ?? 'invalid_request_error', message } }
  const code = status === 429 ? 'rate_limit_exceeded' : null
  return { error: { message, type: OPENAI_TYPES[status] ?? 'invalid_request_error', param: null, code } }
}

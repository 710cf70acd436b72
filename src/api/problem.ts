import { z } from '@hono/zod-openapi'
import { HTTPException } from 'hono/http-exception'
import { STATUS_CODES } from 'node:http'

/** An error of the control plane, answered as RFC 9457 problem details. */
export class Problem extends HTTPException {
  readonly code: string

  /** @param detail what happened, to what, and what to do; holds no secret */
  constructor(status: 400 | 401 | 404 | 409 | 413 | 500 | 501 | 502 | 503, code: string, detail: string) {
    super(status, { message: detail })
    this.code = code
  }
}

const schema = z
  .object({ type: z.string(), title: z.string(), status: z.number(), code: z.string(), detail: z.string() })
  .openapi('Problem')

/** The answer of every path when it fails; spread into a route's responses. */
export const PROBLEM = { default: { description: 'What went wrong', content: { 'application/problem+json': { schema } } } } as const

/** The body of a problem. */
export function problemBody(status: number, code: string, detail: string): z.infer<typeof schema> {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail }
}

import { parseObject, stringIn } from './answer.ts'
import type { JobReader, Metered } from './provider.ts'

/** The provider's id of a job in its answer to the submission; undefined where it has none. */
export function jobIdIn(answer: Buffer): string | undefined {
  return stringIn(parseObject(answer.toString()) ?? {}, 'id') || undefined
}

/** Responses and interactions that are made in the background are asked for until they have an end. */
export function backgroundJob(pathOf: (id: string) => string, readAnswer: Metered['readAnswer']): JobReader {
  return {
    path: (id) => pathOf(encodeURIComponent(id)),
    headers: {},
    read: (bytes) => {
      const status = parseObject(bytes.toString())
      if (status === undefined) return undefined
      return WORKING.has(stringIn(status, 'status')) ? { kind: 'working' } : { kind: 'answered', reading: readAnswer(200, bytes, {}) }
    },
  }
}

const WORKING: ReadonlySet<string> = new Set(['queued', 'in_progress'])

import type { Standing } from '../engine/ports.ts'

/** An instant as JSON has it; null for the end of a period that never ends. */
export function isoOrNull(standing: Standing): string | null {
  return standing.period.kind === 'total' ? null : new Date(standing.period.endsAt).toISOString()
}

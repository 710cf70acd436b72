import { InvalidArgumentError } from 'commander'
import { z } from 'zod'

/** Reads a count of 1 to `max` as it was written; anything else is a wrong call. */
export function countUpTo(max: number): (text: string) => string {
  return (text) => {
    if (!/^\d{1,9}$/.test(text) || Number(text) < 1 || Number(text) > max) {
      throw new InvalidArgumentError(`Expected a whole number from 1 to ${max}.`)
    }
    return text
  }
}

const instant = z.union([z.iso.date(), z.iso.datetime({ offset: true })])

/** Reads a date or an instant with its offset as it was written; anything else is a wrong call. */
export function isoInstant(text: string): string {
  if (!instant.safeParse(text).success) {
    throw new InvalidArgumentError('Expected an ISO 8601 date, or an instant with its offset, such as 2026-10-01 or 2026-10-01T08:00:00Z.')
  }
  return text
}

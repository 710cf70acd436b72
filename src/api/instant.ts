import { z } from '@hono/zod-openapi'

const EXPECTED = 'expected an ISO 8601 date, or an instant with its offset, such as 2026-10-01 or 2026-10-01T08:00:00Z'

/**
 * A date (its first moment in UTC) or an instant with its offset; `Date.parse` then reads it the same way on every machine,
 * which it does with neither local times nor the other texts that it takes for dates.
 */
export const instant = z.union([z.iso.date(), z.iso.datetime({ offset: true })], { error: EXPECTED })

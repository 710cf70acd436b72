import type { ServiceTier } from '../../domain/usage/price.ts'

/**
 * The class that a request asks for, or an answer says it had, beside its `service_tier`: by its speed
 * (https://platform.claude.com/docs/en/build-with-claude/fast-mode) and by where it is made
 * (https://platform.claude.com/docs/en/build-with-claude/data-residency).
 */
export function messageTier(speed: unknown, geo: unknown): ServiceTier | undefined {
  if (speed === 'fast') return geo === 'us' ? 'fast_regional' : 'fast'
  return geo === 'us' ? 'regional' : undefined
}

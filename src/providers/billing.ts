import type { ServiceTier } from '../domain/usage/price.ts'
import type { Billing } from '../domain/usage/usage.ts'
import { asObject } from './answer.ts'
import type { JsonObject } from './provider.ts'

const NANO_PER_USD = 1e9
const TICKS_PER_NANO = 10

/** The names that providers give to the classes; their usual ones (`default`, `standard`, `on_demand`, …) are none. */
const TIERS: Readonly<Record<string, ServiceTier>> = {
  batch: 'batch',
  flex: 'flex',
  priority: 'priority',
  on_demand_flex: 'flex',
  on_demand_priority: 'priority',
}

/** The class of a price that a provider or a request names; undefined for its usual one. */
export function toServiceTier(value: unknown): ServiceTier | undefined {
  if (typeof value !== 'string') return undefined
  const name = value.toLowerCase()
  return Object.hasOwn(TIERS, name) ? TIERS[name] : undefined
}

/**
 * What the usage object of an answer says of its cost, in USD: `cost` (OpenRouter; with one's own key at the provider behind,
 * that provider's cost comes on top), `cost.total_cost` (Perplexity), `cost_in_usd_ticks` of 1e-10 USD (xAI), `estimated_cost`
 * (DeepInfra, which bills that: https://deepinfra.com/docs/openai_api). A cost of zero
 * says nothing: Azure reports it for calls that are not free.
 */
export function readBilling(usage: JsonObject | undefined, tierName: unknown): Billing {
  const tier = toServiceTier(tierName)
  const nano = usage === undefined ? undefined : costOf(usage)
  return {
    ...(tier === undefined ? {} : { tier }),
    ...(nano !== undefined && nano > 0 && Number.isSafeInteger(nano) ? { costNanoUsd: nano } : {}),
  }
}

function costOf(usage: JsonObject): number | undefined {
  const { cost, cost_in_usd_ticks: ticks } = usage
  if (typeof ticks === 'number') return Math.round(ticks / TICKS_PER_NANO)
  const usd = typeof cost === 'number' ? cost + behindOwnKey(usage) : (asObject(cost)?.['total_cost'] ?? usage['estimated_cost'])
  return typeof usd === 'number' ? Math.round(usd * NANO_PER_USD) : undefined
}

function behindOwnKey(usage: JsonObject): number {
  const behind = usage['is_byok'] === true ? asObject(usage['cost_details'])?.['upstream_inference_cost'] : undefined
  return typeof behind === 'number' ? behind : 0
}

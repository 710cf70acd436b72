import { type Process, startProcess } from '../e2e/bursar.ts'
import type { KeyName } from './draft.ts'

/** What callers send; `main` and `other` are of two teams, `cheap` may use few models, `small` has caps that it meets, `closed` sets nothing. */
export const SECRETS: Readonly<Record<KeyName, string>> = {
  main: 'bsr_fuzz_main_0123456789',
  other: 'bsr_fuzz_other_0123456789',
  cheap: 'bsr_fuzz_cheap_0123456789',
  small: 'bsr_fuzz_small_0123456789',
  closed: 'bsr_fuzz_closed_0123456789',
}

/** Stands in every secret above, and must reach no provider. */
export const SECRET_MARK = 'bsr_fuzz'
export const TEAMS: Readonly<Record<KeyName, string>> = {
  main: 'research',
  other: 'sales',
  cheap: 'interns',
  small: 'small',
  closed: 'closed',
}
/** With whatever provider's name before it, as OpenRouter has. */
export const CHEAP = /^(?:[\w.-]+\/)?cheap-/
export const SMALL_TOKENS = 100_000

const keyLines = `
  - { name: main, secret: ${SECRETS.main}, team: research, allow: [user, project, tag.*], objects: all }
  - { name: other, secret: ${SECRETS.other}, team: sales, allow: [user, tag.*] }
  - { name: cheap, secret: ${SECRETS.cheap}, team: interns, allow: [user], models: ["cheap-*"] }
  - { name: small, secret: ${SECRETS.small}, team: small, allow: [user, tag.env] }
  - { name: closed, secret: ${SECRETS.closed}, team: closed, user: nobody }`

/** Caps that most calls pass, in all units and with accounts by what callers name; and small ones, where maxima are clamped. */
const budgets = `
  - { id: global, limit: { tokens: 900_000_000_000_000 }, hard_cap: true }
  - { id: money, scope: {}, limit: { usd: 9_000_000 }, hard_cap: true, unpriced: admit }
  - { id: by-user, scope: {}, each: user, limit: { tokens: 900_000_000_000_000 }, hard_cap: true }
  - { id: by-model, scope: {}, each: model, limit: { tokens: 900_000_000_000 } }
  - { id: by-tag, scope: {}, each: tag.env, limit: { requests: 1_000_000_000 } }
  - { id: small, scope: { team: small }, each: user, limit: { tokens: ${SMALL_TOKENS} }, hard_cap: true }
  - { id: small-money, scope: { team: small }, each: user, limit: { usd: 1 }, hard_cap: true, unpriced: admit }`

const providersAt = (url: string) => `
  vllm: { api: openai, base_url: ${url}/vllm/v1, api_key: sk-provider, timeout: 10s }
  llama: { api: openai, base_url: ${url}/llama/v1, timeout: 10s }
  relay: { api: openai, base_url: ${url}/relay/v1, api_key: sk-provider, timeout: 10s }
  router: { api: openai, base_url: ${url}/router/v1, api_key: sk-provider, timeout: 10s }
  gemini: { api: gemini, base_url: ${url}/gemini, api_key: g-provider, timeout: 10s }
  vertex: { api: vertex, base_url: ${url}/vertex, api_key: v-provider, timeout: 10s }
  bedrock: { api: bedrock, base_url: ${url}/bedrock, api_key: b-provider, region: us-east-1, timeout: 10s }
  azure: { api: azure, base_url: ${url}/azure, api_key: a-provider, timeout: 10s }
  cohere: { api: cohere, base_url: ${url}/cohere, api_key: c-provider, timeout: 10s }
  ollama: { api: ollama, base_url: ${url}/ollama, timeout: 10s }`

/** Bursar as users run it, with every API, in front of one provider that plays all of them. */
export function startBursar(upstreamUrl: string, dir: string, store: string): Promise<Process> {
  return startProcess({ upstreamUrl, dir, store, budgets, keys: keyLines, providers: providersAt(upstreamUrl), timeout: '10s' })
}

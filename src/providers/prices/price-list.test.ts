import { findProvider } from '@pydantic/genai-prices'
import { describe, expect, test } from 'vitest'
import { modelId } from '../../domain/usage/model-id.ts'
import { costNanoUsd, type ServiceTier } from '../../domain/usage/price.ts'
import { type ReportedCounts, tokenCounts } from '../../domain/usage/token-counts.ts'
import { chargedCounts } from '../../domain/usage/usage.ts'
import { listPrice, priceListOf } from './price-list.ts'

/** Figures of the providers' price pages; the sums below are written out as those pages have them, in USD per million tokens. */
const OPENAI = 'https://platform.openai.com/docs/pricing'
const OPENAI_PRIORITY = 'https://openai.com/api-priority-processing'
const ANTHROPIC = 'https://docs.anthropic.com/en/docs/about-claude/pricing'
const GEMINI = 'https://ai.google.dev/gemini-api/docs/pricing'
const BEDROCK = 'https://aws.amazon.com/bedrock/pricing'
const MISTRAL = 'https://mistral.ai/pricing'
const GROQ = 'https://groq.com/pricing'
const DEEPSEEK = 'https://api-docs.deepseek.com/quick_start/pricing'
const XAI = 'https://docs.x.ai/docs/models'
const PERPLEXITY = 'https://docs.perplexity.ai/getting-started/pricing'
const COHERE = 'https://cohere.com/pricing'

/** Mid of November 2026, 12:00 UTC. */
const NOW = Date.UTC(2026, 10, 16, 12)
const M = 1e6

interface Vector {
  readonly list: string
  readonly model: string
  readonly source: string
  readonly used: ReportedCounts
  /** The page's arithmetic. */
  readonly usd: number
  readonly tier?: ServiceTier
  readonly at?: number
}

const input = 1_234_567
const output = 45_678
const plain = { input, output }
const cached = { input, cachedInput: 1_000_003, output }

const VECTORS: readonly Vector[] = [
  { list: 'openai', model: 'gpt-4o', source: OPENAI, used: cached, usd: (234_564 * 2.5 + 1_000_003 * 1.25 + output * 10) / M },
  { list: 'openai', model: 'gpt-4o-2024-05-13', source: OPENAI, used: plain, usd: (input * 5 + output * 15) / M },
  { list: 'openai', model: 'gpt-4o-mini-2024-07-18', source: OPENAI, used: cached, usd: (234_564 * 0.15 + 1_000_003 * 0.075 + output * 0.6) / M },
  { list: 'openai', model: 'gpt-4.1', source: OPENAI, used: cached, usd: (234_564 * 2 + 1_000_003 * 0.5 + output * 8) / M },
  { list: 'openai', model: 'gpt-4.1-nano', source: OPENAI, used: cached, usd: (234_564 * 0.1 + 1_000_003 * 0.025 + output * 0.4) / M },
  { list: 'openai', model: 'gpt-5', source: OPENAI, used: { ...cached, reasoning: 40_000 }, usd: (234_564 * 1.25 + 1_000_003 * 0.125 + output * 10) / M },
  { list: 'openai', model: 'gpt-5-mini', source: OPENAI, tier: 'flex', used: cached, usd: (234_564 * 0.125 + 1_000_003 * 0.0125 + output * 1) / M },
  { list: 'openai', model: 'gpt-5-nano', source: OPENAI, tier: 'batch', used: cached, usd: (234_564 * 0.025 + 1_000_003 * 0.0025 + output * 0.2) / M },
  { list: 'openai', model: 'gpt-5.1', source: OPENAI_PRIORITY, tier: 'priority', used: cached, usd: (234_564 * 2.5 + 1_000_003 * 0.25 + output * 20) / M },
  { list: 'openai', model: 'gpt-5-mini', source: OPENAI_PRIORITY, tier: 'priority', used: cached, usd: (234_564 * 0.45 + 1_000_003 * 0.045 + output * 3.6) / M },
  { list: 'openai', model: 'gpt-4o', source: OPENAI_PRIORITY, tier: 'priority', used: cached, usd: (234_564 * 4.25 + 1_000_003 * 2.125 + output * 17) / M },
  { list: 'openai', model: 'gpt-4o-mini', source: OPENAI_PRIORITY, tier: 'priority', used: cached, usd: (234_564 * 0.25 + 1_000_003 * 0.125 + output * 1) / M },
  { list: 'openai', model: 'gpt-4.1', source: OPENAI_PRIORITY, tier: 'priority', used: cached, usd: (234_564 * 3.5 + 1_000_003 * 0.875 + output * 14) / M },
  { list: 'openai', model: 'o3', source: OPENAI, used: cached, usd: (234_564 * 2 + 1_000_003 * 0.5 + output * 8) / M },
  { list: 'openai', model: 'o3', source: `${OPENAI}, before June 10, 2025`, at: Date.UTC(2025, 5, 9), used: plain, usd: (input * 10 + output * 40) / M },
  { list: 'openai', model: 'o4-mini', source: OPENAI, used: cached, usd: (234_564 * 1.1 + 1_000_003 * 0.275 + output * 4.4) / M },
  { list: 'openai', model: 'text-embedding-3-small', source: OPENAI, used: { input }, usd: (input * 0.02) / M },
  { list: 'openai', model: 'text-embedding-3-large', source: OPENAI, used: { input }, usd: (input * 0.13) / M },
  { list: 'openai', model: 'gpt-audio', source: OPENAI, used: { input: 1000, audioInput: 700, output: 500, audioOutput: 400 }, usd: (300 * 2.5 + 700 * 32 + 100 * 10 + 400 * 64) / M },
  { list: 'openai', model: 'gpt-image-1', source: OPENAI, used: { input: 1500, imageInput: 1200, output: 4160 }, usd: (300 * 5 + 1200 * 10 + 4160 * 40) / M },
  { list: 'openai', model: 'gpt-4o-transcribe', source: OPENAI, used: { input: 1400, audioInput: 1390, output: 60 }, usd: (10 * 2.5 + 1390 * 6 + 60 * 10) / M },
  { list: 'openai', model: 'whisper-1', source: OPENAI, used: { audioSeconds: 90 }, usd: (90 * 0.006) / 60 },
  { list: 'openai', model: 'gpt-4.1-mini', source: OPENAI, used: { ...plain, webSearches: 3 }, usd: (input * 0.4 + output * 1.6) / M + (3 * 10) / 1000 },
  { list: 'anthropic', model: 'claude-opus-4-1-20250805', source: ANTHROPIC, used: { input: 900_000, cachedInput: 500_000, cacheWrite: 300_000, output }, usd: (100_000 * 15 + 500_000 * 1.5 + 300_000 * 18.75 + output * 75) / M },
  { list: 'anthropic', model: 'claude-sonnet-4-5', source: ANTHROPIC, used: { input: 200_000, output }, usd: (200_000 * 3 + output * 15) / M },
  { list: 'anthropic', model: 'claude-sonnet-4-5', source: `${ANTHROPIC}, above 200,000 tokens`, used: { input: 200_001, cachedInput: 100_000, output }, usd: (100_001 * 6 + 100_000 * 0.6 + output * 22.5) / M },
  { list: 'anthropic', model: 'claude-haiku-4-5', source: ANTHROPIC, used: { input: 90_000, cacheWrite: 50_000, cacheWriteHour: 20_000, output }, usd: (40_000 * 1 + 30_000 * 1.25 + 20_000 * 2 + output * 5) / M },
  { list: 'anthropic', model: 'claude-opus-4-5', source: ANTHROPIC, tier: 'batch', used: cached, usd: (234_564 * 2.5 + 1_000_003 * 0.25 + output * 12.5) / M },
  { list: 'anthropic', model: 'claude-3-5-haiku-20241022', source: ANTHROPIC, used: { ...plain, webSearches: 2 }, usd: (input * 0.8 + output * 4) / M + (2 * 10) / 1000 },
  { list: 'google', model: 'gemini-2.5-pro', source: GEMINI, used: { input: 200_000, output }, usd: (200_000 * 1.25 + output * 10) / M },
  { list: 'google', model: 'gemini-2.5-pro', source: `${GEMINI}, above 200,000 tokens`, used: { input: 200_001, cachedInput: 50_000, output }, usd: (150_001 * 2.5 + 50_000 * 0.25 + output * 15) / M },
  { list: 'google', model: 'gemini-2.5-flash', source: GEMINI, used: { input: 10_000, audioInput: 8000, output }, usd: (2000 * 0.3 + 8000 * 1 + output * 2.5) / M },
  { list: 'google', model: 'gemini-2.5-flash', source: GEMINI, tier: 'batch', used: plain, usd: (input * 0.15 + output * 1.25) / M },
  { list: 'google', model: 'gemini-2.5-flash-lite', source: GEMINI, used: cached, usd: (234_564 * 0.1 + 1_000_003 * 0.01 + output * 0.4) / M },
  { list: 'google', model: 'gemini-2.5-flash-image', source: GEMINI, used: { input: 300, output: 1290, imageOutput: 1290 }, usd: (300 * 0.3 + 1290 * 30) / M },
  { list: 'google', model: 'claude-sonnet-4-5@20250929', source: `${ANTHROPIC} (Vertex)`, used: { input: 90_000, cacheWrite: 50_000, cacheWriteHour: 50_000, output }, usd: (40_000 * 3 + 50_000 * 6 + output * 15) / M },
  { list: 'google', model: 'gemini-embedding-001', source: GEMINI, used: { input }, usd: (input * 0.15) / M },
  { list: 'aws', model: 'amazon.nova-pro-v1:0', source: BEDROCK, used: plain, usd: (input * 0.8 + output * 3.2) / M },
  { list: 'aws', model: 'us.amazon.nova-micro-v1:0', source: BEDROCK, tier: 'flex', used: plain, usd: (input * 0.0175 + output * 0.07) / M },
  { list: 'aws', model: 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0', source: `${BEDROCK}, regional`, used: cached, usd: (234_564 * 3.3 + 1_000_003 * 0.33 + output * 16.5) / M },
  { list: 'aws', model: 'meta.llama3-1-8b-instruct-v1:0', source: BEDROCK, used: plain, usd: (input * 0.22 + output * 0.22) / M },
  { list: 'azure', model: 'gpt-4o', source: OPENAI, used: cached, usd: (234_564 * 2.5 + 1_000_003 * 1.25 + output * 10) / M },
  { list: 'mistral', model: 'mistral-large-2411', source: MISTRAL, used: plain, usd: (input * 2 + output * 6) / M },
  { list: 'groq', model: 'llama-3.3-70b-versatile', source: GROQ, used: plain, usd: (input * 0.59 + output * 0.79) / M },
  { list: 'groq', model: 'llama-3.1-8b-instant', source: GROQ, tier: 'batch', used: plain, usd: (input * 0.025 + output * 0.04) / M },
  { list: 'deepseek', model: 'deepseek-v4-flash', source: `${DEEPSEEK}, off peak`, used: cached, usd: (234_564 * 0.22 + 1_000_003 * 0.007 + output * 0.66) / M },
  { list: 'deepseek', model: 'deepseek-v4-flash', source: `${DEEPSEEK}, at peak`, at: Date.UTC(2026, 10, 16, 2), used: cached, usd: (234_564 * 0.44 + 1_000_003 * 0.014 + output * 1.32) / M },
  { list: 'x-ai', model: 'grok-4', source: XAI, used: { input: 100_000, output }, usd: (100_000 * 3 + output * 15) / M },
  { list: 'perplexity', model: 'sonar', source: PERPLEXITY, used: plain, usd: (input * 1 + output * 1) / M + 12 / 1000 },
  { list: 'cohere', model: 'command-r-plus-08-2024', source: COHERE, used: plain, usd: (input * 2.5 + output * 10) / M },
] // prettier-ignore

describe('the cost of a call is what the price page says', () => {
  for (const { list, model, source, used, usd, tier, at = NOW } of VECTORS) {
    test(`${list}/${model}${tier === undefined ? '' : ` (${tier})`}: ${source}`, () => {
      const price = listPrice(list, model, at)
      expect(price).toBeDefined()
      const cost = costNanoUsd(chargedCounts(tokenCounts(used)), price!, tier)
      expect(Math.abs(cost - usd * 1e9)).toBeLessThanOrEqual(1)
    })
  }

  test('for 30 models and more', () => {
    expect(new Set(VECTORS.map(({ list, model }) => `${list}/${model}`)).size).toBeGreaterThanOrEqual(30)
  })
})

const LISTS = [
  'openai', 'anthropic', 'google', 'aws', 'azure', 'groq', 'mistral', 'deepseek', 'x-ai', 'openrouter', 'cohere', 'together', 'fireworks',
  'perplexity', 'cerebras', 'moonshotai', 'ovhcloud', 'novita', 'avian', 'voyageai', 'zai', 'minimax',
] // prettier-ignore

/** Every name by which a list knows a model: its id, and what its patterns name in full. */
function namesOf(list: string): readonly string[] {
  const models = findProvider({ providerId: list })?.models ?? []
  const literals = JSON.stringify(models.map(({ match }) => match)).matchAll(/"(?:equals|starts_with)":"([^"]+)"/g)
  return [...new Set([...models.map(({ id }) => id), ...[...literals].map(([, name]) => name ?? '')])]
}

describe('the whole catalogue', () => {
  const all = LISTS.flatMap((list) => namesOf(list).map((name) => [list, name] as const))

  test('has over a thousand names', () => {
    expect(all.length).toBeGreaterThan(1000)
  })

  test('each name has one name, which is found again behind a provider, a path and another version', () => {
    for (const [, name] of all) {
      const id = modelId(name)
      expect([name, modelId(id)]).toEqual([name, id])
      for (const other of [`some-provider/${name}`, `models/${name}`, name.toUpperCase()]) {
        // A fine-tuned model is named by its whole name.
        if (!name.startsWith('ft:')) expect([other, modelId(other)]).toEqual([other, id])
      }
      if (!/[:@]|^ft/.test(name) && !name.endsWith('-')) expect([name, modelId(`${id}-20991231`)]).toEqual([name, id])
    }
  })

  test('each price is a price: integers that no rate of a part undercuts by accident, and no typical call is free but a free model’s', () => {
    for (const [list, name] of all) {
      const price = listPrice(list, name, NOW)
      if (price === undefined) continue
      const pico = Object.entries(price).filter(([field]) => field.endsWith('Pico'))
      expect([name, pico.every(([, value]) => Number.isSafeInteger(value) && Number(value) >= 0)]).toEqual([name, true])
      const isFree = pico.every(([, value]) => value === 0)
      const typical = { input: 1000, output: 500, audioSeconds: 30 }
      const cost = costNanoUsd(chargedCounts(tokenCounts(typical)), price)
      expect([name, cost > 0]).toEqual([name, !isFree])
    }
  })

  test('a model that is priced by pages only has no price, rather than none to pay', () => {
    expect(listPrice('mistral', 'mistral-ocr-2505', NOW)).toBeUndefined()
    expect(listPrice('openai', 'no-such-model', NOW)).toBeUndefined()
  })
})

describe('the list of a provider', () => {
  test.each([
    [{ name: 'anything', api: 'openai', baseUrl: 'https://api.groq.com/openai/v1' }, 'groq'],
    [{ name: 'openrouter', api: 'openai', baseUrl: 'http://127.0.0.1:8080/v1' }, 'openrouter'],
    [{ name: 'proxy', api: 'openai', baseUrl: 'http://10.0.0.1/v1' }, 'openai'],
    [{ name: 'proxy', api: 'anthropic', baseUrl: 'http://10.0.0.1' }, 'anthropic'],
    [{ name: 'ours', api: 'bedrock', baseUrl: 'https://bedrock-runtime.eu-west-1.amazonaws.com' }, 'aws'],
    [{ name: 'ours', api: 'azure', baseUrl: 'https://acme.openai.azure.com' }, 'azure'],
    [{ name: 'gcp', api: 'vertex', baseUrl: 'https://europe-west1-aiplatform.googleapis.com' }, 'google'],
    [{ name: 'box', api: 'ollama', baseUrl: 'http://127.0.0.1:11434' }, undefined],
  ])('%j is %s', (provider, list) => {
    expect(priceListOf(provider)).toBe(list)
  })
})

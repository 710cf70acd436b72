import { expect, test } from 'vitest'
import { parseConfig } from './load.ts'
import { unmatchedNames } from './unmatched-names.ts'

const MODELS = new Set(['gpt-4o-mini', 'gpt-4o', 'claude-sonnet-4-5'])

function notesOf(text: string): readonly string[] {
  const parsed = parseConfig(text, { path: 'bursar.yaml', env: {} })
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.errors))
  return unmatchedNames(parsed.config, MODELS)
}

const KEYS = `
providers:
  openai: { api: openai, base_url: http://127.0.0.1:1/v1 }
  local: { api: openai, base_url: http://127.0.0.1:2/v1, models: [ours-*] }
keys:
  - { name: nightly, secret: a-secret-of-20-chars-1, team: marketing, project: site, models: [gpt-4o-mni, "gpt-*", gpt-4o] }
`

const budget = (id: string) => `  - { id: "${id}", limit: { tokens: 1 }, hard_cap: true }\n`
const withBudgets = (ids: readonly string[], keys = KEYS) => `${keys}budgets:\n${ids.map(budget).join('')}`

test('a name that no call can have is noted with the likely one', () => {
  const ids = ['team:marketting', 'project:shop', 'key:nightli', 'provider:opanai', 'model:gpt-4o-mni']
  expect(notesOf(withBudgets(ids))).toEqual([
    'budgets team:marketting: team "marketting": no key of this file has that team; did you mean "marketing"?',
    'budgets project:shop: project "shop": no key of this file has that project',
    'budgets key:nightli: key "nightli": no key of this file has that name; did you mean "nightly"?',
    'budgets provider:opanai: provider "opanai": no provider of this file has that name; did you mean "openai"?',
    'budgets model:gpt-4o-mni: model "gpt-4o-mni": no known model has that name; did you mean "gpt-4o-mini"?',
    'keys nightly: model "gpt-4o-mni": no known model has that name; did you mean "gpt-4o-mini"?',
  ])
})

test('a name that a call can have is not noted', () => {
  const ids = [
    'global',
    'team:marketing',
    'project:site',
    'key:nightly',
    'provider:local',
    'model:gpt-4o-2024-08-06',
    'model:ours-large',
    'tag.env:prod',
  ]
  const keys = KEYS.replace('gpt-4o-mni, ', '')
  expect(notesOf(withBudgets(ids, keys))).toEqual([])
})

test('a value that callers may set by header is noted only where it is nearly that of a key', () => {
  const keys = KEYS.replace('gpt-4o-mni, ', '').replace('project: site', 'allow: [user, project]')
  expect(notesOf(withBudgets(['user:ann', 'project:anything', 'team:marketin'], keys))).toEqual([
    'budgets team:marketin: team "marketin": no key of this file has that team; did you mean "marketing"?',
  ])
})

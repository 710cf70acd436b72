import { describe, expect, test } from 'vitest'
import { type Attribute, type Attributes, attributeValue, isAttribute, matches, type Scope, scopeEntries, scopeOfId } from './scope.ts'

const CALL: Attributes = { team: 'research', user: 'ann', key: 'k1', provider: 'openai', model: 'gpt-5', tags: { job: 'nightly', env: '' } }

describe('a budget counts the calls in its scope, and no others', () => {
  const cases: readonly [scope: Scope, isMatch: boolean][] = [
    [{}, true],
    [{ team: 'research' }, true],
    [{ team: 'marketing' }, false],
    [{ team: 'Research' }, false],
    [{ team: '' }, false],
    [{ user: 'ann', team: 'research' }, true],
    [{ user: 'ann', team: 'marketing' }, false],
    [{ key: 'k1' }, true],
    [{ provider: 'openai' }, true],
    [{ provider: 'anthropic' }, false],
    [{ model: 'gpt-5' }, true],
    [{ model: 'gpt' }, false],
    [{ 'tag.job': 'nightly' }, true],
    [{ 'tag.job': 'daily' }, false],
    [{ 'tag.env': '' }, true],
    [{ 'tag.env': '', team: 'research', user: 'ann', key: 'k1', provider: 'openai', model: 'gpt-5', 'tag.job': 'nightly' }, true],
  ]
  test.each(cases)('scope %o of a call of ann, team research: %s', (scope, isMatch) => {
    expect(matches(scope, CALL)).toBe(isMatch)
  })

  test('an attribute that the call does not have matches no scope that names it, whatever the value', () => {
    for (const value of ['', 'undefined', 'null', '(none)']) {
      expect(matches({ project: value }, CALL)).toBe(false)
      expect(matches({ 'tag.cost-center': value }, CALL)).toBe(false)
    }
  })

  test('what every object inherits is no tag', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect(attributeValue(CALL, `tag.${name}`)).toBeUndefined()
      expect(matches({ [`tag.${name}`]: 'x' }, CALL)).toBe(false)
    }
  })
})

test('each attribute is read from where the call carries it', () => {
  const names: readonly Attribute[] = ['team', 'project', 'user', 'key', 'provider', 'model', 'tag.job', 'tag.none']
  expect(names.map((name) => attributeValue(CALL, name))).toEqual([
    'research',
    undefined,
    'ann',
    'k1',
    'openai',
    'gpt-5',
    'nightly',
    undefined,
  ])
})

test('a tag may have dots in its name', () => {
  const call = { ...CALL, tags: { 'app.version': '2.1' } }
  expect(matches({ 'tag.app.version': '2.1' }, call)).toBe(true)
})

test.each(['team', 'project', 'user', 'key', 'provider', 'model', 'tag.job', 'tag.a.b'])('%s is an attribute', (name) => {
  expect(isAttribute(name)).toBe(true)
})

test.each(['', 'Team', 'tag', 'tag.', 'tags.job', 'toString', '__proto__', 'endpoint'])('%o is no attribute', (name) => {
  expect(isAttribute(name)).toBe(false)
})

test('a scope is read in the order in which it was written', () => {
  expect(scopeEntries({ user: 'ann', team: 'research', 'tag.job': 'x' })).toEqual([
    ['user', 'ann'],
    ['team', 'research'],
    ['tag.job', 'x'],
  ])
})

describe("a budget's id says its scope", () => {
  test.each<[id: string, scope: Scope]>([
    ['global', {}],
    ['team:marketing', { team: 'marketing' }],
    ['project:nightly', { project: 'nightly' }],
    ['user:ann@example.com', { user: 'ann@example.com' }],
    ['key:k1', { key: 'k1' }],
    ['provider:openai', { provider: 'openai' }],
    ['model:gpt-5', { model: 'gpt-5' }],
    ['model:ft:gpt-4o:acme', { model: 'ft:gpt-4o:acme' }],
    ['tag.env:prod', { 'tag.env': 'prod' }],
  ])('%s is %o', (id, scope) => {
    expect(scopeOfId(id)).toEqual(scope)
  })

  test.each(['research-per-user', 'Global', 'team', 'team:', ':marketing', 'teams:x', 'tag.:x', 'tag:env', ''])(
    '%o says none, which is not every call',
    (id) => {
      expect(scopeOfId(id)).toBeUndefined()
    },
  )
})

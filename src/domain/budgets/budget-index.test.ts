import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Budget } from './budget.ts'
import { indexBudgets, NO_VALUE } from './budget-index.ts'
import { toBudgetId } from '../ids.ts'
import type { Attribute, Attributes, Scope } from './scope.ts'

function budget(id: string, more: Partial<Budget> = {}): Budget {
  return {
    id: toBudgetId(id),
    name: id,
    scope: {},
    unit: 'tokens',
    limit: 1000,
    period: { kind: 'month', timezone: 'UTC' },
    alertAt: [],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
    ...more,
  }
}

const CALL: Attributes = { team: 'research', user: 'ann', key: 'k1', provider: 'openai', model: 'gpt-5', tags: { job: 'nightly' } }

/** The call's own words for its attributes, read without the code under test. */
function valueOf(call: Attributes, name: string): string | undefined {
  const flat: Readonly<Record<string, string | undefined>> = {
    team: call.team,
    project: call.project,
    user: call.user,
    key: call.key,
    provider: call.provider,
    model: call.model,
    'tag.job': call.tags['job'],
    'tag.env': call.tags['env'],
  }
  return flat[name]
}

/** The second opinion: look at every budget. */
function applicableByFilter(budgets: readonly Budget[], call: Attributes): readonly string[] {
  return budgets
    .filter(({ archivedAt }) => archivedAt === undefined)
    .filter(({ scope }) => Object.entries(scope).every(([name, value]) => valueOf(call, name) === value))
    .map(({ id, each }) => `${id} ${each === undefined ? 'null' : (valueOf(call, each) ?? NO_VALUE)}`)
}

const applicable = (budgets: readonly Budget[], call: Attributes) =>
  indexBudgets(budgets)
    .applicable(call)
    .map(({ budget: { id }, each }) => `${id} ${each}`)

const ATTRIBUTES = ['team', 'project', 'user', 'key', 'provider', 'model', 'tag.job', 'tag.env'] as const
const value = fc.constantFrom('a', 'b', 'c', '')
const attribute: fc.Arbitrary<Attribute> = fc.constantFrom(...ATTRIBUTES)
const scope: fc.Arbitrary<Scope> = fc.array(fc.tuple(attribute, value), { maxLength: 3 }).map((entries) => Object.fromEntries(entries))
const budgets: fc.Arbitrary<readonly Budget[]> = fc
  .array(fc.record({ scope, each: fc.option(attribute), isArchived: fc.integer({ min: 0, max: 5 }).map((n) => n === 0) }), {
    maxLength: 40,
  })
  .map((list) =>
    list.map(({ scope, each, isArchived }, i) =>
      budget(`b${i}`, { scope, ...(each === null ? {} : { each }), ...(isArchived ? { archivedAt: 1 } : {}) }),
    ),
  )
const call: fc.Arbitrary<Attributes> = fc
  .record({ team: value, project: value, user: value, key: value }, { requiredKeys: [] })
  .chain((known) =>
    fc
      .record({ provider: value, model: value, tags: fc.record({ job: value, env: value }, { requiredKeys: [] }) })
      .map((rest) => ({ ...known, ...rest })),
  )

describe('the budgets that apply to a call', () => {
  test('are those that a look at every budget finds, in the order of their definition, each with its each value', () => {
    fc.assert(
      fc.property(budgets, call, (all, one) => {
        expect(applicable(all, one)).toEqual(applicableByFilter(all, one))
      }),
      { numRuns: 3000 },
    )
  })

  test('are those of each model that the request names, each account once', () => {
    const models = fc.array(value, { maxLength: 3 })
    fc.assert(
      fc.property(budgets, call, models, (all, one, otherModels) => {
        const ofEach = [one.model, ...otherModels].map((model) => new Set(applicableByFilter(all, { ...one, model })))
        const found = applicable(all, { ...one, otherModels })
        expect(new Set(found)).toEqual(new Set(ofEach.flatMap((set) => [...set])))
        expect(found.length).toBe(new Set(found).size)
      }),
    )
  })

  test('include every budget over all calls', () => {
    expect(applicable([budget('global'), budget('other')], CALL)).toEqual(['global null', 'other null'])
  })

  test('keep one account per value of each', () => {
    const all = [budget('per-user', { each: 'user' }), budget('per-job', { each: 'tag.job' })]
    expect(applicable(all, CALL)).toEqual(['per-user ann', 'per-job nightly'])
  })

  test('a call without the each attribute shares one account: it does not escape the budget', () => {
    const { user: _user, ...nobody } = CALL
    expect(applicable([budget('per-user', { each: 'user' })], nobody)).toEqual([`per-user ${NO_VALUE}`])
  })

  test('an archived budget applies to no call', () => {
    expect(applicable([budget('old', { archivedAt: 5 }), budget('new')], CALL)).toEqual(['new null'])
  })

  test('no budgets, none apply', () => {
    expect(applicable([], CALL)).toEqual([])
  })
})

const TEMPLATE = budget('template')

/** A budget that counts how often a lookup looks at its scope. */
function watched(id: string, own: Scope, looks: { count: number }): Budget {
  return {
    ...TEMPLATE,
    id: toBudgetId(id),
    get scope() {
      looks.count++
      return own
    },
  }
}

describe('the cost follows the budgets that apply, not those that exist', () => {
  const MANY = 100_000
  const scopes: readonly [what: string, scopeOf: (i: number) => Scope, own: Scope][] = [
    ['users', (i) => ({ user: `u${i}` }), { user: 'ann' }],
    ['users of one team', (i) => ({ team: 'research', user: `u${i}` }), { team: 'research', user: 'ann' }],
    ['keys', (i) => ({ key: `k-${i}` }), { key: 'k1' }],
    ['teams', (i) => ({ team: `t${i}` }), { team: 'research' }],
    ['projects of one provider', (i) => ({ provider: 'openai', project: `p${i}` }), { provider: 'openai' }],
    ['tags', (i) => ({ 'tag.job': `j${i}` }), { 'tag.job': 'nightly' }],
    ['models', (i) => ({ model: `m${i}` }), { model: 'gpt-5' }],
  ]
  test.each(scopes)('of 100,000 budgets of %s a call looks at the two that apply', (_what, scopeOf, own) => {
    const looks = { count: 0 }
    const all = [watched('global', {}, looks), watched('own', own, looks)]
    for (let i = 0; i < MANY; i++) all.push(watched(`b${i}`, scopeOf(i), looks))
    const index = indexBudgets(all)
    expect(looks.count).toBeGreaterThanOrEqual(MANY)
    looks.count = 0
    expect(index.applicable(CALL).map(({ budget: { id } }) => id)).toEqual(['global', 'own'])
    expect(looks.count).toBeLessThanOrEqual(2)
  })

  test('100,000 budgets that share their first attribute are indexed in one pass', () => {
    const all = Array.from({ length: MANY }, (_, i) => budget(`b${i}`, { scope: { team: 'research', 'tag.job': `j${i}` } }))
    expect(applicable(all, { ...CALL, tags: { job: 'j7' } })).toEqual(['b7 null'])
  }, 10_000)
})

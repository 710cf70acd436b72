import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Account, adoptBudget, openAccount, roomOf } from './account.ts'
import { type Admission, type Claim, raise, reserve, settle } from './admission.ts'
import { AMOUNT_MAX, isAmount, type Unit } from '../amount.ts'
import { type CallBound, demandIn } from '../usage/bound.ts'
import type { Budget } from '../budgets/budget.ts'
import { Defect } from '../defect.ts'
import { toBudgetId } from '../ids.ts'
import type { Price } from '../usage/price.ts'
import { crossThreshold } from './threshold.ts'

/*
 * The rules of admission as tables. A line is a command, and after `->` what must come of it; nothing: held in full, settled without more to say.
 *
 *   budget  NAME limit=100 [advisory] [deny] [unit=usd] [alert_at=0.5,0.8]   a hard cap in tokens that clamps, unless it says else
 *   reserve CALL NAME,NAME input=10 output=50 [min=1] [n=2] [price=IN/OUT]   prices in pico-USD per token; min: can be clamped to
 *   settle  CALL used=41 [used of the second account, ...]
 *   limit   NAME to=200        an edit of the budget        next NAME        its next period begins
 *   expect  NAME               shows the account
 */
describe('no overshoot', () => {
  const TABLES = `
    a call is held in full, and charged what it used
      budget  a limit=100
      reserve c1 a input=10 output=50
      expect  a                                    -> used=0 held=60 left=40
      settle  c1 used=41
      expect  a                                    -> used=41 held=0 left=59

    what fits exactly is let in, and at exactly the limit the next call is refused
      budget  a limit=100
      reserve c1 a input=50 output=50
      reserve c2 a input=1 output=0                -> refused a, waiting may help
      settle  c1 used=100                          -> settled, a reached 1
      reserve c3 a input=1 output=0                -> refused a
      expect  a                                    -> used=100 held=0 left=0

    one token more than fits is refused
      budget  a limit=100
      reserve c1 a input=50 output=51              -> refused a
      reserve c2 a input=50 output=50

    what other calls hold is not there
      budget  a limit=100
      reserve c1 a input=10 output=50
      reserve c2 a input=10 output=50              -> refused a, waiting may help
      settle  c1 used=20
      reserve c3 a input=10 output=50
      expect  a                                    -> used=20 held=60 left=20

    a limit of 0 refuses everything, in every unit, also what costs nothing
      budget  tokens   limit=0
      budget  usd      limit=0 unit=usd
      budget  requests limit=0 unit=requests
      reserve c1 tokens   input=0 output=0                  -> refused tokens
      reserve c2 usd      input=10 output=10 price=0/0      -> refused usd
      reserve c3 requests input=0 output=0                  -> refused requests
      reserve c4 tokens   input=1 output=9 min=1            -> refused tokens

    a lowered limit lets nothing in until there is room again, and what is in flight settles
      budget  a limit=100
      reserve c1 a input=0 output=60
      limit   a to=50
      reserve c2 a input=1 output=0                -> refused a, waiting may help
      settle  c1 used=60                           -> settled, a reached 1
      reserve c3 a input=1 output=0                -> refused a
      limit   a to=70
      reserve c4 a input=1 output=9
      expect  a                                    -> used=60 held=10 left=0

    requests are counted one by one
      budget  a limit=2 unit=requests
      reserve c1 a input=900 output=900
      reserve c2 a input=900 output=900 n=4
      reserve c3 a input=1 output=1                -> refused a, waiting may help
      settle  c1 used=0
      reserve c4 a input=1 output=1
  `
  test.each(readTables(TABLES))('$guarantee', ({ lines }) => {
    expect(play(lines)).toEqual(lines)
  })
})

describe('all or nothing', () => {
  const TABLES = `
    a call counts against every account in its scope, or against none
      budget  global limit=1000
      budget  team   limit=100
      budget  user   limit=1000 advisory
      reserve c1 global,team,user input=10 output=50
      reserve c2 global,team,user input=10 output=50 -> refused team, waiting may help
      expect  global                               -> used=0 held=60 left=940
      expect  team                                 -> used=0 held=60 left=40
      expect  user                                 -> used=0 held=60 left=940

    each account is charged in its own unit
      budget  tokens   limit=1000
      budget  usd      limit=1000 unit=usd
      budget  requests limit=10 unit=requests
      reserve c1 tokens,usd,requests input=100 output=50 price=1000/2000
      expect  tokens                               -> used=0 held=150 left=850
      expect  usd                                  -> used=0 held=200 left=800
      expect  requests                             -> used=0 held=1 left=9
      settle  c1 used=120,150,1
      expect  usd                                  -> used=150 held=0 left=850

    the tightest account is named first, by the share that is left
      budget  wide  limit=1000
      budget  tight limit=100
      reserve c1 wide input=0 output=950
      reserve c2 tight input=0 output=99
      reserve c3 wide,tight input=60 output=0      -> refused tight wide, waiting may help
      limit   tight to=0
      limit   wide to=1000
      reserve c4 wide,tight input=60 output=0      -> refused tight wide

    an account that has room is not named
      budget  full  limit=10
      budget  empty limit=1000
      reserve c1 full input=10 output=0
      reserve c2 full,empty input=10 output=0      -> refused full, waiting may help
  `
  test.each(readTables(TABLES))('$guarantee', ({ lines }) => {
    expect(play(lines)).toEqual(lines)
  })
})

describe('waiting', () => {
  const TABLES = `
    helps where the call would fit if no other were in flight
      budget  a limit=100
      reserve c1 a input=0 output=100
      reserve c2 a input=0 output=100              -> refused a, waiting may help
      reserve c3 a input=0 output=101              -> refused a

    helps only where it helps in every account that refuses
      budget  held limit=100
      budget  used limit=100
      reserve c1 held input=0 output=100
      reserve c2 used input=0 output=100
      settle  c2 used=100                          -> settled, used reached 1
      reserve c3 held,used input=0 output=10       -> refused held used
  `
  test.each(readTables(TABLES))('$guarantee', ({ lines }) => {
    expect(play(lines)).toEqual(lines)
  })
})

describe('an advisory budget', () => {
  const TABLES = `
    never refuses and never clamps, whatever is used, and counts all of it
      budget  a limit=100 advisory
      budget  zero limit=0 advisory
      reserve c1 a,zero input=90 output=50 min=1
      settle  c1 used=140                          -> settled, a reached 1, zero reached 1
      reserve c2 a,zero input=90 output=50 min=1
      expect  a                                    -> used=140 held=140 left=-180
      expect  zero                                 -> used=140 held=140 left=-280

    refuses from the next call on, once it is made hard
      budget  a limit=100 advisory
      reserve c1 a input=90 output=50
      limit   a to=100 hard
      reserve c2 a input=1 output=0                -> refused a, waiting may help
      settle  c1 used=140                          -> settled, a reached 1
      reserve c3 a input=1 output=0                -> refused a
  `
  test.each(readTables(TABLES))('$guarantee', ({ lines }) => {
    expect(play(lines)).toEqual(lines)
  })
})

describe('near the limit', () => {
  const TABLES = `
    the output is clamped to what is left, and all that is left can be used
      budget  a limit=100
      reserve c1 a input=10 output=500 min=1       -> held max=90
      expect  a                                    -> used=0 held=100 left=0

    a call that fits is not clamped
      budget  a limit=100
      reserve c1 a input=10 output=90 min=1

    it is clamped to the least that any account has left
      budget  a limit=100
      budget  b limit=50
      budget  c limit=1 advisory
      reserve c1 a,b,c input=10 output=500 min=1   -> held max=40
      expect  a                                    -> used=0 held=50 left=50
      expect  b                                    -> used=0 held=50 left=0

    never below the least maximum that the request can have
      budget  a limit=100
      reserve c1 a input=10 output=500 min=91      -> refused a
      reserve c2 a input=10 output=500 min=90      -> held max=90

    a request that can not be clamped is refused
      budget  a limit=100
      reserve c1 a input=10 output=500             -> refused a

    a budget that denies refuses what a budget that clamps would clamp
      budget  a limit=100 deny
      reserve c1 a input=10 output=500 min=1       -> refused a
      reserve c2 a input=10 output=90 min=1

    a call that may be clamped waits for no room where a clamp fits
      budget  a limit=100
      reserve c1 a input=0 output=60
      reserve c2 a input=10 output=500 min=1       -> held max=30
      reserve c3 a input=10 output=500 min=1       -> refused a, waiting may help

    n answers share what is left
      budget  a limit=100
      reserve c1 a input=10 output=500 min=1 n=4   -> held max=22
      expect  a                                    -> used=0 held=98 left=2
      reserve c2 a input=0 output=500 min=1 n=4    -> refused a, waiting may help

    a call without a maximum of its own gets what it is expected to need, and leaves the rest to others
      budget  a limit=1000
      reserve c1 a input=10 output=500 min=1 expected=200 -> held max=200
      reserve c2 a input=10 output=500 min=1 expected=200 -> held max=200
      reserve c3 a input=10 output=500 min=1
      expect  a                                           -> used=0 held=930 left=70
      reserve c4 a input=10 output=500 min=1 expected=200 -> held max=60

    its hold is raised while the answer comes, as far as there is room in all budgets, and never shrinks
      budget  a limit=1000
      budget  b limit=600
      budget  c limit=1 advisory
      reserve c1 a,b,c input=10 output=900 min=1 expected=200 -> held max=200
      reserve c2 a input=100 output=200
      raise   c1 to=300
      expect  a                                           -> used=0 held=610 left=390
      expect  c                                           -> used=0 held=310 left=-309
      raise   c1 to=900                                   -> held max=590
      expect  b                                           -> used=0 held=600 left=0
      raise   c1 to=100                                   -> held max=590
      settle  c2 used=300
      raise   c1 to=900                                   -> held max=590

    a raise counts every answer that was asked for
      budget  a limit=1000
      reserve c1 a input=10 output=400 min=1 n=2 expected=100 -> held max=100
      raise   c1 to=300
      expect  a                                           -> used=0 held=610 left=390

    where a tenth of what is left is more, it gets that, and at most the model’s maximum
      budget  a limit=10000
      reserve c1 a input=10 output=5000 min=1 expected=200 -> held max=990
      reserve c2 a input=10 output=500 min=1 expected=200

    a hold that is raised while its answer comes begins with what is expected, unless there is plenty of room
      budget a limit=10000
      reserve c1 a input=10 output=5000 min=1 expected=200 raisable -> held max=200
      reserve c2 a input=10 output=900 min=1 expected=200 raisable

    where what is expected does not fit, a budget that denies refuses
      budget  a limit=100 deny
      reserve c1 a input=10 output=500 min=1 expected=200 -> refused a
      reserve c2 a input=10 output=500 min=1 expected=90  -> held max=90

    the input alone can be too much
      budget  a limit=100
      reserve c1 a input=101 output=500 min=0      -> refused a
      reserve c2 a input=100 output=500 min=0      -> held max=0
  `
  test.each(readTables(TABLES))('$guarantee', ({ lines }) => {
    expect(play(lines)).toEqual(lines)
  })
})

describe('money', () => {
  const TABLES = `
    a bound in USD is rounded up to the nano-USD
      budget  a limit=10 unit=usd
      reserve c1 a input=1 output=0 price=1/1
      expect  a                                    -> used=0 held=1 left=9
      reserve c2 a input=0 output=9001 price=1/1   -> refused a, waiting may help
      reserve c3 a input=0 output=9000 price=1/1

    the output is clamped to the money that is left
      budget  a limit=1000 unit=usd
      reserve c1 a input=100 output=5000 min=1 price=2000/3000 -> held max=266
      expect  a                                    -> used=0 held=998 left=2

    balances above 1e14 are exact
      budget  a limit=9007199254740991 unit=usd
      reserve c1 a input=1 output=0 price=1000/0
      settle  c1 used=123456789012345              -> settled, overrun 123456789012344
      expect  a                                    -> used=123456789012345 held=0 left=8883742465728646 overrun=123456789012344
  `
  test.each(readTables(TABLES))('$guarantee', ({ lines }) => {
    expect(play(lines)).toEqual(lines)
  })
})

describe('settling', () => {
  const TABLES = `
    is never refused: what goes beyond the hold is charged, and shown as an overrun
      budget  a limit=100
      reserve c1 a input=10 output=50
      settle  c1 used=130                          -> settled, overrun 70, a reached 1
      expect  a                                    -> used=130 held=0 left=-30 overrun=70
      reserve c2 a input=1 output=0                -> refused a

    counts the overrun in each account by itself and tells the largest
      budget  a limit=1000
      budget  b limit=1000 unit=requests
      reserve c1 a,b input=10 output=10
      settle  c1 used=25,1                         -> settled, overrun 5
      expect  a                                    -> used=25 held=0 left=975 overrun=5
      expect  b                                    -> used=1 held=0 left=999
      reserve c2 a,b input=10 output=10
      settle  c2 used=30,1                         -> settled, overrun 10
      expect  a                                    -> used=55 held=0 left=945 overrun=15

    gives back what was not used, all of it where nothing was
      budget  a limit=100
      reserve c1 a input=50 output=50
      settle  c1 used=0
      expect  a                                    -> used=0 held=0 left=100

    charges the account in which the call was admitted, also after its period
      budget  a limit=100
      reserve c1 a input=10 output=50
      next    a
      settle  c1 used=60
      expect  a                                    -> used=0 held=0 left=100
  `
  test.each(readTables(TABLES))('$guarantee', ({ lines }) => {
    expect(play(lines)).toEqual(lines)
  })
})

describe('thresholds', () => {
  const TABLES = `
    fire once, of several crossed by one call the highest
      budget  a limit=1000 alert_at=0.5,0.8
      reserve c1 a input=500 output=0
      settle  c1 used=500                          -> settled, a reached 0.5
      reserve c2 a input=100 output=0
      settle  c2 used=100
      reserve c3 a input=400 output=0
      settle  c3 used=400                          -> settled, a reached 1

    a hold crosses nothing
      budget  a limit=100 alert_at=0.5
      reserve c1 a input=99 output=0
      settle  c1 used=49

    are armed again in a new account
      budget  a limit=100 alert_at=0.5
      reserve c1 a input=60 output=0
      settle  c1 used=60                           -> settled, a reached 0.5
      next    a
      reserve c2 a input=60 output=0
      settle  c2 used=60                           -> settled, a reached 0.5

    do not fire again when the limit is raised
      budget  a limit=100 alert_at=0.5
      reserve c1 a input=60 output=0
      settle  c1 used=60                           -> settled, a reached 0.5
      limit   a to=1000
      reserve c2 a input=500 output=0
      settle  c2 used=500
      reserve c3 a input=440 output=0
      settle  c3 used=440                          -> settled, a reached 1

    0.07 of 100 is 7, not more
      budget  a limit=100 alert_at=0.07
      reserve c1 a input=6 output=0
      settle  c1 used=6
      reserve c2 a input=1 output=0
      settle  c2 used=1                            -> settled, a reached 0.07
  `
  test.each(readTables(TABLES))('$guarantee', ({ lines }) => {
    expect(play(lines)).toEqual(lines)
  })
})

describe('where the integers end', () => {
  const bound = { input: 10, outputMax: 10, outputMin: 10, choices: 1 }
  const claim = (account: Account) => ({ account, demand: demandIn(account.budget, bound, undefined) })

  test('an advisory budget sets less aside, and refuses nothing', () => {
    const [first, second] = [openedAs('a', { limit: 1000 }), openedAs('b', { limit: 1, isHardCap: false })]
    second.held = AMOUNT_MAX - 5
    expect(reserve([claim(first), claim(second)], bound)).toMatchObject({ kind: 'held', amounts: [20, 5] })
    expect([first.held, second.held]).toEqual([20, AMOUNT_MAX])
    settle([first, second], [20, 5], [20, 20])
    expect([first.held, second.held]).toEqual([0, AMOUNT_MAX - 5])
  })

  test('a charge fills a sum, and is settled', () => {
    const accounts = [openedAs('a', { limit: 1000 }), openedAs('b', { limit: 1000 })]
    for (const account of accounts) account.held = 20
    accounts[1]!.used = AMOUNT_MAX - 1
    expect(settle(accounts, [20, 20], [30, 30])).toBe(10)
    expect(accounts.map(({ used, held, overrun }) => [used, held, overrun])).toEqual([
      [30, 0, 10],
      [AMOUNT_MAX, 0, 10],
    ])
  })

  test('whatever is asked for and used, no step throws, no sum leaves the integers, and all holds come back', () => {
    const amount = fc.oneof(fc.nat(100), fc.maxSafeNat(), fc.constantFrom(AMOUNT_MAX, AMOUNT_MAX - 1, 2 ** 52))
    const wish = fc.record({ input: amount, outputMax: amount, choices: fc.oneof(fc.constant(1), amount), used: amount })
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 8 }), amount, (wishes, limit) => {
        const accounts = [openedAs('a', { limit }), openedAs('b', { limit: 10, isHardCap: false })]
        const ends: (() => void)[] = []
        for (const { used, ...asked } of wishes) {
          const bound = { ...asked, outputMin: asked.outputMax }
          const claims = accounts.map((account) => ({ account, demand: demandIn(account.budget, bound, undefined) }))
          const admission = reserve(claims, bound)
          if (admission.kind === 'held') ends.push(() => settle(accounts, admission.amounts, [used, used]))
          for (const { used, held } of accounts) expect([used, held, used + held].every(isAmount)).toBe(true)
        }
        for (const end of ends) end()
        for (const { used, held, callsInFlight } of accounts) expect([isAmount(used), held, callsInFlight]).toEqual([true, 0, 0])
      }),
    )
  })
})

describe('a defect leaves every account as it was', () => {
  test('where a charge is no amount', () => {
    const accounts = [openedAs('a', { limit: 1000 }), openedAs('b', { limit: 1000 })]
    for (const account of accounts) account.held = 20
    expect(() => settle(accounts, [20, 20], [30, Number.NaN])).toThrow(Defect)
    expect(accounts.map(({ used, held, overrun }) => [used, held, overrun])).toEqual([
      [0, 20, 0],
      [0, 20, 0],
    ])
  })

  test('where more would be given back than was set aside', () => {
    const accounts = [openedAs('a', { limit: 1000 }), openedAs('b', { limit: 1000 })]
    accounts[0]!.held = 20
    expect(() => settle(accounts, [20, 20], [5, 5])).toThrow(Defect)
    expect(() => settle(accounts, [20], [5])).toThrow(Defect)
    expect(accounts.map(({ used, held }) => [used, held])).toEqual([
      [0, 20],
      [0, 0],
    ])
  })
})

test('no admission passes a hard cap, and one that is clamped leaves no room for a token more, in any unit', () => {
  const caps = fc.record({
    unit: fc.constantFrom<Unit>('tokens', 'usd', 'requests'),
    limit: fc.oneof(fc.nat(2000), fc.nat(5_000_000)),
    used: fc.nat(3000),
    held: fc.nat(3000),
    isHardCap: fc.boolean(),
    nearLimit: fc.constantFrom('clamp' as const, 'deny' as const),
  })
  const bounds = fc.record({ input: fc.nat(1000), outputMax: fc.nat(2000), outputMin: fc.nat(50), choices: fc.integer({ min: 1, max: 4 }) })
  const pico = fc.nat(3_000_000)
  const prices = fc.record({ inputPico: pico, cachedInputPico: pico, cacheWritePico: pico, outputPico: pico })
  fc.assert(
    fc.property(fc.array(caps, { minLength: 1, maxLength: 4 }), bounds, prices, (all, asked, price) => {
      const bound = { ...asked, outputMin: Math.min(asked.outputMin, asked.outputMax) }
      const accounts = all.map(({ used, held, ...budget }, i) => Object.assign(openedAs(`b${i}`, budget), { used, held }))
      const before = accounts.map(roomOf)
      const admission = reserve(claimsOf(accounts, bound, price), bound)
      expect(faultOf({ admission, accounts, before }, bound, price)).toBeUndefined()
    }),
    { numRuns: 10_000 },
  )
})

interface Outcome {
  readonly admission: Admission
  readonly accounts: readonly Account[]
  /** What each account had left. */
  readonly before: readonly number[]
}

/** What is wrong with an admission, judged by each account's own sums in whole numbers. */
function faultOf(outcome: Outcome, bound: CallBound, price: Price): string | undefined {
  const { admission, accounts, before } = outcome
  const hard = accounts.filter(({ budget }) => budget.isHardCap)
  if (admission.kind === 'refused') {
    if (accounts.some((account, i) => roomOf(account) !== before[i])) return 'a refused call changed an account'
    return hard.some((account) => refuses(account, bound, price)) ? undefined : 'refused without a reason'
  }
  if (admission.outputMax < bound.outputMin || admission.outputMax > bound.outputMax) return 'an output that was not asked for'
  if (accounts.some((account, i) => roomOf(account) !== before[i]! - demandOf(account, bound, admission.outputMax, price)))
    return 'a wrong hold'
  if (hard.some((account) => roomOf(account) < 0 || account.budget.limit === 0)) return 'a hard cap was passed'
  if (admission.outputMax === bound.outputMax) return undefined
  const oneMore = (account: Account) =>
    demandOf(account, bound, admission.outputMax + 1, price) - demandOf(account, bound, admission.outputMax, price)
  return hard.some((account) => roomOf(account) < oneMore(account)) ? undefined : 'clamped more than it had to be'
}

function refuses(account: Account, bound: CallBound, price: Price): boolean {
  const least = account.budget.nearLimit === 'clamp' ? bound.outputMin : bound.outputMax
  return account.budget.limit === 0 || demandOf(account, bound, least, price) > roomOf(account)
}

function demandOf(account: Account, bound: CallBound, output: number, price: Price): number {
  const outputs = bound.choices * output
  if (account.budget.unit === 'requests') return 1
  if (account.budget.unit === 'tokens') return bound.input + outputs
  const dearest = Math.max(price.inputPico, price.cachedInputPico, price.cacheWritePico)
  return Number((BigInt(bound.input) * BigInt(dearest) + BigInt(outputs) * BigInt(price.outputPico) + 999n) / 1000n)
}

function claimsOf(accounts: readonly Account[], bound: CallBound, price: Price | undefined) {
  return accounts.map((account) => ({ account, demand: demandIn(account.budget, bound, price) }))
}

function openedAs(name: string, more: Partial<Budget>, startsAt = 0): Account {
  const budget: Budget = {
    id: toBudgetId(name),
    name,
    scope: {},
    unit: 'tokens',
    limit: 0,
    period: { kind: 'hour', timezone: 'UTC' },
    alertAt: [],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
    ...more,
  }
  return openAccount(budget, null, { kind: 'hour', startsAt, endsAt: startsAt + 3_600_000, name: `${startsAt}` })
}

interface Table {
  readonly guarantee: string
  readonly lines: readonly string[]
}

/** Tables are set apart by an empty line; the first line of each is its guarantee. */
function readTables(text: string): readonly Table[] {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((block) => block.split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' ')))
    .map(([guarantee = '', ...lines]) => ({ guarantee, lines }))
}

/** Plays the lines' commands, and returns each with what came of it. */
function play(lines: readonly string[]): readonly string[] {
  const accounts = new Map<string, Account>()
  const calls = new Map<string, { accounts: readonly Account[]; amounts: readonly number[]; claims: readonly Claim[]; outputMax: number }>()
  return lines.map((line) => {
    const [command = ''] = line.split(' -> ')
    const [verb = '', name = '', ...words] = command.split(' ')
    const options = new Map(words.map((word) => [word.split('=')[0] ?? '', word.split('=')[1] ?? '']))
    const outcome = step()
    return outcome === '' ? command : `${command} -> ${outcome}`

    function step(): string {
      switch (verb) {
        case 'budget':
          accounts.set(name, openedAs(name, budgetFrom(options)))
          return ''
        case 'limit':
          adoptBudget(accounts.get(name)!, {
            ...accounts.get(name)!.budget,
            limit: Number(options.get('to')),
            ...(options.has('hard') ? { isHardCap: true } : {}),
          })
          return ''
        case 'next':
          accounts.set(name, openedAs(name, accounts.get(name)!.budget, accounts.get(name)!.period.endsAt))
          return ''
        case 'reserve': {
          const chosen = (words[0] ?? '').split(',').map((each) => accounts.get(each)!)
          const bound = boundFrom(options)
          const claims = claimsOf(chosen, bound, priceFrom(options))
          const admission = reserve(claims, bound)
          if (admission.kind === 'held') calls.set(name, { ...admission, accounts: chosen, claims })
          return told(admission, bound)
        }
        case 'raise': {
          const call = calls.get(name)!
          const raised = raise(call.claims, call.amounts, { from: call.outputMax, to: Number(options.get('to')) })
          calls.set(name, { ...call, ...raised })
          return raised.outputMax === Number(options.get('to')) ? '' : `held max=${raised.outputMax}`
        }
        case 'settle': {
          const { accounts: charged, amounts } = calls.get(name)!
          const used = (options.get('used') ?? '').split(',').map(Number)
          const overrun = settle(
            charged,
            amounts,
            charged.map((_, i) => used[i] ?? used[0]!),
          )
          const reached = charged.flatMap((account) => `${account.budget.id} reached ${crossThreshold(account)?.threshold ?? 'nothing'}`)
          const facts = [...(overrun > 0 ? [`overrun ${overrun}`] : []), ...reached.filter((fact) => !fact.endsWith('nothing'))]
          return facts.length === 0 ? '' : ['settled', ...facts].join(', ')
        }
        case 'expect': {
          const { used, held, overrun } = accounts.get(name)!
          return `used=${used} held=${held} left=${roomOf(accounts.get(name)!)}${overrun > 0 ? ` overrun=${overrun}` : ''}`
        }
        default:
          throw new Error(`no such command: ${command}`)
      }
    }
  })
}

function told(admission: Admission, bound: CallBound): string {
  if (admission.kind === 'held') return admission.outputMax === bound.outputMax ? '' : `held max=${admission.outputMax}`
  const names = admission.accounts.map(({ budget }) => budget.id).join(' ')
  return `refused ${names}${admission.isBlockedByHolds ? ', waiting may help' : ''}`
}

function budgetFrom(options: ReadonlyMap<string, string>): Partial<Budget> {
  return {
    unit: (options.get('unit') ?? 'tokens') as Unit,
    limit: Number(options.get('limit')),
    alertAt: (options.get('alert_at') ?? '').split(',').filter(Boolean).map(Number),
    isHardCap: !options.has('advisory'),
    nearLimit: options.has('deny') ? 'deny' : 'clamp',
  }
}

function boundFrom(options: ReadonlyMap<string, string>): CallBound {
  const outputMax = Number(options.get('output'))
  return {
    input: Number(options.get('input')),
    outputMax,
    outputMin: Number(options.get('min') ?? outputMax),
    choices: Number(options.get('n') ?? 1),
    ...(options.has('expected') ? { outputExpected: Number(options.get('expected')) } : {}),
    ...(options.has('raisable') ? { isRaisable: true } : {}),
  }
}

function priceFrom(options: ReadonlyMap<string, string>): Price | undefined {
  const [inputPico, outputPico] = (options.get('price') ?? '').split('/').map(Number)
  if (inputPico === undefined || outputPico === undefined) return undefined
  return { inputPico, cachedInputPico: inputPico, cacheWritePico: inputPico, outputPico }
}

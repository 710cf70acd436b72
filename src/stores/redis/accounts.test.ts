import { expect, test } from 'vitest'
import { accountRef } from '../../engine/budget-book.ts'
import { AT, budget } from '../contract/sample-records.ts'
import { RedisAccounts } from './accounts.ts'
import { createKeyNames } from './key-names.ts'
import type { StepReply } from './session.ts'

function accountsOver(replies: StepReply[], closedUpTo: string | null) {
  const session = {
    step: async (): Promise<StepReply> => replies.shift() ?? ['outdated', 1],
    ask: async () => closedUpTo,
    query: async () => [],
  }
  const catalog = { version: async () => 1, budget: async () => undefined }
  return new RedisAccounts({ session, names: createKeyNames('{test}'), catalog })
}

test('an account that was closed does not open again, and whoever wants it is told so', async () => {
  const ref = accountRef(budget('global', 1000), null, AT)
  expect(await accountsOver([], String(ref.period.endsAt)).open(ref)).toBe(false)
})

test('an account opens though the budgets are edited meanwhile', async () => {
  const ref = accountRef(budget('global', 1000), null, AT)
  expect(
    await accountsOver(
      [
        ['outdated', 1],
        ['open', 2],
      ],
      null,
    ).open(ref),
  ).toBe(true)
})

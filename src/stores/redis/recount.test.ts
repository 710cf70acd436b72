import { expect, test } from 'vitest'
import { toCallId } from '../../domain/ids.ts'
import { createManualClock } from '../../../test/engine/manual-clock.ts'
import { accountOf, AT, ended, held } from '../contract/sample-records.ts'
import { storedHold, toStored } from './hold-text.ts'
import { createKeyNames } from './key-names.ts'
import { Recount } from './recount.ts'
import { Unconfirmed } from './unconfirmed.ts'

test('what a call crossed is judged though it was counted, and only the answer was lost', async () => {
  const unasked = (): never => {
    throw new Error('the call was counted')
  }
  const judged: string[] = []
  const recount = new Recount({
    session: { ask: async () => null, step: unasked },
    names: createKeyNames('{test}'),
    catalog: { budget: unasked, read: unasked },
    crossings: { judgeLater: (accounts) => void judged.push(...accounts) },
    accounts: { open: unasked },
    settlements: { end: unasked },
    clock: createManualClock(AT),
    unconfirmed: new Unconfirmed(),
    spool: { append: () => undefined, left: () => [], clear: () => undefined },
    known: async () => new Map([[toCallId('call-1'), 'ended']]),
    onTrouble: () => undefined,
  })
  const { hold } = held('call-1', ['global'])
  await recount.count([{ hold: toStored(storedHold(hold), hold.expiresAt), settlement: ended('call-1').settlement }])
  expect(judged).toEqual([accountOf('global')])
})

import { expect, test } from 'vitest'
import { type CallId, toCallId } from '../../domain/ids.ts'
import { createManualClock } from '../../../test/engine/manual-clock.ts'
import { accountOf, AT, ended, held } from '../contract/sample-records.ts'
import { storedHold, toStored } from './hold-text.ts'
import { createKeyNames } from './key-names.ts'
import { Recount, type RecountDeps } from './recount.ts'
import { type CountedCall, Unconfirmed } from './unconfirmed.ts'

const { hold } = held('call-1', ['global'])
const COUNTED: CountedCall = { hold: toStored(storedHold(hold), hold.expiresAt), settlement: ended('call-1').settlement }

/** A store that holds nothing, and a ledger that has the call. */
function recountOf(deps: Partial<RecountDeps>): Recount {
  const unasked = (): never => {
    throw new Error('the call was counted')
  }
  return new Recount({
    session: { ask: async () => null, step: unasked },
    names: createKeyNames('{test}'),
    catalog: { budget: unasked, read: unasked },
    crossings: { judgeLater: () => undefined },
    accounts: { open: unasked },
    settlements: { end: unasked },
    clock: createManualClock(AT),
    unconfirmed: new Unconfirmed(),
    spool: { append: () => undefined, left: () => [], clear: () => undefined },
    known: async () => new Map([[toCallId('call-1'), 'ended']]),
    onTrouble: () => undefined,
    ...deps,
  })
}

test('what a call crossed is judged though it was counted, and only the answer was lost', async () => {
  const judged: string[] = []
  await recountOf({ crossings: { judgeLater: (accounts) => void judged.push(...accounts) } }).count([COUNTED])
  expect(judged).toEqual([accountOf('global')])
})

test('who wants calls counted that are being counted waits until they are', async () => {
  const asked = Promise.withResolvers<ReadonlyMap<CallId, 'ended'>>()
  const recount = recountOf({ known: () => asked.promise })
  await recount.later(COUNTED)
  const first = recount.replay()
  const second = recount.replay()
  asked.reject(new Error('the store is away again'))
  expect((await Promise.allSettled([first, second])).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

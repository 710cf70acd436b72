import type { Alert } from '../domain/accounts/alert.ts'
import { toAccountKey, toBudgetId } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import { periodAt } from '../domain/budgets/period.ts'
import { Failure } from '../engine/failure.ts'
import type { Channel } from '../engine/ports.ts'
import { ChannelError } from './channels/channel-error.ts'

/** Whether a test message arrived. */
export interface ChannelTest {
  readonly channel: string
  readonly isDelivered: boolean
  /** What went wrong, without secrets; empty where it arrived. */
  readonly error: string
}

/**
 * Sends one message that says it is a test, at once and without retries; it is no alert and is not recorded.
 * @param disabled the names of channels that the config has without an address
 * @throws Failure not_found where there is no channel of that name, invalid_request where it is disabled
 */
export async function testChannel(
  { channels, disabled }: { readonly channels: readonly Channel[]; readonly disabled: readonly string[] },
  name: string,
  at: EpochMs,
): Promise<ChannelTest> {
  const channel = channels.find((candidate) => candidate.name === name)
  if (disabled.includes(name)) throw new Failure('invalid_request', `the channel ${name} is disabled, since the config gives it no address`)
  if (channel === undefined)
    throw new Failure('not_found', `there is no channel ${name}; there are: ${channels.map((c) => c.name).join(', ') || 'none'}`)
  try {
    await channel.send(testAlert(name, at))
    return { channel: name, isDelivered: true, error: '' }
  } catch (error) {
    return {
      channel: name,
      isDelivered: false,
      error: error instanceof ChannelError ? error.message : 'the channel failed in an unexpected way',
    }
  }
}

function testAlert(channel: string, at: EpochMs): Alert {
  const budget = toBudgetId('test')
  const period = periodAt({ kind: 'month', timezone: 'UTC' }, at)
  return {
    id: `test-${channel}-${at}`,
    at,
    account: toAccountKey(budget, null, period.startsAt),
    budget,
    name: 'Test of this channel (no real budget)',
    each: null,
    unit: 'tokens',
    threshold: 0.8,
    used: 832,
    limit: 1000,
    isHardCap: false,
    period,
    channels: [channel],
  }
}

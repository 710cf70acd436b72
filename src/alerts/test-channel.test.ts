import { expect, test } from 'vitest'
import type { Alert } from '../domain/accounts/alert.ts'
import type { Channel } from '../engine/ports.ts'
import { ChannelError } from './channels/channel-error.ts'
import { messageOf } from './message.ts'
import { testChannel } from './test-channel.ts'

const AT = Date.UTC(2026, 10, 22)

function channelThat(answer: () => Promise<void>): { readonly channel: Channel; readonly alerts: Alert[] } {
  const alerts: Alert[] = []
  return { alerts, channel: { name: 'slack', send: (alert) => (alerts.push(alert), answer()) } }
}

test('a test message says that it is one', async () => {
  const { channel, alerts } = channelThat(() => Promise.resolve())
  expect(await testChannel({ channels: [channel], disabled: [] }, 'slack', AT)).toEqual({ channel: 'slack', isDelivered: true, error: '' })
  expect(alerts.map((alert) => messageOf(alert).title)).toEqual([
    'Test of this channel (no real budget) has used 83.2 % of its 1,000 tokens (advisory)',
  ])
})

test('a failed test says why at once', async () => {
  const { channel, alerts } = channelThat(() => Promise.reject(new ChannelError('down', { isRetryable: true })))
  expect(await testChannel({ channels: [channel], disabled: [] }, 'slack', AT)).toEqual({
    channel: 'slack',
    isDelivered: false,
    error: 'down',
  })
  expect(alerts).toHaveLength(1)
})

test("an error that is not the channel's own is not shown", async () => {
  const { channel } = channelThat(() => Promise.reject(new Error('https://hooks.example/secret')))
  expect(await testChannel({ channels: [channel], disabled: [] }, 'slack', AT)).toMatchObject({
    isDelivered: false,
    error: 'the channel failed in an unexpected way',
  })
})

test('an unknown channel is refused with the names that there are', async () => {
  const { channel } = channelThat(() => Promise.resolve())
  await expect(testChannel({ channels: [channel], disabled: [] }, 'slak', AT)).rejects.toMatchObject({
    code: 'not_found',
    message: 'there is no channel slak; there are: slack',
  })
})

test('a channel without an address is said to be disabled', async () => {
  const { channel } = channelThat(() => Promise.resolve())
  await expect(testChannel({ channels: [channel], disabled: ['email'] }, 'email', AT)).rejects.toMatchObject({
    code: 'invalid_request',
    message: 'the channel email is disabled, since the config gives it no address',
  })
})

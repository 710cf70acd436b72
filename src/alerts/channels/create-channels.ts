import type { Channel } from '../../engine/ports.ts'
import { createEmailChannel } from './email.ts'
import type { AddressRule } from './private-address.ts'
import { createSlackChannel } from './slack.ts'
import { createWebhookChannel } from './webhook.ts'

export type { Channel }

/** A channel as it is configured. */
export type ChannelConfig =
  | { readonly kind: 'slack'; readonly name: string; readonly url: string }
  | { readonly kind: 'email'; readonly name: string; readonly smtp: string; readonly from: string; readonly to: readonly string[] }
  | { readonly kind: 'webhook'; readonly name: string; readonly url: string; readonly secret?: string | undefined }

/** @throws Failure invalid_config where a channel can't be made of its settings */
export function createChannels(configs: readonly ChannelConfig[], rule: AddressRule): Channel[] {
  return configs.map((config) => createChannel(config, rule))
}

function createChannel(config: ChannelConfig, { allowPrivateUrls }: AddressRule): Channel {
  switch (config.kind) {
    case 'slack':
      return createSlackChannel({ ...config, allowPrivateUrls })
    case 'email':
      return createEmailChannel(config)
    case 'webhook':
      return createWebhookChannel({ ...config, allowPrivateUrls })
  }
}

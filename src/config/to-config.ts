import { dirname, resolve } from 'node:path'
import type { Amount, Unit } from '../domain/amount.ts'
import type { BudgetDefinition } from '../domain/budgets/budget.ts'
import { assert } from '../domain/defect.ts'
import { toBudgetId } from '../domain/ids.ts'
import type { Price } from '../domain/usage/price.ts'
import { modelId } from '../domain/usage/model-id.ts'
import type { Weights } from '../domain/usage/weights.ts'
import { scopeOfId } from '../domain/budgets/scope.ts'
import { awsCredentials } from './aws-credentials.ts'
import type { ChannelConfig, Config, KeyConfig, PriceConfig, ProviderConfig } from './config.ts'
import type { Environment } from './environment.ts'
import type { ConfigInput } from './schema.ts'

type BudgetInput = ConfigInput['budgets'][number]
type KeyInput = ConfigInput['keys'][number]
type NamedProvider = ConfigInput['providers'][number]
type NamedChannel = ConfigInput['alerts']['channels'][number]
type PriceInput = ConfigInput['prices'][number]

/** At this share an alert fires where a budget does not say when. */
const ALERT_AT_DEFAULT = [0.8]

/**
 * The domain values of a config without errors.
 * @param path the config file's; relative paths in it are relative to its directory
 * @param env where credentials are that the file leaves out
 */
export function toConfig(input: ConfigInput, { path, env }: { readonly path: string; readonly env: Environment }): Config {
  const { server, store, alerts } = input
  const channels = alerts.channels.map(toChannel)
  return {
    server: {
      host: server.host,
      port: server.port,
      bodyBytesMax: server.max_body_bytes,
      corsOrigins: server.cors_origins,
      bytesInFlightMax: server.max_bytes_in_flight,
      onHangUp: server.on_hangup,
      ...(server.admin_token === undefined ? {} : { adminToken: server.admin_token }),
    },
    store: toStore(store, path),
    providers: input.providers.map((provider) => toProvider(provider, { path, env })),
    keys: input.keys.map(toKey),
    budgets: input.budgets.map(toBudget),
    alerts: { channels, allowsPrivateUrls: alerts.allow_private_urls },
    prices: input.prices.map(toPrice),
    warnings: [
      ...(input.providers.length === 0 ? ['providers: there are none, so no call can be answered'] : []),
      ...input.providers.flatMap(warnOfMissingKey),
      ...channels.flatMap(warn),
      ...input.budgets.flatMap(warnOfVersions),
      ...warnWithoutStores(input),
    ],
  }
}

function toStore(store: ConfigInput['store'], path: string): Config['store'] {
  return {
    dataDir: resolve(dirname(path), store.data_dir),
    ...(store.redis === undefined ? {} : { redis: store.redis }),
    ...(store.database === undefined ? {} : { database: store.database }),
    durability: store.durability,
    onStoreDown: store.on_store_down,
    onLost: store.on_lost,
    holdTtlMs: store.hold_ttl,
    ...(store.keep === undefined ? {} : { keepMs: store.keep }),
  }
}

function toProvider([name, provider]: NamedProvider, { path, env }: { path: string; env: Environment }): ProviderConfig {
  const account = provider.service_account
  const google = account === undefined ? {} : { serviceAccount: resolve(dirname(path), account) }
  return {
    name,
    api: provider.api,
    baseUrl: provider.base_url.replace(/\/+$/, ''),
    credentials: provider.api === 'bedrock' ? awsCredentials(provider, env) : { apiKey: provider.api_key ?? '', ...google },
    models: provider.models ?? [],
    forwardHeaders: provider.forward_headers.map((name) => name.toLowerCase()),
    timeoutMs: provider.timeout,
  }
}

function toKey({ name, secret, team, project, user, allow, models, objects }: KeyInput): KeyConfig {
  return {
    name,
    secret,
    ...(team === undefined ? {} : { team }),
    ...(project === undefined ? {} : { project }),
    ...(user === undefined ? {} : { user }),
    allow,
    models,
    objects,
  }
}

function toBudget(budget: BudgetInput): BudgetDefinition {
  const scope = budget.scope === undefined ? scopeOfId(budget.id) : Object.fromEntries(budget.scope)
  assert(scope !== undefined, 'a budget without a scope has an id that says it')
  return {
    id: toBudgetId(budget.id),
    name: budget.name ?? budget.id,
    scope,
    ...(budget.each === undefined ? {} : { each: budget.each }),
    ...toLimit(budget),
    period: { kind: budget.period, timezone: budget.timezone },
    alertAt: toAlertAt(budget),
    isHardCap: budget.hard_cap,
    nearLimit: budget.near_limit,
    waitMs: budget.wait,
    // What is the default, written out, is no edit.
    ...(budget.enforcement === 'exact' ? {} : { enforcement: budget.enforcement }),
    ...(budget.unpriced === undefined ? {} : { unpriced: budget.unpriced }),
    ...(budget.weights === undefined ? {} : { weights: toWeights(budget.weights) }),
    ...toContacts(budget),
    managedBy: 'file',
  }
}

function toWeights({ input, cached_input, cache_write, output, reasoning }: NonNullable<BudgetInput['weights']>): Weights {
  return present({ input, cachedInput: cached_input, cacheWrite: cache_write, output, reasoning })
}

function toContacts({ owner_email, channels, notes }: BudgetInput): Pick<BudgetDefinition, 'ownerEmail' | 'channels' | 'notes'> {
  return {
    ...(owner_email === undefined ? {} : { ownerEmail: owner_email }),
    ...(channels === undefined ? {} : { channels }),
    ...(notes === undefined ? {} : { notes }),
  }
}

function toLimit({ limit, monthly_token_limit: monthly }: BudgetInput): { readonly unit: Unit; readonly limit: Amount } {
  if (limit?.usd !== undefined) return { unit: 'usd', limit: limit.usd }
  if (limit?.requests !== undefined) return { unit: 'requests', limit: limit.requests }
  const tokens = limit?.tokens ?? monthly
  assert(tokens !== undefined, 'a budget has a limit')
  return { unit: 'tokens', limit: tokens }
}

function toAlertAt({ alert_at: shares, alert_threshold: threshold }: BudgetInput): readonly number[] {
  const written = shares ?? (threshold === undefined ? ALERT_AT_DEFAULT : [threshold])
  return [...new Set(written)].sort((a, b) => a - b)
}

function toChannel([name, channel]: NamedChannel): ChannelConfig {
  switch (channel.type) {
    case 'slack':
      return channel.url === undefined ? { kind: 'disabled', name, type: 'slack' } : { kind: 'slack', name, url: channel.url }
    case 'email': {
      const { smtp, from, to } = channel
      return smtp === undefined ? { kind: 'disabled', name, type: 'email' } : { kind: 'email', name, smtp, from, to }
    }
    case 'webhook': {
      const { url, secret } = channel
      if (url === undefined) return { kind: 'disabled', name, type: 'webhook' }
      return { kind: 'webhook', name, url, ...(secret === undefined ? {} : { secret }) }
    }
  }
}

/** What is reached over plain HTTP is mostly a server of one's own, which wants no key. */
function warnOfMissingKey([name, { api, api_key: key, service_account: account, base_url: url }]: NamedProvider): readonly string[] {
  if (api === 'bedrock' || key !== undefined || account !== undefined || !url.startsWith('https:')) return []
  return [`providers.${name}: its api_key is empty, so calls go out without one`]
}

function warn(channel: ChannelConfig): readonly string[] {
  const path = `alerts.channels.${channel.name}`
  if (channel.kind === 'disabled') return [`${path}: disabled, since its ${channel.type === 'email' ? 'smtp' : 'url'} is empty`]
  return channel.kind === 'webhook' && channel.secret === undefined
    ? [`${path}: its deliveries are not signed, since its secret is empty`]
    : []
}

function toPrice(input: PriceInput): PriceConfig {
  const inputPico = input.input_per_mtok
  const price: Price = {
    source: 'config',
    inputPico,
    cachedInputPico: input.cached_input_per_mtok ?? inputPico,
    cacheWritePico: input.cache_write_per_mtok ?? inputPico,
    outputPico: input.output_per_mtok,
    ...present({
      cacheWriteHourPico: input.cache_write_hour_per_mtok,
      audioInputPico: input.audio_input_per_mtok,
      imageInputPico: input.image_input_per_mtok,
      audioOutputPico: input.audio_output_per_mtok,
      imageOutputPico: input.image_output_per_mtok,
      reasoningPico: input.reasoning_per_mtok,
    }),
  }
  return { model: input.model, price }
}

/** Without the members that are not there. */
function present<Name extends string>(all: { readonly [Key in Name]: number | undefined }): { readonly [Key in Name]?: number } {
  const some: { [Key in Name]?: number } = {}
  for (const name in all) if (all[name] !== undefined) some[name] = all[name]
  return some
}

/** A scope that names one version counts them all: a model has one name, whatever a call calls it. */
function warnOfVersions({ id, scope = [] }: BudgetInput): readonly string[] {
  const named = scope.find(([name]) => name === 'model')?.[1] ?? (id.startsWith('model:') ? id.slice('model:'.length) : undefined)
  if (named === undefined || modelId(named) === named.toLowerCase()) return []
  return [`budgets ${id}: counts all calls to ${modelId(named)}, whatever version or prefix they name`]
}

/** What only several processes can do. */
function warnWithoutStores({ store, budgets }: ConfigInput): readonly string[] {
  const leased = store.redis === undefined ? budgets.filter(({ enforcement }) => enforcement === 'leased') : []
  return leased.map(({ id }) => `budgets ${id}: enforcement: leased makes no difference without store.redis: one process decides by itself`)
}

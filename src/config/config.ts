import type { BudgetDefinition } from '../domain/budgets/budget.ts'
import type { Price } from '../domain/usage/price.ts'

/** What a config file says, in domain values: amounts in their unit's integers (nano-USD for money), times in milliseconds. */
export interface Config {
  readonly server: ServerConfig
  readonly store: StoreConfig
  /** In the order of the file: the first one of an API serves the models that no provider claims. */
  readonly providers: readonly ProviderConfig[]
  readonly keys: readonly KeyConfig[]
  /** All of them `managedBy: 'file'`. */
  readonly budgets: readonly BudgetDefinition[]
  readonly alerts: AlertsConfig
  readonly prices: readonly PriceConfig[]
  /** What is allowed but probably not meant; one line each, without secrets. */
  readonly warnings: readonly string[]
}

interface ServerConfig {
  readonly host: string
  /** 0 to 65535; 0 takes any free port. */
  readonly port: number
  /** At least 20 characters; absent: one is generated. */
  readonly adminToken?: string
  /** Origins of web pages that may call the gateway; `*`: all. */
  readonly corsOrigins: readonly string[]
  readonly bodyBytesMax: number
  /** Of all request bodies that are open together. */
  readonly bytesInFlightMax: number
  /** What becomes of an answer whose caller hung up, where its use can't be told from what came: it is read on, or cancelled. */
  readonly onHangUp: 'drain' | 'cancel'
}

interface StoreConfig {
  /** Absolute. */
  readonly dataDir: string
  /** Where the counters are that several processes share; absent: in this process, which is then the only one. */
  readonly redis?: RedisConfig
  /** The ledger's `postgres:` or `postgresql:` URL; absent: SQLite in `dataDir`. Never without `redis`. */
  readonly database?: string
  readonly durability: 'process' | 'disk'
  readonly onStoreDown: 'refuse' | 'admit'
  readonly onLost: 'charge' | 'release'
  readonly holdTtlMs: number
  /** How long calls stay in the ledger after they have ended; absent: for ever. */
  readonly keepMs?: number
}

/** How a Redis or Valkey is found. */
export interface RedisConfig {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  /**
   * `redis:` or `rediss:` URLs, with user and password percent-encoded: the server (and its database as the path), the Sentinels
   * (each with its port, and the user and password of the Redis behind them), or some nodes of the Cluster (all with the same
   * scheme, user and password). Never empty.
   */
  readonly urls: readonly string[]
  /** What the Sentinels call the primary; only for `sentinel`. */
  readonly masterName?: string
}

/** How a provider is told who calls; '' or absent: not at all. */
export interface CredentialsConfig {
  readonly apiKey: string
  /** The absolute path of a Google service account's JSON key file. */
  readonly serviceAccount?: string
  readonly region?: string
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  /** Beside an access key that is valid for a while only. */
  readonly sessionToken?: string
}

export interface ProviderConfig {
  /** Lower-case letters, digits and hyphens; also the first segment of paths that name the provider. */
  readonly name: string
  readonly api: 'openai' | 'anthropic' | 'gemini' | 'vertex' | 'bedrock' | 'azure' | 'cohere' | 'ollama'
  /** An http or https URL without a slash at its end. */
  readonly baseUrl: string
  readonly credentials: CredentialsConfig
  /** Globs of the model names that this provider claims; empty: none in particular. */
  readonly models: readonly string[]
  /** Request headers that are passed on beside those of the API: names in lower case; one that ends in `*` is all that begin so. */
  readonly forwardHeaders: readonly string[]
  /** The longest wait for the first byte of an answer, and between two pieces of it. */
  readonly timeoutMs: number
}

/** An attribute that a caller may set by header; `tag.*` is every tag. */
export type CallerAttribute = 'team' | 'project' | 'user' | `tag.${string}`

export interface KeyConfig {
  readonly name: string
  /** At least 20 characters of printable ASCII. */
  readonly secret: string
  readonly team?: string
  readonly project?: string
  readonly user?: string
  readonly allow: readonly CallerAttribute[]
  /** Globs of the models that may be called; `['*']` where the file says nothing. */
  readonly models: readonly string[]
  /** What it may reach of that which a provider keeps. */
  readonly objects: 'own' | 'team' | 'all'
}

interface AlertsConfig {
  readonly channels: readonly ChannelConfig[]
  readonly allowsPrivateUrls: boolean
}

export type ChannelConfig =
  | { readonly kind: 'slack'; readonly name: string; readonly url: string }
  | { readonly kind: 'email'; readonly name: string; readonly smtp: string; readonly from: string; readonly to: readonly string[] }
  /** `secret` signs the deliveries (Standard Webhooks); absent: they are not signed. */
  | { readonly kind: 'webhook'; readonly name: string; readonly url: string; readonly secret?: string }
  /** Its URL is empty, as that of an environment variable that is not set: it exists, and delivers nothing. */
  | { readonly kind: 'disabled'; readonly name: string; readonly type: ChannelType }

export type ChannelType = 'slack' | 'email' | 'webhook'

/** An override, or the price of a private model. */
export interface PriceConfig {
  readonly model: string
  readonly price: Price
}

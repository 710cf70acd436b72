import { z } from 'zod'
import { isId } from '../domain/ids.ts'
import { isTimezone, PERIOD_KINDS } from '../domain/budgets/period.ts'
import { isAttribute } from '../domain/budgets/scope.ts'
import {
  ATTRIBUTES,
  conflict,
  exactlyOne,
  limitOrClassic,
  monthlyIsMonthly,
  scopeOrTellingId,
  unpricedIsForUsd,
  weightsAreForTokens,
} from './budget-rules.ts'
import type { CallerAttribute, ChannelType, RedisConfig } from './config.ts'
import * as field from './field.ts'
import { suggestion } from './nearest.ts'
import { accessKeyHasSecret, awsIsForBedrock, serviceAccountIsForVertex } from './provider-rules.ts'
import type { Reading } from './quantity.ts'
import { NODE_EXPECTED, readClusterNode, readRedis, REDIS_EXPECTED } from './redis-address.ts'
import { clusterHasOneAccess, databaseIsBesideRedis } from './store-rules.ts'
import { isMapping, Scalar, textIn } from './tree.ts'

const CALLER_ATTRIBUTES = ['team', 'project', 'user', 'tag.*']
const CHANNEL_TYPES: readonly ChannelType[] = ['slack', 'email', 'webhook']
const RESERVED_NAMES = new Set(['v1', 'v2', 'v1beta', 'v1beta1', 'model', 'api', 'docs', 'metrics', 'healthz', 'readyz'])
const MAIL_ADDRESS = /^[^\s@<>,;]+@[^\s@<>,;]+$/
const MAIL_SENDER = /^([^\s@<>,;]+@[^\s@<>,;]+|[^<>@]+ <[^\s@<>,;]+@[^\s@<>,;]+>)$/
const HEADER_EXPECTED = 'the name of a header, or its beginning and *, such as x-my-header or x-my-*'
/** What Bursar writes itself, and what proves who calls Bursar. */
const OWN_HEADERS = /^(?:authorization|x-api-key|api-key|x-goog-api-key|cookie|host|connection|content-.*|transfer-encoding|x-bursar-.*)$/i
const ORIGIN_EXPECTED = 'the origin of a web page, such as https://app.example.com, or *'
const SECRET_CHARACTERS_MIN = 20
const BODY_BYTES_MAX = 1_073_741_824
const BYTES_IN_FLIGHT_MAX = 1_099_511_627_776
const KEEP_MS_MIN = 86_400_000

const mail = () => field.text({ pattern: MAIL_ADDRESS, expected: 'a mail address' })
const models = () =>
  field.list(field.text({ expected: 'a model name or a pattern such as gpt-*' }), { expected: 'model names', isFilled: true })

const server = field.section('server', {
  host: field.text().default('127.0.0.1'),
  port: field.count({ max: 65_535 }).default(4000),
  admin_token: field.emptyIsAbsent(field.secret({ charactersMin: SECRET_CHARACTERS_MIN })),
  max_body_bytes: field.count({ min: 1, max: BODY_BYTES_MAX }).default(33_554_432),
  cors_origins: field.list(field.scalar(readOrigin, { expected: ORIGIN_EXPECTED }), { expected: 'origins of web pages' }).default([]),
  max_bytes_in_flight: field.count({ min: 1, max: BYTES_IN_FLIGHT_MAX }).default(268_435_456),
  on_hangup: field.choice(['drain', 'cancel']).default('drain'),
})

const redisNodes = field
  .list(field.scalar(readClusterNode, { isSecret: true, expected: NODE_EXPECTED }), { expected: 'URLs of cluster nodes', isFilled: true })
  .transform((urls): RedisConfig => ({ kind: 'cluster', urls }))

const redisAddress = field.scalar(readRedis, { isSecret: true, expected: REDIS_EXPECTED })

const redis = z
  .unknown()
  .transform((input, ctx): RedisConfig => field.delegate<RedisConfig>(Array.isArray(input) ? redisNodes : redisAddress, { input, ctx }))

const store = field.section(
  'store',
  {
    data_dir: field.text({ charactersMax: 4096 }).default('./data'),
    redis: field.emptyIsAbsent(redis),
    database: field.emptyIsAbsent(field.url(['postgres:', 'postgresql:'])),
    durability: field.choice(['process', 'disk']).default('process'),
    on_store_down: field.choice(['refuse', 'admit']).default('refuse'),
    on_lost: field.choice(['charge', 'release']).default('charge'),
    hold_ttl: field.duration(1000).default(15 * 60_000),
    keep: field.emptyIsAbsent(field.span(KEEP_MS_MIN)),
  },
  [databaseIsBesideRedis, clusterHasOneAccess],
)

const provider = field.section(
  'providers.NAME',
  {
    api: field.choice(['openai', 'anthropic', 'gemini', 'vertex', 'bedrock', 'azure', 'cohere', 'ollama']),
    base_url: field.url(['https:', 'http:'], { isBase: true }),
    api_key: field.emptyIsAbsent(field.secret()),
    models: models().optional(),
    timeout: field.duration(1).default(10 * 60_000),
    forward_headers: field.list(field.scalar(readHeader, { expected: HEADER_EXPECTED }), { expected: 'names of headers' }).default([]),
    service_account: field.emptyIsAbsent(field.text({ charactersMax: 4096 })),
    region: field.emptyIsAbsent(field.text({ pattern: /^[a-z]{2,}(?:-[a-z]+)+-\d+$/, expected: 'a region such as us-east-1' })),
    access_key_id: field.emptyIsAbsent(field.secret()),
    secret_access_key: field.emptyIsAbsent(field.secret()),
  },
  [awsIsForBedrock, accessKeyHasSecret, serviceAccountIsForVertex],
)

const key = field.section('keys[]', {
  name: field.text(),
  secret: field.secret({ charactersMin: SECRET_CHARACTERS_MIN }),
  team: field.text().optional(),
  project: field.text().optional(),
  user: field.text().optional(),
  allow: field.list(attributeOf(isCallerAttribute, CALLER_ATTRIBUTES), { expected: 'attributes' }).default([]),
  models: models().default(['*']),
  objects: field.choice(['own', 'team', 'all']).default('team'),
  throttle: field.notYet(),
})

const limit = field.section(
  'budgets[].limit',
  { tokens: field.count().optional(), usd: field.nanoUsd().optional(), requests: field.count().optional() },
  [exactlyOne(['tokens', 'usd', 'requests'])],
)

const weights = field.section('budgets[].weights', {
  input: field.weight().optional(),
  cached_input: field.weight().optional(),
  cache_write: field.weight().optional(),
  output: field.weight().optional(),
  reasoning: field.weight().optional(),
})

const budget = field.section(
  'budgets[]',
  {
    id: field.scalar(readBudgetId, { expected: 'an id such as team:marketing' }),
    name: field.text().optional(),
    scope: field.named(field.text(), checkAttribute).optional(),
    each: attributeOf(isAttribute, ATTRIBUTES).optional(),
    limit: limit.optional(),
    monthly_token_limit: field.count().optional(),
    period: field.choice(PERIOD_KINDS).default('month'),
    timezone: field.scalar(readTimezone, { expected: 'a time zone such as Europe/Berlin' }).default('UTC'),
    alert_at: field.list(field.share(), { expected: 'shares such as 0.8' }).optional(),
    alert_threshold: field.share().optional(),
    hard_cap: field.flag().default(false),
    near_limit: field.choice(['clamp', 'deny'], ['downgrade']).default('clamp'),
    wait: field.duration().default(0),
    enforcement: field.choice(['exact', 'leased']).default('exact'),
    pace: field.notYet(),
    rollover: field.scalar(readRollover, { expected: '0' }).optional(),
    unpriced: field.choice(['refuse', 'admit']).optional(),
    weights: weights.optional(),
    owner_email: field.emptyIsAbsent(mail()),
    channels: field.list(field.text(), { expected: 'names of channels' }).optional(),
    notes: field.emptyIsAbsent(field.prose()),
  },
  [
    conflict('limit', 'monthly_token_limit'),
    conflict('alert_at', 'alert_threshold'),
    limitOrClassic,
    monthlyIsMonthly,
    scopeOrTellingId,
    weightsAreForTokens,
    unpricedIsForUsd,
  ],
)

const channelSchemas = {
  slack: field.section('alerts.channels.NAME (slack)', {
    type: field.choice(['slack']),
    url: field.emptyIsAbsent(field.url(['https:', 'http:'])),
  }),
  email: field.section('alerts.channels.NAME (email)', {
    type: field.choice(['email']),
    smtp: field.emptyIsAbsent(field.url(['smtps:', 'smtp:'])),
    from: field.text({ pattern: MAIL_SENDER, expected: 'a mail address, or Name <address>' }),
    to: field.list(mail(), { expected: 'mail addresses', isFilled: true }),
  }),
  webhook: field.section('alerts.channels.NAME (webhook)', {
    type: field.choice(['webhook']),
    url: field.emptyIsAbsent(field.url(['https:', 'http:'])),
    secret: field.emptyIsAbsent(field.secret()),
  }),
}

type ChannelInput = { readonly [Type in ChannelType]: z.output<(typeof channelSchemas)[Type]> }[ChannelType]

/** Read by the schema of its type: without a type, nothing else can be said about it. */
const channel = z.unknown().transform((input, ctx): ChannelInput => {
  const type = CHANNEL_TYPES.find((candidate) => candidate === textIn(input, 'type'))
  const schema: z.ZodType<ChannelInput> = type === undefined ? anyChannel : channelSchemas[type]
  return field.delegate(schema, { input, ctx })
})

const anyChannel = z.unknown().transform((input, ctx): ChannelInput => {
  const type = isMapping(input) ? input['type'] : input
  field.delegate(field.choice(CHANNEL_TYPES), { input: type, ctx, path: isMapping(input) ? ['type'] : [] })
  return z.NEVER
})

const runaway = field.section('alerts.runaway', { sensitivity: field.choice(['off'], ['normal', 'high']).optional() })

const alerts = field.section('alerts', {
  channels: field.part(field.named(channel), () => ({})),
  allow_private_urls: field.flag().default(false),
  runaway: runaway.optional(),
  digest: field.notYet(),
})

const price = field.section('prices[]', {
  model: field.text({ expected: 'a model name' }),
  input_per_mtok: field.picoPerToken(),
  cached_input_per_mtok: field.picoPerToken().optional(),
  cache_write_per_mtok: field.picoPerToken().optional(),
  cache_write_hour_per_mtok: field.picoPerToken().optional(),
  audio_input_per_mtok: field.picoPerToken().optional(),
  image_input_per_mtok: field.picoPerToken().optional(),
  output_per_mtok: field.picoPerToken(),
  audio_output_per_mtok: field.picoPerToken().optional(),
  image_output_per_mtok: field.picoPerToken().optional(),
  reasoning_per_mtok: field.picoPerToken().optional(),
})

const config = field.section('', {
  server: field.part(server, () => ({})),
  store: field.part(store, () => ({})),
  providers: field.part(field.named(provider, checkProviderName), () => ({})),
  keys: field.part(field.list(key, { expected: 'keys' }), () => []),
  budgets: field.part(field.list(budget, { expected: 'budgets' }), () => []),
  routes: field.notYet(),
  alerts: field.part(alerts, () => ({})),
  prices: field.part(field.list(price, { expected: 'prices' }), () => []),
})

/** A whole config as a `Tree`; amounts and times come out in domain values, names as the file writes them. */
export const configSchema = field.part(config, () => ({}))

export type ConfigInput = z.output<typeof configSchema>

/** A space at the end, or behind the colon of `team: x`, would make a scope that no call matches. */
function readBudgetId(value: string): Reading<string> {
  if (/^\s|:\s|\s$/.test(value)) return bad('an id without spaces around it and behind its colon')
  return isId(value) ? ok(value) : bad('an id of 1 to 200 characters, without control characters')
}

/** As browsers send it: scheme, host and port, without a path. */
function readOrigin(value: string): Reading<string> {
  const origin = URL.parse(value)?.origin
  return value === '*' || (origin !== 'null' && origin === value) ? ok(value) : bad(ORIGIN_EXPECTED)
}

function readHeader(value: string): Reading<string> {
  if (OWN_HEADERS.test(value)) return bad(`${HEADER_EXPECTED}, but none that Bursar writes itself or takes the caller's key from`)
  return /^[A-Za-z0-9][A-Za-z0-9_-]*\*?$/.test(value) ? ok(value) : bad(HEADER_EXPECTED)
}

function readTimezone(value: string, { isShown }: Scalar): Reading<string> {
  if (isTimezone(value)) return ok(value)
  const hint = isShown ? timezoneHint(value) : ''
  return bad('a name of the IANA time zone database, such as UTC or Europe/Berlin', hint.slice('; '.length))
}

/** Also finds the zone of a city whose region was left out. */
function timezoneHint(value: string): string {
  const names = ['UTC', ...Intl.supportedValuesOf('timeZone')]
  const cityOf = (name: string) => name.slice(name.lastIndexOf('/') + 1)
  const ofCity = names.find((name) => cityOf(name).toLowerCase() === value.toLowerCase().replaceAll(' ', '_'))
  return ofCity === undefined ? suggestion(value, names) : `; did you mean ${JSON.stringify(ofCity)}?`
}

function readRollover(value: string): Reading<0> {
  return /^0(\.0+)?$/.test(value) ? ok(0) : bad('0 (rollover is not available yet)')
}

function isCallerAttribute(name: string): name is CallerAttribute {
  return ['team', 'project', 'user'].includes(name) || (name.startsWith('tag.') && isAttribute(name))
}

function attributeOf<Name extends string>(isName: (name: string) => name is Name, names: readonly string[]) {
  const expected = `one of ${names.filter((name) => name !== 'tag.*').join(', ')}, tag.NAME${names.includes('tag.*') ? ', tag.*' : ''}`
  return field.scalar(
    (value, { isShown }) => (isName(value) ? ok<Name>(value) : bad(expected, isShown ? suggestion(value, names).slice('; '.length) : '')),
    { expected },
  )
}

function checkAttribute(name: string): string | undefined {
  return isAttribute(name)
    ? undefined
    : `unknown attribute${suggestion(name, ATTRIBUTES) || `; expected one of ${ATTRIBUTES.join(', ')}, tag.NAME`}`
}

function checkProviderName(name: string): string | undefined {
  if (!/^[a-z0-9-]{1,60}$/.test(name)) return 'expected a name of lower-case letters, digits and hyphens'
  return RESERVED_NAMES.has(name) ? 'a name that is reserved, since paths begin with it; choose another' : undefined
}

function ok<T>(value: T): Reading<T> {
  return { kind: 'ok', value }
}

function bad(expected: string, hint = ''): Reading<never> {
  return { kind: 'bad', expected, ...(hint === '' ? {} : { hint }) }
}

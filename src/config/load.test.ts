import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import type { Config } from './config.ts'
import { exampleConfig } from './example.ts'
import { ConfigInvalid, formatConfigErrors, loadConfig, parseConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'bursar-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const SECRET = 'bsr_0123456789abcdefghij'
const env = { TOKEN: SECRET, SHORT: 'hunter2', EMPTY: '' }
const example = exampleConfig({ nightlyKey: `${SECRET}-nightly`, marketingKey: `${SECRET}-marketing` })

/** All errors of a config, one formatted line each. */
function errorsOf(text: string): readonly string[] {
  const parsed = parseConfig(text, { path: 'c.yaml', env })
  return parsed.kind === 'ok' ? [] : formatConfigErrors('c.yaml', parsed.errors).split('\n')
}

function configOf(text: string, path = '/etc/bursar/bursar.yaml'): Config {
  const parsed = parseConfig(text, { path, env })
  if (parsed.kind === 'invalid') throw new Error(formatConfigErrors(path, parsed.errors))
  return parsed.config
}

/** The errors of one budget whose lines come after `id` and a limit. */
function budgetErrors(...lines: readonly string[]): readonly string[] {
  return errorsOf(['budgets:', '  - id: team:a', '    limit: { tokens: 1 }', ...lines.map((line) => `    ${line}`)].join('\n'))
}

test.each<[string, string]>([
  ['perid: month', 'c.yaml:4:5  budgets[0].perid: unknown key; did you mean "period"?'],
  [
    'period: montly',
    'c.yaml:4:13  budgets[0].period: found "montly", expected one of hour, day, week, month, quarter, year, total; did you mean "month"?',
  ],
  [
    'timezone: Europe/Berln',
    'c.yaml:4:15  budgets[0].timezone: found "Europe/Berln", expected a name of the IANA time zone database, such as UTC or Europe/Berlin; did you mean "Europe/Berlin"?',
  ],
  [
    'timezone: tokyo',
    'c.yaml:4:15  budgets[0].timezone: found "tokyo", expected a name of the IANA time zone database, such as UTC or Europe/Berlin; did you mean "Asia/Tokyo"?',
  ],
  [
    'alert_at: [0.5, 80]',
    'c.yaml:4:21  budgets[0].alert_at[1]: found 80, expected a share of the limit above 0 and at most 1, such as 0.8; did you mean 0.8?',
  ],
  ['alert_at: 0.8', 'c.yaml:4:15  budgets[0].alert_at: found 0.8, expected a list of shares such as 0.8'],
  [
    'alert_threshold: 0',
    'c.yaml:4:22  budgets[0].alert_threshold: found 0, expected a share of the limit above 0 and at most 1, such as 0.8',
  ],
  ['hard_cap: yes', 'c.yaml:4:15  budgets[0].hard_cap: found "yes", expected true or false'],
  ['hard_cap:', 'c.yaml:4:5  budgets[0].hard_cap: found nothing, expected true or false'],
  ['hard_cap: ${EMPTY}', 'c.yaml:4:15  budgets[0].hard_cap: found nothing, expected true or false'],
  ['monthly_token_limit: 5', 'c.yaml:4:5  budgets[0].monthly_token_limit: monthly_token_limit says the same as limit; keep one of them'],
  [
    'near_limit: downgrade',
    'c.yaml:4:17  budgets[0].near_limit: found "downgrade", expected one of clamp, deny (downgrade is not available yet)',
  ],
  ['pace: { day: 0.25 }', 'c.yaml:4:5  budgets[0].pace: not available yet; leave it out'],
  ['enforcement: lease', 'c.yaml:4:18  budgets[0].enforcement: found "lease", expected one of exact, leased; did you mean "leased"?'],
  ['rollover: 1', 'c.yaml:4:15  budgets[0].rollover: found 1, expected 0 (rollover is not available yet)'],
  ['wait: 2', 'c.yaml:4:11  budgets[0].wait: found 2, expected a duration such as 500ms, 2s, 15m, 1h or 1d; add a unit, such as 2s'],
  [
    'each: usr',
    'c.yaml:4:11  budgets[0].each: found "usr", expected one of team, project, user, key, provider, model, tag.NAME; did you mean "user"?',
  ],
  ['scope: { taem: x }', 'c.yaml:4:14  budgets[0].scope.taem: unknown attribute; did you mean "team"?'],
  ['scope:', 'c.yaml:4:5  budgets[0].scope: found nothing, expected a map from names to settings'],
  ['channels: [slack]', 'c.yaml:4:16  budgets[0].channels[0]: found "slack", expected no names, since alerts.channels has none'],
  ['owner_email: me', 'c.yaml:4:18  budgets[0].owner_email: found "me", expected a mail address'],
  ['limit: { tokens: 2 }', 'c.yaml:4:5  a key that stands here twice; keep one of them'],
])('a budget with %s is refused, with its place', (line, expected) => {
  expect(budgetErrors(line)).toEqual([expected])
})

test('two ways to say when to alert are refused', () => {
  expect(budgetErrors('alert_at: [0.5]', 'alert_threshold: 0.8')).toEqual([
    'c.yaml:5:5  budgets[0].alert_threshold: alert_threshold says the same as alert_at; keep one of them',
  ])
})

test.each<[string, string]>([
  ['{ tokens: 1, usd: 2 }', 'c.yaml:1:37  budgets[0].limit: found tokens and usd, expected exactly one of tokens, usd, requests'],
  ['{}', 'c.yaml:1:37  budgets[0].limit: found none, expected exactly one of tokens, usd, requests'],
  ['50M', 'c.yaml:1:37  budgets[0].limit: found "50M", expected a map with tokens, usd, requests'],
  [
    '{ tokens: 1.0001k }',
    'c.yaml:1:47  budgets[0].limit.tokens: found "1.0001k", expected a whole number of 0 or more, such as 50_000_000, 50M or 2.5k; this is a fraction',
  ],
  [
    '{ tokens: 50m }',
    'c.yaml:1:47  budgets[0].limit.tokens: found "50m", expected a whole number of 0 or more, such as 50_000_000, 50M or 2.5k; did you mean 50M?',
  ],
  [
    '{ tokens: -5 }',
    'c.yaml:1:47  budgets[0].limit.tokens: found -5, expected a whole number of 0 or more, such as 50_000_000, 50M or 2.5k',
  ],
  [
    '{ usd: 10000000 }',
    'c.yaml:1:44  budgets[0].limit.usd: found 10000000, expected at most 9007199 USD: money is counted in integer nano-USD, which are exact up to 2^53',
  ],
  [
    '{ usd: 0.0000000001 }',
    'c.yaml:1:44  budgets[0].limit.usd: found 0.0000000001, expected at most nine digits after the point (money is counted in nano-USD)',
  ],
  ['{ token: 1 }', 'c.yaml:1:39  budgets[0].limit.token: unknown key; did you mean "tokens"?'],
])('the limit %s is refused, with its place', (limit, expected) => {
  const errors = errorsOf(`budgets: [{ id: "global", limit:    ${limit} }]`)
  expect(errors[errors.length - 1]).toBe(expected)
})

test.each<[string, string]>([
  ['{ limit: { tokens: 1 } }', 'c.yaml:1:11  budgets[0].id: missing, expected an id such as team:marketing'],
  ['{ id: global }', 'c.yaml:1:11  budgets[0]: limit is missing, expected limit or monthly_token_limit'],
  [
    '{ id: reserch, limit: { tokens: 1 } }',
    'c.yaml:1:17  budgets[0].id: found "reserch", which does not say which calls count; expected global, ATTRIBUTE:VALUE (of team, project, user, key, provider, model, tag.NAME), or a scope of its own',
  ],
  [
    '{ id: "taem:x", limit: { tokens: 1 } }',
    'c.yaml:1:17  budgets[0].id: found "taem:x", which does not say which calls count; expected global, ATTRIBUTE:VALUE (of team, project, user, key, provider, model, tag.NAME), or a scope of its own; did you mean "team:x"?',
  ],
  [
    '{ id: global, monthly_token_limit: 5, period: day }',
    'c.yaml:1:57  budgets[0].period: found "day", expected month beside monthly_token_limit (or limit: { tokens: … })',
  ],
  ['5', 'c.yaml:1:11  budgets[0]: found 5, expected a map with id, name, scope, each, …'],
])('the budget %s is refused, with its place', (budget, expected) => {
  expect(errorsOf(`budgets: [${budget}]`)).toEqual([expected])
})

test.each<[string, string]>([
  ['sever: {}', 'c.yaml:1:1  sever: unknown key; did you mean "server"?'],
  ['server: 4000', 'c.yaml:1:9  server: found 4000, expected a map with host, port, admin_token, max_body_bytes, …'],
  ['server: { port: 65536 }', 'c.yaml:1:17  server.port: found 65536, expected a whole number from 0 to 65535'],
  [
    'server: { admin_token: "${SHORT}" }',
    'c.yaml:1:24  server.admin_token: found a value that is not shown here, expected a secret of 20 characters or more',
  ],
  [
    'store: { redis: "http://:hunter2@x" }',
    'c.yaml:1:17  store.redis: found a value that is not shown here, expected redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/masterName, or a list of the URLs of cluster nodes',
  ],
  [
    'store: { redis: "redis://x y" }',
    'c.yaml:1:17  store.redis: found a value that is not shown here, expected redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/masterName, or a list of the URLs of cluster nodes',
  ],
  [
    'store: { redis: "redis://:%zz@x" }',
    'c.yaml:1:17  store.redis: found a value that is not shown here, expected redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/masterName, or a list of the URLs of cluster nodes',
  ],
  [
    'store: { redis: "redis://x/one" }',
    'c.yaml:1:17  store.redis: found a value that is not shown here, expected redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/masterName, or a list of the URLs of cluster nodes',
  ],
  [
    'store: { redis: "redis+sentinel://:hunter2@x" }',
    'c.yaml:1:17  store.redis: found a value that is not shown here, expected redis+sentinel://host:port,host:port/masterName',
  ],
  [
    'store: { redis: "redis://x,redis://y/3" }',
    'c.yaml:1:17  store.redis: found a value that is not shown here, expected the URL of a cluster node such as redis://host:port, in each part between commas',
  ],
  [
    'store: { redis: "redis://x,rediss://y" }',
    'c.yaml:1:17  store.redis: found a value that is not shown here, expected the same scheme, user and password in all nodes of a cluster',
  ],
  ['store: { redis: [] }', 'c.yaml:1:17  store.redis: found an empty list, expected at least one of URLs of cluster nodes'],
  [
    'store: { redis: ["redis://x", y] }',
    'c.yaml:1:31  store.redis[1]: found a value that is not shown here, expected the URL of a cluster node such as redis://host:port',
  ],
  [
    'store: { redis: ["redis://:hunter2@x", "redis://y"] }',
    'c.yaml:1:17  store.redis: expected the same scheme, user and password in all nodes of a cluster',
  ],
  [
    'store: { database: "postgres://:hunter2@x/y" }',
    'c.yaml:1:10  store.database: expected redis beside it: several processes that share a ledger have to share their counters too; leave database out to keep the ledger in data_dir',
  ],
  [
    'store: { redis: "redis://x", database: "mysql://:hunter2@x" }',
    'c.yaml:1:40  store.database: found a value that is not shown here, expected a URL such as postgres://… or postgresql://…',
  ],
  ['store: { keep: 1h }', 'c.yaml:1:16  store.keep: found "1h", expected at least 1d'],
  [
    'store: { keep: 400 }',
    'c.yaml:1:16  store.keep: found 400, expected a duration such as 500ms, 2s, 15m, 1h or 1d; add a unit, such as 400s',
  ],
  ['store: { durability: dsk }', 'c.yaml:1:22  store.durability: found "dsk", expected one of process, disk; did you mean "disk"?'],
  ['store: { hold_ttl: 0s }', 'c.yaml:1:20  store.hold_ttl: found "0s", expected at least 1000ms'],
  ['routes: [{ match: a, use: b }]', 'c.yaml:1:1  routes: not available yet; leave it out'],
  ['alerts: { digest: { cron: "0 8 * * *" } }', 'c.yaml:1:11  alerts.digest: not available yet; leave it out'],
  [
    'alerts: { runaway: { sensitivity: high } }',
    'c.yaml:1:35  alerts.runaway.sensitivity: found "high", expected off (high is not available yet)',
  ],
  ['keys: {}\nbudgets: global', 'c.yaml:2:10  budgets: found "global", expected a list of budgets'],
  ['- id: global', 'c.yaml:1:1  found a list, expected a map with server, store, providers, keys, …'],
  ['just text', 'c.yaml:1:1  found "just text", expected a map with server, store, providers, keys, …'],
  ['budgets: *base', 'c.yaml:1:10  budgets: an alias without its anchor before it; put text that begins with * or & into quotes'],
  ['a: 1', 'c.yaml:1:1  a: unknown key; expected one of server, store, providers, keys, budgets, routes, alerts, prices'],
  ['server: ${NOT_SET}', 'c.yaml:1:9  server: the environment variable NOT_SET is not set; set it, or give a default: ${NOT_SET:-default}'],
  [
    'prices: [{ model: m, input_per_mtok: 1 }]',
    'c.yaml:1:10  prices[0].output_per_mtok: missing, expected a price in USD per million tokens',
  ],
  [
    'budgets: [{ id: global, limit: { usd: 5 }, weights: { cached_input: 0.1 } }]',
    'c.yaml:1:44  budgets[0].weights: weights is for budgets in tokens (limit: { tokens: … })',
  ],
  [
    'budgets: [{ id: global, limit: { tokens: 5 }, unpriced: admit }]',
    'c.yaml:1:47  budgets[0].unpriced: unpriced is for budgets in usd (limit: { usd: … })',
  ],
  [
    'budgets: [{ id: global, limit: { tokens: 5 }, weights: { output: 0.0001 } }]',
    'c.yaml:1:66  budgets[0].weights.output: found 0.0001, expected at most three digits after the point',
  ],
  [
    'budgets: [{ id: global, limit: { tokens: 5 }, weights: { output: -1 } }]',
    'c.yaml:1:66  budgets[0].weights.output: found -1, expected what a token counts, from 0 to 1000, such as 0.1',
  ],
  [
    'prices: [{ model: m, input_per_mtok: 0.0000001, output_per_mtok: 1 }]',
    'c.yaml:1:38  prices[0].input_per_mtok: found 0.0000001, expected at most six digits after the point (prices are kept in pico-USD per token)',
  ],
])('the config %s is refused, with its place', (text, expected) => {
  expect(errorsOf(text)).toContain(expected)
})

test.each<[string, string]>([
  [
    'x: { api: opnai, base_url: "https://x" }',
    'c.yaml:2:13  providers.x.api: found "opnai", expected one of openai, anthropic, gemini, vertex, bedrock, azure, cohere, ollama; did you mean "openai"?',
  ],
  ['x: { api: openai }', 'c.yaml:2:6  providers.x.base_url: missing, expected a URL such as https://… or http://… without ? and #'],
  [
    'x: { api: openai, base_url: "ftp://user:hunter2@x" }',
    'c.yaml:2:31  providers.x.base_url: found a value that is not shown here, expected a URL such as https://… or http://… without ? and #',
  ],
  [
    'x: { api: gemini, base_url: "https://x", service_account: ./key.json }',
    'c.yaml:2:44  providers.x.service_account: only for api: vertex; leave it out',
  ],
  ['x: { api: openai, base_url: "https://x", region: eu-west-1 }', 'c.yaml:2:44  providers.x.region: only for api: bedrock; leave it out'],
  [
    'x: { api: bedrock, base_url: "https://x", region: Frankfurt }',
    'c.yaml:2:53  providers.x.region: found "Frankfurt", expected a region such as us-east-1',
  ],
  [
    'x: { api: bedrock, base_url: "https://x", access_key_id: AKID }',
    'c.yaml:2:45  providers.x.access_key_id: expected secret_access_key beside it',
  ],
  [
    'x: { api: bedrock, base_url: "https://x", access_key_id: AKID, secret_access_key: "two words" }',
    'c.yaml:2:85  providers.x.secret_access_key: found a value that is not shown here, expected a secret of printable ASCII characters without spaces',
  ],
  [
    'metrics: { api: openai, base_url: "https://x" }',
    'c.yaml:2:3  providers.metrics: a name that is reserved, since paths begin with it; choose another',
  ],
  [
    'Open_AI: { api: openai, base_url: "https://x" }',
    'c.yaml:2:3  providers.Open_AI: expected a name of lower-case letters, digits and hyphens',
  ],
  [
    'x: { api: openai, base_url: "https://x", models: [] }',
    'c.yaml:2:52  providers.x.models: found an empty list, expected at least one of model names',
  ],
])('the provider %s is refused, with its place', (provider, expected) => {
  expect(errorsOf(`providers:\n  ${provider}`)).toEqual([expected])
})

test.each<[string, string]>([
  ['secret: short', 'c.yaml:3:13  keys[0].secret: found a value that is not shown here, expected a secret of 20 characters or more'],
  [
    'secret: "with a space in its middle "',
    'c.yaml:3:13  keys[0].secret: found a value that is not shown here, expected a secret of printable ASCII characters without spaces; is there a space or a line break at its end?',
  ],
  [
    'secret: ${NOT_SET}',
    'c.yaml:3:13  keys[0].secret: the environment variable NOT_SET is not set; set it, or give a default: ${NOT_SET:-default}',
  ],
  ['throttle: { concurrent: 5 }', 'c.yaml:4:5  keys[0].throttle: not available yet; leave it out'],
  ['allow: [user, tag]', 'c.yaml:4:19  keys[0].allow[1]: found "tag", expected one of team, project, user, tag.NAME, tag.*'],
  [
    'allow: [projct]',
    'c.yaml:4:13  keys[0].allow[0]: found "projct", expected one of team, project, user, tag.NAME, tag.*; did you mean "project"?',
  ],
  ['allow: [key]', 'c.yaml:4:13  keys[0].allow[0]: found "key", expected one of team, project, user, tag.NAME, tag.*'],
  ['team: ""', 'c.yaml:4:11  keys[0].team: found nothing, expected text'],
  ['models: []', 'c.yaml:4:13  keys[0].models: found an empty list, expected at least one of model names'],
])('a key with %s is refused, with its place', (line, expected) => {
  const secret = line.startsWith('secret') ? [] : [`    secret: ${SECRET}`]
  expect(errorsOf(['keys:', '  - name: a', ...secret, `    ${line}`].join('\n'))).toEqual([expected])
})

test.each<[string, string]>([
  [
    '{ type: slak, url: "https://x" }',
    'c.yaml:3:16  alerts.channels.c.type: found "slak", expected one of slack, email, webhook; did you mean "slack"?',
  ],
  ['{ url: "https://x" }', 'c.yaml:3:8  alerts.channels.c.type: missing, expected one of slack, email, webhook'],
  [
    '{ type: slack, url: "hooks.slack.com/x" }',
    'c.yaml:3:28  alerts.channels.c.url: found a value that is not shown here, expected a URL such as https://… or http://…',
  ],
  ['{ type: slack, smtp: "smtp://x" }', 'c.yaml:3:23  alerts.channels.c.smtp: unknown key; expected one of type, url'],
  [
    '{ type: email, smtp: "smtp://x", from: "Bursar <b@x.example>", to: [me] }',
    'c.yaml:3:76  alerts.channels.c.to[0]: found "me", expected a mail address',
  ],
  ['{ type: email, smtp: "smtp://x", from: b@x.example }', 'c.yaml:3:8  alerts.channels.c.to: missing, expected a list of mail addresses'],
])('the channel %s is refused, with its place', (channel, expected) => {
  expect(errorsOf(`alerts:\n  channels:\n    c: ${channel}`)).toEqual([expected])
})

test('all errors are told at once, in the order of the file', () => {
  const text = `
servr: {}
keys:
  - { name: a, secret: ${SECRET} }
  - { name: a, secret: ${SECRET} }
budgets:
  - id: global
    limit: { tokens: x }
    timezone: Mars
    hard_cap: \${NOT_SET}
  - { id: global, limit: { tokens: 1, usd: -2 }, channels: [mail] }
alerts:
  channels:
    email: { type: email, smtp: "", from: me, to: [] }
`
  expect(errorsOf(text).map((line) => line.split(': ')[0])).toEqual([
    'c.yaml:2:1  servr',
    'c.yaml:5:13  keys[1].name',
    'c.yaml:5:24  keys[1].secret',
    'c.yaml:8:22  budgets[0].limit.tokens',
    'c.yaml:9:15  budgets[0].timezone',
    'c.yaml:10:15  budgets[0].hard_cap',
    'c.yaml:11:11  budgets[1].id',
    'c.yaml:11:26  budgets[1].limit',
    'c.yaml:11:44  budgets[1].limit.usd',
    'c.yaml:11:61  budgets[1].channels[0]',
    'c.yaml:14:43  alerts.channels.email.from',
    'c.yaml:14:51  alerts.channels.email.to',
  ])
})

test.each<[string, string, string]>([
  ['an open quote', 'server:\n  host: "x\n', 'c.yaml:3:1  not valid YAML: Missing closing "quote'],
  [
    'an open bracket',
    'budgets: [1, 2',
    'c.yaml:1:15  not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['a tab', 'server:\n\thost: x', 'c.yaml:2:1  not valid YAML: Tabs are not allowed as indentation'],
  [
    'a key too far right',
    'server:\n  host: x\n    port: 1',
    'c.yaml:2:9  not valid YAML: Nested mappings are not allowed in compact mappings',
  ],
  ['a second document', 'server: {}\n---\nstore: {}', 'c.yaml:2:1  not valid YAML: a second document begins here; a file holds one config'],
])('%s is a syntax error with its place', (_what, text, expected) => {
  expect(errorsOf(text)).toContain(expected)
})

test('no message quotes a secret, wherever it was put', () => {
  const texts = [
    `server: { admin_token: "hunter2 hunter2" }`,
    `keys: [{ name: a, secret: hunter2 }, { name: b, secret: [hunter2] }]`,
    `providers: { x: { api: "\${SHORT}", base_url: "https://user:hunter2@x?y", api_key: "hunter2 x" } }`,
    `keys:\n  - name: a\n    secret:hunter2hunter2hunter2`,
    `keys: [{ name: a, secret:hunter2hunter2hunter2 }]`,
    `keys: [{ name: a, secret: *hunter2 }]`,
    `keys: [{ name: a, secret: !hunter2 x }]`,
    `keys: [{ name: a, secret: "hunter2"hunter2 }]`,
    `keys: [{ name: a, secret: "\\hunter2" }]`,
    `keys:\n  - name: a\n    secret: hunter2: hunter2`,
    `keys:\n  - name: a\n    secret: >hunter2\n      x`,
    `keys:\n  - name: a\n    secret: @hunter2`,
    `%hunter2\n---\nkeys: []`,
    `alerts: { channels: { a: { type: slack, url: hunter2 }, b: { type: email, smtp: hunter2 }, c: { type: webhook, secret: hunter2 hunter2 } } }`,
    `budgets: [{ id: global, period: "\${SHORT}", timezone: "\${SHORT}", alert_at: ["\${SHORT}"], limit: { tokens: "\${SHORT}" } }]`,
    `keys: [{ name: a, secret: "\${SHORT}" }, { name: "\${SHORT}", secret: "\${SHORT} \${NOT_SET}" }]`,
    `keys: [{ name: a, secret: "hunter2\${" }]`,
    `store: { redis: "redis://:hunter2@x y", database: "postgres://:hunter2@x y" }`,
    `store: { redis: [{ url: "redis://:hunter2@x" }, "redis://:hunter2@x/5", [hunter2]], database: [hunter2] }`,
    `store: { redis: "redis://:hunter2@x,redis://:hunter3@y" }`,
    `store: { redis: "redis+sentinel://:hunter2@x", database: "\${SHORT}" }`,
  ]
  for (const text of texts) {
    const errors = errorsOf(text)
    expect({ text, count: errors.length }).not.toEqual({ text, count: 0 })
    expect(errors.join('\n')).not.toContain('hunter2')
  }
})

test('the first bursar.yaml loads without errors where no variable is set', () => {
  const parsed = parseConfig(example, { path: '/etc/bursar.yaml', env: {} })
  if (parsed.kind === 'invalid') throw new Error(formatConfigErrors('example', parsed.errors))
  const { budgets, keys, providers, warnings, alerts } = parsed.config
  expect(budgets.map(({ id, name, limit, alertAt, isHardCap, period }) => [id, name, limit, alertAt, isHardCap, period.kind])).toEqual([
    ['team:marketing', 'Marketing Team', 5_000_000, [0.8], false, 'month'],
    ['team:engineering', 'Engineering Team', 20_000_000, [0.9], false, 'month'],
    ['project:nightly-enrichment', 'Nightly Enrichment', 10_000_000, [0.85], true, 'month'],
    ['global', 'Global Cap', 50_000_000, [0.9], true, 'month'],
  ])
  expect(keys.map(({ name, team, project }) => [name, team, project])).toEqual([
    ['nightly-enrichment', 'engineering', 'nightly-enrichment'],
    ['marketing', 'marketing', undefined],
  ])
  expect(providers.map(({ name, baseUrl }) => [name, baseUrl])).toEqual([
    ['openai', 'https://api.openai.com/v1'],
    ['anthropic', 'https://api.anthropic.com'],
  ])
  expect(alerts.channels.map(({ kind }) => kind)).toEqual(['disabled', 'disabled', 'disabled'])
  expect(warnings).toEqual([
    'providers.openai: its api_key is empty, so calls go out without one',
    'providers.anthropic: its api_key is empty, so calls go out without one',
    'alerts.channels.slack: disabled, since its url is empty',
    'alerts.channels.email: disabled, since its smtp is empty',
    'alerts.channels.webhook: disabled, since its url is empty',
  ])
})

test('the first bursar.yaml takes addresses and keys from the environment', () => {
  const parsed = parseConfig(example, {
    path: '/etc/bursar.yaml',
    env: {
      OPENAI_API_KEY: 'sk-x',
      OPENAI_BASE_URL: 'http://127.0.0.1:9/v1/',
      SMTP_URL: 'smtp://127.0.0.1:25',
      ALERT_WEBHOOK_URL: 'http://127.0.0.1/x',
    },
  })
  if (parsed.kind === 'invalid') throw new Error(formatConfigErrors('example', parsed.errors))
  expect(parsed.config.providers[0]).toMatchObject({ credentials: { apiKey: 'sk-x' }, baseUrl: 'http://127.0.0.1:9/v1' })
  expect(parsed.config.alerts.channels.map(({ kind }) => kind)).toEqual(['disabled', 'email', 'webhook'])
  expect(parsed.config.warnings.filter((warning) => warning.startsWith('providers.'))).toEqual([
    'providers.anthropic: its api_key is empty, so calls go out without one',
  ])
})

const FULL = `
server:
  host: 0.0.0.0
  port: \${PORT:-4100}
  admin_token: \${TOKEN}
  max_body_bytes: 1M
store:
  data_dir: ./data
  redis: \${REDIS_URL:-}
  database: \${DATABASE_URL:-}
  durability: disk
  on_store_down: admit
  on_lost: release
  hold_ttl: 10m
providers:
  openai:    { api: openai,    base_url: https://api.openai.com/v1/,  api_key: "\${OPENAI_API_KEY:-}" }
  anthropic: { api: anthropic, base_url: https://api.anthropic.com,  api_key: "\${TOKEN}", models: ["claude-*"], timeout: 30s, forward_headers: [X-Mine, x-our-*] }
keys:
  - name: nightly-enrichment
    secret: \${TOKEN}
    team: engineering
    project: 2024
    allow: [user, tag.*, tag.cost]
    models: ["gpt-*", "claude-*"]
budgets:
  - id: global
    name: Global Cap
    limit: { tokens: 50_000_000 }
    period: month
    timezone: UTC
    alert_at: [0.9, 0.5, 0.9]
    hard_cap: true
    owner_email: finance@example.com
  - { id: "team:marketing", name: Marketing Team, monthly_token_limit: 5000000, alert_threshold: 0.8, hard_cap: false, owner_email: "m@example.com" }
  - id: research-per-user
    scope: { team: research, tag.env: prod }
    each: user
    limit: { usd: 0.1 }
    period: week
    timezone: Europe/Berlin
    hard_cap: true
    near_limit: deny
    wait: 2s
    rollover: 0
    channels: [slack, email]
    notes: |
      free text
      over two lines
  - { id: "tag.env:prod", limit: { requests: 2.5k } }
routes: []
alerts:
  channels:
    slack:   { type: slack,   url: "\${SLACK_WEBHOOK_URL:-}" }
    email:   { type: email,   smtp: "smtps://user:pass@smtp.example.com", from: bursar@example.com, to: [ops@example.com] }
    ops:     { type: webhook, url: https://example.com/hook, secret: "\${HOOK_SECRET:-}" }
  allow_private_urls: true
  runaway: { sensitivity: off }
prices:
  - { model: mine, input_per_mtok: 2.5, cached_input_per_mtok: 0.0375, output_per_mtok: 10 }
`

test('the whole config of the design, as far as it is available, becomes domain values', () => {
  expect(configOf(FULL)).toEqual({
    server: {
      host: '0.0.0.0',
      port: 4100,
      adminToken: SECRET,
      bodyBytesMax: 1_000_000,
      corsOrigins: [],
      bytesInFlightMax: 268_435_456,
      onHangUp: 'drain',
    },
    store: { dataDir: '/etc/bursar/data', durability: 'disk', onStoreDown: 'admit', onLost: 'release', holdTtlMs: 600_000 },
    providers: [
      {
        name: 'openai',
        api: 'openai',
        baseUrl: 'https://api.openai.com/v1',
        credentials: { apiKey: '' },
        models: [],
        forwardHeaders: [],
        timeoutMs: 600_000,
      },
      {
        name: 'anthropic',
        api: 'anthropic',
        baseUrl: 'https://api.anthropic.com',
        credentials: { apiKey: SECRET },
        models: ['claude-*'],
        forwardHeaders: ['x-mine', 'x-our-*'],
        timeoutMs: 30_000,
      },
    ],
    keys: [
      {
        name: 'nightly-enrichment',
        secret: SECRET,
        team: 'engineering',
        project: '2024',
        allow: ['user', 'tag.*', 'tag.cost'],
        models: ['gpt-*', 'claude-*'],
        objects: 'team',
      },
    ],
    budgets: [
      {
        id: 'global',
        name: 'Global Cap',
        scope: {},
        unit: 'tokens',
        limit: 50_000_000,
        period: { kind: 'month', timezone: 'UTC' },
        alertAt: [0.5, 0.9],
        isHardCap: true,
        nearLimit: 'clamp',
        waitMs: 0,
        ownerEmail: 'finance@example.com',
        managedBy: 'file',
      },
      {
        id: 'team:marketing',
        name: 'Marketing Team',
        scope: { team: 'marketing' },
        unit: 'tokens',
        limit: 5_000_000,
        period: { kind: 'month', timezone: 'UTC' },
        alertAt: [0.8],
        isHardCap: false,
        nearLimit: 'clamp',
        waitMs: 0,
        ownerEmail: 'm@example.com',
        managedBy: 'file',
      },
      {
        id: 'research-per-user',
        name: 'research-per-user',
        scope: { team: 'research', 'tag.env': 'prod' },
        each: 'user',
        unit: 'usd',
        limit: 100_000_000,
        period: { kind: 'week', timezone: 'Europe/Berlin' },
        alertAt: [0.8],
        isHardCap: true,
        nearLimit: 'deny',
        waitMs: 2000,
        channels: ['slack', 'email'],
        notes: 'free text\nover two lines\n',
        managedBy: 'file',
      },
      {
        id: 'tag.env:prod',
        name: 'tag.env:prod',
        scope: { 'tag.env': 'prod' },
        unit: 'requests',
        limit: 2500,
        period: { kind: 'month', timezone: 'UTC' },
        alertAt: [0.8],
        isHardCap: false,
        nearLimit: 'clamp',
        waitMs: 0,
        managedBy: 'file',
      },
    ],
    alerts: {
      channels: [
        { kind: 'disabled', name: 'slack', type: 'slack' },
        { kind: 'email', name: 'email', smtp: 'smtps://user:pass@smtp.example.com', from: 'bursar@example.com', to: ['ops@example.com'] },
        { kind: 'webhook', name: 'ops', url: 'https://example.com/hook' },
      ],
      allowsPrivateUrls: true,
    },
    prices: [
      {
        model: 'mine',
        price: { source: 'config', inputPico: 2_500_000, cachedInputPico: 37_500, cacheWritePico: 2_500_000, outputPico: 10_000_000 },
      },
    ],
    warnings: [
      'providers.openai: its api_key is empty, so calls go out without one',
      'alerts.channels.slack: disabled, since its url is empty',
      'alerts.channels.ops: its deliveries are not signed, since its secret is empty',
    ],
  })
})

test('weights are thousandths, what becomes of unpriced calls is kept, and a price may have a rate for each part', () => {
  const config = configOf(`
budgets:
  - { id: global, limit: { tokens: 5 }, weights: { cached_input: 0.1, output: 4, reasoning: 0 } }
  - { id: "team:a", limit: { usd: 5 }, hard_cap: true, unpriced: admit }
prices: [{ model: m, input_per_mtok: 1, output_per_mtok: 2, cache_write_hour_per_mtok: 3, audio_output_per_mtok: 0.5 }]
`)
  expect(config.budgets).toMatchObject([{ weights: { cachedInput: 100, output: 4000, reasoning: 0 } }, { unpriced: 'admit' }])
  expect(config.prices[0]?.price).toMatchObject({ cacheWriteHourPico: 3_000_000, audioOutputPico: 500_000 })
})

test.each<[string, unknown]>([
  ['redis://u:p@h:6380/2', { kind: 'single', urls: ['redis://u:p@h:6380/2'] }],
  ['rediss://h', { kind: 'single', urls: ['rediss://h'] }],
  ['"redis://:p%2C@[::1]:6379"', { kind: 'single', urls: ['redis://:p%2C@[::1]:6379'] }],
  ['"redis://a:1, redis://b:2"', { kind: 'cluster', urls: ['redis://a:1', 'redis://b:2'] }],
  ['["rediss://u:p@a", "rediss://u:p@b"]', { kind: 'cluster', urls: ['rediss://u:p@a', 'rediss://u:p@b'] }],
  ['[redis://a]', { kind: 'cluster', urls: ['redis://a'] }],
  ['redis+sentinel://a/main', { kind: 'sentinel', urls: ['redis://a:26379'], masterName: 'main' }],
  [
    '"redis+sentinel://u:p@a:1,[::1]/my-main"',
    { kind: 'sentinel', urls: ['redis://u:p@a:1', 'redis://u:p@[::1]:26379'], masterName: 'my-main' },
  ],
])('the Redis %s is found', (redis, expected) => {
  expect(configOf(`store: { redis: ${redis} }`).store.redis).toEqual(expected)
})

test('a ledger in Postgres is kept as long as the config says, and a budget may be leased', () => {
  const { store, budgets, warnings } = configOf(`
store: { redis: "redis://h", database: "postgresql://u:p@h:5432/bursar?sslmode=require", keep: 400d }
budgets:
  - { id: global, limit: { tokens: 5 }, enforcement: leased }
  - { id: "team:a", limit: { tokens: 5 }, enforcement: exact }
`)
  expect(store).toMatchObject({ database: 'postgresql://u:p@h:5432/bursar?sslmode=require', keepMs: 400 * 86_400_000 })
  expect(budgets[0]?.enforcement).toBe('leased')
  expect(budgets[1]).not.toHaveProperty('enforcement')
  expect(warnings).toEqual(['providers: there are none, so no call can be answered'])
})

test('what only Redis can do says so without it', () => {
  const text = 'store: { redis: "", database: "${EMPTY}", keep: 30d }\nbudgets: [{ id: global, limit: { tokens: 5 }, enforcement: leased }]'
  const { store, warnings } = configOf(text)
  expect(store).not.toHaveProperty('redis')
  expect(store).not.toHaveProperty('database')
  expect(warnings.slice(1)).toEqual([
    'budgets global: enforcement: leased makes no difference without store.redis: one process decides by itself',
  ])
})

test('a budget for one version of a model says that it counts them all', () => {
  const model = (name: string) => `{ id: "${name}", scope: { model: "${name}" }, limit: { tokens: 5 } }`
  const { warnings } = configOf(
    `budgets: [${model('gpt-4o')}, ${model('gpt-4o-2024-08-06')}, { id: "model:openai/o3", limit: { tokens: 5 } }]`,
  )
  expect(warnings.filter((line) => line.includes('version'))).toEqual([
    'budgets gpt-4o-2024-08-06: counts all calls to gpt-4o, whatever version or prefix they name',
    'budgets model:openai/o3: counts all calls to o3, whatever version or prefix they name',
  ])
})

test.each(['', '# nothing\n', '{}', 'keys:\nbudgets:\nproviders:\nprices:\nalerts:\n  channels:\nserver:\nstore:\n'])(
  'an empty config (%j) is one of defaults, with a warning',
  (text) => {
    expect(configOf(text)).toEqual({
      server: {
        host: '127.0.0.1',
        port: 4000,
        bodyBytesMax: 33_554_432,
        corsOrigins: [],
        bytesInFlightMax: 268_435_456,
        onHangUp: 'drain',
      },
      store: { dataDir: '/etc/bursar/data', durability: 'process', onStoreDown: 'refuse', onLost: 'charge', holdTtlMs: 900_000 },
      providers: [],
      keys: [],
      budgets: [],
      alerts: { channels: [], allowsPrivateUrls: false },
      prices: [],
      warnings: ['providers: there are none, so no call can be answered'],
    })
  },
)

test('a config in JSON says the same as in YAML, also for amounts with more digits than a float', () => {
  const json = JSON.stringify({ budgets: [{ id: 'global', limit: { usd: 0 }, name: 'Ünïcödé 😀 "quoted"' }] }, null, '\t').replace(
    '"usd": 0',
    '"usd": 9007198.123456789',
  )
  const [budget] = configOf(json, '/etc/bursar.json').budgets
  expect(budget).toMatchObject({ limit: 9_007_198_123_456_789, unit: 'usd', name: 'Ünïcödé 😀 "quoted"' })
  expect(errorsOf('{\n  "budgets": [\n    { "id": "global", "limt": 5 }\n  ]\n}')).toContain(
    'c.yaml:3:23  budgets[0].limt: unknown key; did you mean "limit"?',
  )
})

test('a value from the environment can not change the structure, nor is it read as YAML', () => {
  const text = 'keys: [{ name: a, secret: "${TOKEN}", team: "${TEAM}" }]'
  const parsed = parseConfig(text, { path: 'c.yaml', env: { TOKEN: `${SECRET}"},{x:[#`, TEAM: '{a: b}, *x, !y ${TOKEN}' } })
  expect(parsed).toMatchObject({ config: { keys: [{ secret: `${SECRET}"},{x:[#`, team: '{a: b}, *x, !y ${TOKEN}' }] } })
})

test('what the file writes once can be used again by anchor and alias', () => {
  const text = 'budgets:\n  - &a { id: global, limit: &limit { tokens: 5k } }\n  - { id: "team:a", limit: *limit }'
  expect(configOf(text).budgets.map(({ limit }) => limit)).toEqual([5000, 5000])
})

test('a byte order mark and Windows line ends move no column', () => {
  expect(errorsOf('\uFEFFservr: 1\r\nkys: 2\r\n').map((error) => error.split(': ')[0])).toEqual(['c.yaml:1:1  servr', 'c.yaml:2:1  kys'])
})

test('aliases that multiply without end are refused', () => {
  const levels = Array.from({ length: 30 }, (_, level) => `k${level + 1}: &k${level + 1} [*k${level}, *k${level}]`)
  for (const text of [['k0: &k0 []', ...levels].join('\n'), 'keys: &x [*x]']) {
    expect(errorsOf(text).filter((error) => error.endsWith('more than 1000 aliases, or an alias of itself'))).toHaveLength(1)
  }
})

test('names like those of object members are nothing special', () => {
  expect(errorsOf('__proto__: { server: 5 }\nconstructor: 1')).toEqual([
    'c.yaml:1:1  __proto__: unknown key; expected one of server, store, providers, keys, budgets, routes, alerts, prices',
    'c.yaml:2:1  constructor: unknown key; expected one of server, store, providers, keys, budgets, routes, alerts, prices',
  ])
  const [budget] = configOf('budgets: [{ id: a, scope: { tag.__proto__: x }, limit: { tokens: 1 } }]').budgets
  expect(budget?.scope).toEqual({ 'tag.__proto__': 'x' })
})

test('a variable that is not set is reported once, also where a map or a list is expected', () => {
  const text = 'server: ${A}\nkeys: ${B}\nbudgets: [{ id: "${C}", scope: "${D}", limit: "${E}", channels: "${F}" }, "${G}"]\nroutes: ${H}'
  const names = errorsOf(text).map((error) => /variable (\w) is not set/.exec(error)?.[1])
  expect(names).toEqual(['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'])
})

test('whatever is cut out of a config or put into it, the errors are values with a place in the text', () => {
  const pieces = fc.constantFrom(
    '',
    ' ',
    '\n',
    ':',
    '- ',
    '{',
    ']',
    '"',
    '&a ',
    '*a',
    '${',
    '#',
    '\t',
    'x',
    '-1',
    'null',
    '[]',
    '{}',
    '!t ',
  )
  fc.assert(
    fc.property(fc.nat(FULL.length), fc.nat(40), pieces, (from, length, piece) => {
      const text = FULL.slice(0, from) + piece + FULL.slice(from + length)
      const parsed = parseConfig(text, { path: 'c.yaml', env })
      if (parsed.kind === 'ok') return
      expect(parsed.errors).not.toEqual([])
      const lines = text.split('\n')
      for (const { line, column } of parsed.errors) expect(lines[line - 1]?.length).toBeGreaterThanOrEqual(column - 1)
    }),
    { numRuns: 400 },
  )
})

test('spaces that would make a scope which no call matches are refused', () => {
  expect(budgetErrors('scope: { team: "a " }')).toEqual([
    'c.yaml:4:20  budgets[0].scope.team: found "a ", expected text, without spaces around it',
  ])
  expect(errorsOf('budgets: [{ id: "team: a", limit: { tokens: 1 } }]')).toEqual([
    'c.yaml:1:17  budgets[0].id: found "team: a", expected an id without spaces around it and behind its colon',
  ])
})

test('a config file is loaded from disk, with paths relative to it', () => {
  const path = join(folder, 'bursar.yaml')
  writeFileSync(path, example)
  expect(loadConfig(path, {}).store.dataDir).toBe(join(folder, 'data'))
})

test('a file with errors throws all of them as invalid_config', () => {
  const path = join(folder, 'bad.yaml')
  writeFileSync(path, 'server: { prt: 1 }\nkys: []\n')
  const message = `${path}:1:11  server.prt: unknown key; did you mean "port"?\n${path}:2:1  kys: unknown key; did you mean "keys"?`
  expect(() => loadConfig(path, {})).toThrow(expect.objectContaining({ code: 'invalid_config', message }))
  expect(() => loadConfig(path, {})).toThrow(ConfigInvalid)
})

test('a file that is not there, or is a directory, is a clear error', () => {
  const missing = join(folder, 'missing.yaml')
  expect(() => loadConfig(missing, {})).toThrow(`${missing}: there is no such file; "bursar init" writes a first one`)
  expect(() => loadConfig(folder, {})).toThrow(`${folder}: it can't be read (EISDIR)`)
})

test.each(['authorization', 'X-Api-Key', 'x-bursar-user', 'content-length', 'no header', '*', 'a*b'])(
  '%s is no header to pass on',
  (name) => {
    const text = `providers: { openai: { api: openai, base_url: "https://x/v1", forward_headers: ["${name}"] } }`
    expect(parseConfig(text, { path: 'bursar.yaml', env: {} })).toMatchObject({ kind: 'invalid' })
  },
)

test.each(['app.example.com', 'https://app.example.com/', 'https://app.example.com/path', 'null', 'file:///x'])(
  '%s is no origin of a web page',
  (origin) => {
    expect(parseConfig(`server: { cors_origins: ["${origin}"] }`, { path: 'bursar.yaml', env: {} })).toMatchObject({ kind: 'invalid' })
  },
)

test('origins of web pages are read as browsers send them', () => {
  const parsed = parseConfig('server: { cors_origins: ["https://app.example.com", "http://localhost:5173", "*"] }', {
    path: 'bursar.yaml',
    env: {},
  })
  expect(parsed).toMatchObject({
    kind: 'ok',
    config: { server: { corsOrigins: ['https://app.example.com', 'http://localhost:5173', '*'] } },
  })
})

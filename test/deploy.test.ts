import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { formatConfigErrors, parseConfig } from '../src/config/load.ts'

/* What can be said of compose.yaml without a container: that its Bursars start with a config that is right, and see each other's stores. */

interface Service {
  readonly profiles: readonly string[]
  readonly image?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, unknown>>
  readonly networks?: { readonly default: { readonly aliases: readonly string[] } }
}

const read = (path: string) => readFileSync(join(import.meta.dirname, '..', path), 'utf8')
const compose: { services: Record<string, Service>; volumes: Record<string, null> } = parse(read('compose.yaml'), { merge: true })
const servicesOf = (profile: string) => Object.entries(compose.services).filter(([, { profiles }]) => profiles.includes(profile))

/** What the reader brings; without them a start says so. */
const PROVIDER_KEYS = { OPENAI_API_KEY: 'sk-openai', ANTHROPIC_API_KEY: 'sk-ant' }

/** As compose replaces them, where only what it requires is set. */
function replaced(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, text]) => [
      name,
      text.replaceAll(/\$\{\w+(?::-([^}]*)|:\?[^}]*)\}/g, (_, fallback?: string) => fallback ?? 'a-secret-of-20-characters'),
    ]),
  )
}

test.each([
  ['embedded', 1, {}],
  ['redis', 2, { redis: { kind: 'single', urls: ['redis://redis:6379'] } }],
  ['postgres', 2, { redis: { kind: 'single' }, database: 'postgres://bursar:bursar@postgres:5432/bursar' }],
])('the Bursars of the topology %s start with a config that is right, over the stores that it brings', (profile, processes, stores) => {
  const services = servicesOf(profile)
  const bursars = services.filter(([, { image }]) => image === 'bursar')
  expect(bursars).toHaveLength(processes)
  for (const [, { environment = {} }] of bursars) {
    const parsed = parseConfig(read('deploy/bursar.yaml'), {
      path: '/etc/bursar/bursar.yaml',
      env: { ...replaced(environment), ...PROVIDER_KEYS },
    })
    if (parsed.kind === 'invalid') throw new Error(formatConfigErrors('deploy/bursar.yaml', parsed.errors))
    expect(parsed.config.warnings).toEqual([])
    expect(parsed.config.server).toMatchObject({ host: '0.0.0.0', port: 4000 })
    expect(parsed.config.store).toMatchObject({ dataDir: '/data', ...stores })
    expect('database' in parsed.config.store).toBe('database' in stores)
  }
  const names = services.map(([name]) => name)
  const hosts = bursars.flatMap(([, { environment = {} }]) => ['REDIS_URL', 'DATABASE_URL'].flatMap((name) => environment[name] ?? []))
  for (const url of hosts) expect(names).toContain(/(?:@|\/\/)([a-z]+):\d+/.exec(url)?.[1])
})

test('volumes are declared, and what a service waits for is there with it, or not required', () => {
  const named = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes.filter((volume) => !volume.startsWith('.')))
  expect(new Set(named.map((volume) => volume.split(':')[0]))).toEqual(new Set(Object.keys(compose.volumes)))
  for (const { profiles, depends_on: needs = {} } of Object.values(compose.services)) {
    for (const [name, need] of Object.entries(needs)) {
      const isThere = profiles.every((profile) => compose.services[name]?.profiles.includes(profile))
      expect({ name, isFine: isThere || (need as { required?: boolean }).required === false }).toEqual({ name, isFine: true })
    }
  }
})

test('the balancer passes calls to both processes of a topology', () => {
  const balanced = [...read('deploy/nginx.conf').matchAll(/^\s+server (\S+):4000 /gm)].map(([, host]) => host)
  for (const profile of ['redis', 'postgres']) {
    const aliases = servicesOf(profile).flatMap(([, { networks }]) => networks?.default.aliases ?? [])
    expect(aliases).toEqual(balanced)
  }
})

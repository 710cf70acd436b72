import type { ProvidedContext } from 'vitest'
import type { TestProject } from 'vitest/node'
import { installMissing } from './install.ts'
import { findPostgres, findProgram, REDIS_CLI, REDIS_SERVER } from './programs.ts'
import { startPostgres } from './start-postgres.ts'
import { startRedis } from './start-redis.ts'
import { startRedisCluster } from './start-redis-cluster.ts'
import { wantedServices } from './wanted-services.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined, here and below: it can't be had here, so tests that need it are skipped. */
    readonly redisUrl: string | undefined
    /** Nodes of one Redis Cluster. */
    readonly redisClusterUrls: readonly string[] | undefined
    readonly postgresUrl: string | undefined
  }
}

type Stop = () => Promise<void>

interface Service<Place> {
  readonly variable: string
  readonly placeOf: (text: string) => Place
  readonly isInstalled: () => boolean
  readonly start: () => Promise<{ readonly place: Place; readonly stop: Stop }>
}

const SERVICES: { readonly [Name in keyof ProvidedContext]: Service<NonNullable<ProvidedContext[Name]>> } = {
  redisUrl: {
    variable: 'REDIS_URL',
    placeOf: (text) => text,
    isInstalled: () => findProgram(REDIS_SERVER) !== undefined,
    start: async () => {
      const { url, stop } = await startRedis()
      return { place: url, stop }
    },
  },
  redisClusterUrls: {
    variable: 'REDIS_CLUSTER_URLS',
    placeOf: (text) => text.split(',').map((url) => url.trim()),
    isInstalled: () => findProgram(REDIS_SERVER) !== undefined && findProgram(REDIS_CLI) !== undefined,
    start: async () => {
      const { urls, stop } = await startRedisCluster()
      return { place: urls, stop }
    },
  },
  postgresUrl: {
    variable: 'DATABASE_URL',
    placeOf: (text) => text,
    isInstalled: () => findPostgres() !== undefined,
    start: async () => {
      const { url, stop } = await startPostgres()
      return { place: url, stop }
    },
  },
}

const NAMES = ['redisUrl', 'redisClusterUrls', 'postgresUrl'] as const

/**
 * Provides the Redis, the Redis Cluster and the PostgreSQL that the test files of this run ask for: those of the environment,
 * else its own, which are started here, once, and stopped at the end. What can't be had is said in one line.
 */
export default async function setup(project: TestProject): Promise<Stop> {
  const wanted = wantedServices(NAMES, await testFilesOf(project))
  const toStart = new Set([...wanted].filter((name) => given(SERVICES[name]) === undefined))
  const missing = await installMissing({
    redis: toStart.has('redisUrl') || toStart.has('redisClusterUrls'),
    postgres: toStart.has('postgresUrl'),
  })
  const stops: Stop[] = []
  const stopAll = async () => {
    await Promise.all(stops.map((stop) => stop()))
  }
  const provide = async <Name extends keyof ProvidedContext>(name: Name, service: Service<NonNullable<ProvidedContext[Name]>>) => {
    const text = given(service)
    if (text !== undefined) return project.provide(name, service.placeOf(text))
    if (!wanted.has(name) || !service.isInstalled()) {
      if (wanted.has(name)) process.stdout.write(`tests that need ${service.variable} are skipped: ${missing ?? 'it is not installed'}\n`)
      return project.provide(name, undefined)
    }
    const { place, stop } = await service.start()
    stops.push(stop)
    project.provide(name, place)
  }
  const started = await Promise.allSettled([
    provide('redisUrl', SERVICES.redisUrl),
    provide('redisClusterUrls', SERVICES.redisClusterUrls),
    provide('postgresUrl', SERVICES.postgresUrl),
  ])
  const failed = started.find((outcome) => outcome.status === 'rejected')
  if (failed === undefined) return stopAll
  await stopAll()
  throw failed.reason
}

function given({ variable }: { readonly variable: string }): string | undefined {
  const text = process.env[variable]
  return text === undefined || text === '' ? undefined : text
}

/** The test files of this run; all of them where vitest does not say by which words it was asked to choose. */
async function testFilesOf(project: TestProject): Promise<readonly string[]> {
  const { filenamePattern } = project.vitest as { filenamePattern?: string[] }
  return (await project.globTestFiles(filenamePattern)).testFiles
}

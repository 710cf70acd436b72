import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canMount } from '../services/small-disk.ts'
import { findPostgres, findProgram, REDIS_SERVER } from '../services/programs.ts'
import { startRedis } from '../services/start-redis.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { until } from './bursar.ts'
import { factsOf, inWords, isRefused } from './fault-facts.ts'
import {
  behindSentinels,
  CLOCK_THAT_JUMPS,
  moveSlot,
  onRedis,
  own,
  ownCluster,
  ownDatabase,
  primaryOfSlot,
  smallDataDir,
  smallRedisDir,
  stopOwn,
  type Undo,
} from './fault-servers.ts'
import { CAP, openStage, type Outcome, type Stage, type StageOptions, type Team, TEAMS } from './fault-stage.ts'

/*
 * What each fault does to calls under a hard cap and to the others: two gateways, callers that ask all the time before, during and
 * after it, and then everything that must add up. The table of what was promised and what was seen is printed at the end.
 */

interface Fault {
  readonly name: string
  /** What it needs that a machine may not have. */
  readonly needs?: 'postgres' | 'mount'
  readonly options?: (onEnd: (undo: Undo) => void) => Promise<StageOptions>
  /** Brings it about while calls run, waits until they met it, and mends it. */
  readonly happen: (stage: Stage, onEnd: (undo: Undo) => void) => Promise<void>
  /** What becomes of calls meanwhile: answered; refused with 503; broken off, those that were in flight in a gateway. */
  readonly hard: Promised
  readonly soft: Promised
  /** True where calls under a hard cap are let in while the store is away, so that the cap may be passed. */
  readonly mayPass?: boolean
  /** True where some of them may be refused for a moment. */
  readonly mayRefuse?: boolean
  /** True where an answered call may be charged its hold, as an estimate: its gateway was taken for dead. */
  readonly mayEstimate?: boolean
}

type Promised = 'answered' | 'refused, then answered' | 'broken off, then answered'

const FAULTS: readonly Fault[] = [
  {
    name: 'kill -9 of a gateway',
    hard: 'broken off, then answered',
    soft: 'broken off, then answered',
    happen: async ({ without, gateways, more, restart, busy, quick }) => {
      await busy()
      without(0)
      await gateways[0]?.kill()
      quick()
      await more(TEAMS)
      await restart(0)
    },
  },
  {
    name: 'SIGTERM of a gateway, and a new one',
    hard: 'answered',
    soft: 'answered',
    happen: async ({ without, gateways, more, restart, busy, quick }) => {
      await busy()
      without(0)
      expect(await gateways[0]?.stop()).toBe(0)
      quick()
      await more(TEAMS)
      await restart(0)
    },
  },
  {
    name: 'a gateway stands still for longer than its holds',
    hard: 'answered',
    soft: 'answered',
    // Its calls are ended as lost meanwhile, as estimates; what it says of them on waking changes nothing.
    mayEstimate: true,
    happen: async ({ without, gateways, more, back, busy, quick }) => {
      await busy()
      without(0)
      gateways[0]?.child.kill('SIGSTOP')
      quick()
      await Promise.all([delay(5000), more(TEAMS)])
      gateways[0]?.child.kill('SIGCONT')
      back(0)
    },
  },
  {
    name: 'kill -9 of Redis, restart from its file',
    hard: 'refused, then answered',
    soft: 'answered',
    happen: async ({ redis, more }) => {
      await redis.kill9()
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
      await redis.restart()
    },
  },
  {
    name: 'kill -9 of Redis, hard caps admitted meanwhile',
    hard: 'answered',
    soft: 'answered',
    mayPass: true,
    options: async () => ({ onStoreDown: 'admit' }),
    happen: async ({ redis, more }) => {
      await redis.kill9()
      await more(TEAMS)
      await redis.restart()
    },
  },
  {
    name: 'kill -9 of Redis, then of a gateway that has calls to count',
    mayEstimate: true,
    hard: 'refused, then answered',
    soft: 'broken off, then answered',
    happen: async ({ redis, more, without, gateways, restart }) => {
      await redis.kill9()
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
      without(0)
      await gateways[0]?.kill()
      await redis.restart()
      await restart(0)
    },
  },
  {
    name: 'Redis forgets everything (FLUSHALL)',
    hard: 'refused, then answered',
    soft: 'answered',
    happen: async ({ redis, more }) => {
      await onRedis(redis.url, 'FLUSHALL')
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
    },
  },
  {
    name: 'Redis forgets its scripts (SCRIPT FLUSH)',
    hard: 'answered',
    soft: 'answered',
    happen: async ({ redis, more }) => {
      await onRedis(redis.url, 'SCRIPT', 'FLUSH')
      await more(TEAMS)
    },
  },
  {
    name: 'failover to a replica that lags behind',
    hard: 'refused, then answered',
    soft: 'answered',
    happen: async ({ redis, ways, more }, onEnd) => {
      const link = await startTcpProxy({ port: redis.port })
      onEnd(link.close)
      const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(link.port)] })
      onEnd(replica.stop)
      await until(async () => String(await onRedis(replica.url, 'INFO', 'replication')).includes('master_link_status:up'))
      await more(TEAMS)
      link.cut()
      await more(TEAMS)
      await onRedis(replica.url, 'REPLICAOF', 'NO', 'ONE')
      for (const way of ways) way.lead(replica.port)
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
    },
  },
  {
    name: 'Sentinels put a replica in the place of a primary that was killed, which comes back',
    hard: 'refused, then answered',
    soft: 'answered',
    options: behindSentinels,
    happen: async ({ more }) => {
      const [primary] = own.sentinels?.nodes ?? []
      await primary?.kill9()
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
      await more(TEAMS)
      // It takes itself for the primary for some seconds more.
      await primary?.restart()
      await more(TEAMS)
    },
  },
  {
    name: 'a gateway is cut off from Redis',
    needs: 'postgres',
    options: ownDatabase,
    hard: 'refused, then answered',
    soft: 'answered',
    happen: async ({ ways, more }) => {
      ways[0]?.cut()
      await Promise.all([more(['hard'], isRefused), more(TEAMS)])
      ways[0]?.heal()
    },
  },
  {
    name: 'Redis does not answer any more',
    hard: 'refused, then answered',
    soft: 'answered',
    happen: async ({ ways, more }) => {
      for (const way of ways) way.hang()
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
      for (const way of ways) way.heal()
    },
  },
  {
    name: 'kill -9 of Postgres, restart',
    needs: 'postgres',
    options: ownDatabase,
    hard: 'answered',
    soft: 'answered',
    happen: async ({ more }) => {
      await own.postgres?.server.kill9()
      await more(TEAMS)
      await own.postgres?.server.restart()
    },
  },
  {
    name: 'Postgres does not answer any more',
    needs: 'postgres',
    options: ownDatabase,
    hard: 'answered',
    soft: 'answered',
    happen: async ({ more }) => {
      own.postgres?.way.hang()
      await more(TEAMS, ({ status }) => status === 200, 20)
      own.postgres?.way.heal()
    },
  },
  {
    name: "the gateways' disk is full: no room for the ledger",
    needs: 'mount',
    options: smallDataDir,
    hard: 'answered',
    soft: 'answered',
    happen: async ({ more }) => {
      const empty = own.disk?.fill()
      await more(TEAMS, ({ status }) => status === 200, 20)
      empty?.()
    },
  },
  {
    name: "the gateways' disk is full, and Redis is killed",
    needs: 'mount',
    options: smallDataDir,
    hard: 'refused, then answered',
    soft: 'answered',
    happen: async ({ redis, more }) => {
      const empty = own.disk?.fill()
      await redis.kill9()
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
      await redis.restart()
      empty?.()
    },
  },
  {
    name: "Redis's disk is full",
    needs: 'mount',
    options: smallRedisDir,
    hard: 'refused, then answered',
    soft: 'answered',
    happen: async ({ more }) => {
      const empty = own.disk?.fill()
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
      empty?.()
    },
  },
  {
    name: "a gateway's clock is an hour ahead, then an hour behind",
    options: async () => ({ nodeOptions: [['--import', CLOCK_THAT_JUMPS]] }),
    hard: 'answered',
    soft: 'answered',
    happen: async ({ gateways, more }) => {
      gateways[0]?.child.kill('SIGUSR2')
      await more(TEAMS, ({ status }) => status === 200, 20)
      gateways[0]?.child.kill('SIGUSR2')
      await more(TEAMS, ({ status }) => status === 200, 20)
    },
  },
  {
    name: 'a node of a Cluster is lost, its replica takes over',
    options: ownCluster,
    hard: 'refused, then answered',
    soft: 'answered',
    happen: async ({ more }) => {
      const primary = await primaryOfSlot()
      await own.cluster?.nodes[primary]?.kill9()
      await Promise.all([more(['hard'], isRefused), more(['soft'])])
    },
  },
  {
    name: 'a slot of a Cluster moves while calls run',
    // A step that meets the keys half way is tried again for a while, and the counters are made anew where that was too short.
    mayRefuse: true,
    options: ownCluster,
    hard: 'answered',
    soft: 'answered',
    happen: async ({ more }) => {
      await moveSlot()
      await more(TEAMS)
    },
  },
]

const TABLE: { fault: string; cap: Team; promised: string; seen: string }[] = []

afterAll(stopOwn)

afterAll(() => {
  const width = Math.max(...TABLE.map(({ fault }) => fault.length))
  const lines = TABLE.map(({ fault, cap, promised, seen }) => `${fault.padEnd(width)}  ${cap}  ${promised.padEnd(26)}  ${seen}`)
  process.stdout.write(`\n${'fault'.padEnd(width)}  cap   ${'promised'.padEnd(26)}  seen\n${lines.join('\n')}\n`)
})

const isThere = { postgres: findPostgres() !== undefined, mount: canMount() }

describe.skipIf(findProgram(REDIS_SERVER) === undefined).each(FAULTS.filter(({ needs }) => needs === undefined || isThere[needs]))(
  '$name',
  (fault) => {
    const undoing: Undo[] = []
    let outcome: Outcome

    beforeAll(async () => {
      const onEnd = (undo: Undo) => undoing.push(undo)
      const stage = await openStage((await fault.options?.(onEnd)) ?? {}, onEnd)
      await stage.more(TEAMS)
      await fault.happen(stage, onEnd)
      await stage.more(TEAMS)
      outcome = await stage.finish()
    }, 90_000)

    afterAll(async () => {
      for (const undo of undoing.toReversed()) await undo()
    })

    test.each(TEAMS)('%s: what was promised', (team) => {
      const facts = factsOf(outcome, team, fault.mayEstimate === true)
      TABLE.push({ fault: fault.name, cap: team, promised: fault[team], seen: inWords(facts) })
      expect(outcome.doctor).toMatchObject({ differences: [], calls_in_flight: 0 })
      expect(facts.missing).toEqual([])
      expect(facts.unexplained).toEqual([])
      expect(facts.otherwise).toEqual([])
      if (fault[team].startsWith('refused')) expect(facts.refused).toBeGreaterThan(0)
      else if (team === 'soft' || fault.mayRefuse !== true) expect(facts.refused).toBe(0)
      if (!fault[team].startsWith('broken') && fault.mayEstimate !== true) expect(facts.broken).toBe(0)
      // Whoever was broken off has a call in the ledger at most.
      expect(facts.estimated + facts.unheard).toBeLessThanOrEqual(facts.broken)
      expect(outcome.rows.find(({ id }) => id === `team:${team}`)).toMatchObject({ used: facts.counted, held: 0 })
      if (team === 'soft' || fault.mayPass === true) return
      expect(facts.counted).toBeLessThanOrEqual(CAP)
      expect(outcome.seen?.most.get('team:hard') ?? 0).toBeLessThanOrEqual(CAP)
    })
  },
)

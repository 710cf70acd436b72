import { describe, inject } from 'vitest'
import { describeCounters } from '../contract/counters.contract.ts'
import { openRedisUnderTest } from '../../../test/services/redis-under-test.ts'

const url = inject('redisUrl')
const clusterUrls = inject('redisClusterUrls')

describe.skipIf(url === undefined)('one server', () => {
  describeCounters('Redis', () => openRedisUnderTest({ kind: 'single', urls: [url ?? ''] }), { runs: 40 })
})

describe.skipIf(clusterUrls === undefined)('six nodes', () => {
  describeCounters('Redis Cluster', () => openRedisUnderTest({ kind: 'cluster', urls: clusterUrls ?? [] }), { runs: 20 })
})

import { expect, test } from 'vitest'
import { createRandom } from './random.ts'
import { type Incarnation, SimulatedProcess } from './simulated-process.ts'
import { drawSwarm } from './swarm.ts'
import { VirtualTime } from './virtual-clock.ts'

test('a process that is started while it is up is still the one that it was', () => {
  const opened: Incarnation[] = []
  const process = new SimulatedProcess({
    name: 'p0',
    time: new VirtualTime(0, createRandom(1)),
    swarm: drawSwarm(createRandom(1), 'redis'),
    deployment: { open: (incarnation) => new Promise(() => opened.push(incarnation)), crash: () => undefined },
    definitions: () => [],
    log: () => undefined,
    onDeath: () => undefined,
    poll: async () => undefined,
    onDefect: () => undefined,
  })
  process.start()
  process.start()
  expect(opened.map(({ isAlive }) => isAlive())).toEqual([true])
})

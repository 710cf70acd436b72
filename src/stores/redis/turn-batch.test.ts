import { expect, test } from 'vitest'
import { TurnBatch } from './turn-batch.ts'

function startBatch() {
  const sent: (readonly number[])[] = []
  const send = async (asks: readonly number[]) => {
    sent.push(asks)
    return asks.map((ask) => `answer to ${ask}`)
  }
  return { sent, batch: new TurnBatch({ send, atTurnEnd: setImmediate }) }
}

async function askAll(batch: TurnBatch<number, string>, count: number): Promise<readonly string[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => batch.ask(i)))
}

test.each([
  [1, [1]],
  [32, [32]],
  [33, [17, 16]],
  [64, [32, 32]],
  [100, [25, 25, 25, 25]],
])('%i asks of one turn go in parts of the same size: %j', async (count, sizes) => {
  const { sent, batch } = startBatch()
  const answers = await askAll(batch, count)
  expect(sent.map(({ length }) => length)).toEqual(sizes)
  expect(sent.flat()).toEqual(Array.from({ length: count }, (_, i) => i))
  expect(answers).toEqual(sent.flat().map((ask) => `answer to ${ask}`))
})

test('what is asked in the next turn goes on its own', async () => {
  const { sent, batch } = startBatch()
  await askAll(batch, 2)
  await askAll(batch, 3)
  expect(sent.map(({ length }) => length)).toEqual([2, 3])
})

test('what can not be sent fails for those who asked it, and for no other', async () => {
  let isBroken = true
  const send = async (asks: readonly number[]) => {
    if (isBroken) throw new Error('the store is away')
    return asks
  }
  const batch = new TurnBatch({ send, atTurnEnd: setImmediate })
  await expect(batch.ask(1)).rejects.toThrow('the store is away')
  isBroken = false
  expect(await batch.ask(2)).toBe(2)
})

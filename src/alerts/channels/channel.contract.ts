import { afterEach, describe, expect, test } from 'vitest'
import type { Channel } from '../../engine/ports.ts'
import { sampleAlert } from '../sample-alert.ts'
import { ChannelError } from './channel-error.ts'

/** What a receiver says to the next message; `silent` says nothing. */
export type Answer = 'accept' | 'temporary' | 'permanent' | 'silent'

/** One message as the receiver got it. */
interface Received {
  /** By which the receiver tells a repetition. */
  readonly id: string
  /** All that a person or a program reads, decoded. */
  readonly content: string
}

interface Receiver {
  readonly port: number
  /** Messages that were accepted or refused, in order. */
  readonly received: () => readonly Received[]
  readonly close: () => Promise<void>
}

export interface ChannelHarness {
  readonly startReceiver: (answers: readonly Answer[], port?: number) => Promise<Receiver>
  readonly createChannel: (port: number, timeoutMs?: number) => Channel
  /** What an error may never hold. */
  readonly secrets: readonly string[]
  /** What the error of a permanent failure tells people to correct. */
  readonly advice: string
}

/** What every channel promises, on a real receiver. */
export function channelContract(name: string, harness: ChannelHarness): void {
  describe(`the ${name} channel`, () => {
    const open: Receiver[] = []
    afterEach(async () => {
      await Promise.all(open.splice(0).map((receiver) => receiver.close()))
    })
    const start = async (answers: readonly Answer[], port?: number) => {
      const receiver = await harness.startReceiver(answers, port)
      open.push(receiver)
      return receiver
    }
    const failureOf = async (channel: Channel): Promise<ChannelError> => {
      const error: unknown = await channel.send(sampleAlert()).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(ChannelError)
      for (const secret of harness.secrets) expect((error as ChannelError).message).not.toContain(secret)
      return error as ChannelError
    }

    test('delivers an alert once, with budget, amounts, share, kind of limit and reset', async () => {
      const receiver = await start(['accept'])
      await harness.createChannel(receiver.port).send(sampleAlert())
      expect(receiver.received()).toHaveLength(1)
      const [message] = receiver.received()
      expect(message?.content).toContain('Marketing Team has used 83.2 % of its 5,000,000 tokens (advisory)')
      for (const part of ['team:marketing', '83.2', '2026-12-01']) expect(message?.content).toContain(part)
    })

    test('fails for the time being while the receiver is down, and delivers when it is back', async () => {
      const gone = await harness.startReceiver(['accept'])
      await gone.close()
      const channel = harness.createChannel(gone.port)
      expect(await failureOf(channel)).toMatchObject({ isRetryable: true, message: expect.stringContaining('127.0.0.1') })
      const back = await start(['accept'], gone.port)
      await channel.send(sampleAlert())
      expect(back.received()).toHaveLength(1)
    })

    test('fails for the time being where the receiver has a passing trouble; the retry is the same message', async () => {
      const receiver = await start(['temporary', 'accept'])
      const channel = harness.createChannel(receiver.port)
      expect(await failureOf(channel)).toMatchObject({ isRetryable: true })
      await channel.send(sampleAlert())
      const [first, second] = receiver.received()
      expect(second).toEqual(first)
    })

    test('fails for good where the receiver is gone for good, and says what to do', async () => {
      const receiver = await start(['permanent'])
      expect(await failureOf(harness.createChannel(receiver.port))).toMatchObject({
        isRetryable: false,
        message: expect.stringContaining(harness.advice),
      })
    })

    test('fails for the time being where the receiver never answers', async () => {
      const receiver = await start(['silent'])
      expect(await failureOf(harness.createChannel(receiver.port, 300))).toMatchObject({ isRetryable: true })
    })
  })
}

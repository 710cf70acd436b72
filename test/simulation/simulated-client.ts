import type { RedisClient, RedisReply, RedisScript } from '../../src/stores/redis/redis-client.ts'
import { Failure } from '../../src/engine/failure.ts'
import { type Link, plainReply, toBytes } from './network.ts'

/** A process's client over a simulated connection: what `connectRedis` is over a real one. */
export function createSimulatedClient(link: Link): RedisClient {
  const send = async (command: string, args: readonly (string | number | Buffer)[]): Promise<RedisReply> => {
    const answer = await link.send(command, args.map(toBytes))
    if ('refusal' in answer) throw new Failure('store_unavailable', `Redis refuses: ${answer.refusal.message}`, answer.refusal)
    return plainReply(answer.reply) as RedisReply
  }
  return {
    run: async ({ sha, source }: RedisScript, keys, args, firstArgs = args) => {
      try {
        return await send('EVALSHA', [sha, keys.length, ...keys, ...args])
      } catch (error) {
        if (!(error instanceof Failure) || !error.message.includes('NOSCRIPT')) throw error
      }
      return await send('EVAL', [source, keys.length, ...keys, ...firstArgs])
    },
    call: (command, ...args) => send(command, args),
    close: async () => link.break(),
  }
}

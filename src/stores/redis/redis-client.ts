/** What Redis replies; integers are exact up to 2^53. */
export type RedisReply = number | string | null | readonly RedisReply[]

/** A Lua script: one transition of the counters. */
export interface RedisScript {
  /** Its file's name without the ending. */
  readonly name: string
  readonly source: string
  /** SHA-1 of the source in hex, by which Redis knows it. */
  readonly sha: string
}

export type ScriptArguments = readonly (string | number | Buffer)[]

/**
 * The little of Redis that Bursar needs; the same for one server, Sentinel and Cluster. Requests of one client are answered in
 * their order. Nothing is sent twice by itself: where an answer is lost, whether it was done is unknown.
 */
export interface RedisClient {
  /**
   * Runs a script in one round trip; it is loaded first where the server does not know it (any more).
   * @param keys all of one slot
   * @param firstArgs instead of `args` where the server does not know the script: one that was started again, or that took
   *   another's place, knows none
   * @throws Failure store_unavailable where there is no connection or no answer in time; RedisError where Redis refuses
   */
  readonly run: (script: RedisScript, keys: readonly string[], args: ScriptArguments, firstArgs?: ScriptArguments) => Promise<RedisReply>
  /** One command, such as `HGETALL`; its first argument is its key. Throws as `run` does. */
  readonly call: (command: string, ...args: readonly (string | number)[]) => Promise<RedisReply>
  /** Ends the connection; what waits for an answer fails. */
  readonly close: () => Promise<void>
}

/** The texts of a reply that is a list. */
export function textsOf(reply: RedisReply): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}

/** What `HGETALL` and a `ZRANGE … WITHSCORES` reply. */
export function pairsOf(reply: RedisReply): ReadonlyMap<string, string> {
  const texts = textsOf(reply)
  const pairs = new Map<string, string>()
  for (let i = 0; i < texts.length; i += 2) pairs.set(texts[i] ?? '', texts[i + 1] ?? '')
  return pairs
}

/** As the scripts read them: little-endian, whatever this machine is. */
export function toDoubles(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 8)
  for (let i = 0; i < numbers.length; i++) bytes.writeDoubleLE(numbers[i] ?? 0, i * 8)
  return bytes
}

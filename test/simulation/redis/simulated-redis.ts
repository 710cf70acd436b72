import { COLLECTION_COMMANDS } from './collection-commands.ts'
import { KEY_COMMANDS } from './key-commands.ts'
import { Keyspace } from './keyspace.ts'
import { argument, countOf, type RedisCommand } from './redis-command.ts'
import { type CompiledScript, compileScript, runScript } from './redis-script.ts'
import { OK, RedisRefusal, RedisStatus, type Reply } from './reply.ts'
import { SORTED_SET_COMMANDS } from './sorted-set-commands.ts'
import { STREAM_COMMANDS } from './stream-commands.ts'

const COMMANDS: Readonly<Record<string, RedisCommand>> = {
  ...KEY_COMMANDS,
  ...COLLECTION_COMMANDS,
  ...SORTED_SET_COMMANDS,
  ...STREAM_COMMANDS,
}

/** What one command or script wrote: replayed at its own time, it writes the same again. */
interface Written {
  readonly at: number
  readonly commands: readonly (readonly string[])[]
}

/** What makes every command fail. */
export type RedisTrouble = 'OOM' | 'READONLY' | 'LOADING' | 'TRYAGAIN'

const TROUBLES: Readonly<Record<RedisTrouble, string>> = {
  OOM: "OOM command not allowed when used memory > 'maxmemory'.",
  READONLY: "READONLY You can't write against a read only replica.",
  LOADING: 'LOADING Redis is loading the dataset in memory',
  TRYAGAIN: 'TRYAGAIN Multiple keys request during rehashing of slot',
}

/**
 * One Redis in memory, as far as counters need it: its commands, its scripts in real Lua, the time of a simulated clock, and
 * what can become of a server. One thing after the other, as in Redis; nothing waits.
 */
export class SimulatedRedis {
  readonly #keys = new Keyspace()
  readonly #scripts = new Map<string, CompiledScript>()
  readonly #now: () => number
  readonly #newRunId: () => string
  #log: Written[] = []
  #writing: (readonly string[])[] | undefined
  #runId: string
  trouble: RedisTrouble | undefined
  /** How many replicas say that they have what was written. */
  replicas = 1

  constructor(options: { readonly now: () => number; readonly newRunId: () => string }) {
    this.#now = options.now
    this.#newRunId = options.newRunId
    this.#runId = options.newRunId()
  }

  get runId(): string {
    return this.#runId
  }

  /** How many commands and scripts wrote something that still counts. */
  get written(): number {
    return this.#log.length
  }

  /** @throws RedisRefusal as Redis answers with an error */
  execute(command: string, args: readonly string[]): Reply {
    this.#keys.now = this.#now()
    this.#writing = []
    try {
      return this.#dispatch(command.toUpperCase(), args)
    } finally {
      if (this.#writing.length > 0) this.#log.push({ at: this.#keys.now, commands: this.#writing })
      this.#writing = undefined
    }
  }

  /**
   * Another run of the server takes its place, without the last writes: one that was started again from its disk, or a replica
   * that had not heard of them.
   * @returns the arguments of what was lost
   */
  restart(lostWrites: number): readonly string[] {
    const kept = Math.max(0, this.#log.length - lostWrites)
    const lost = this.#log.slice(kept)
    this.#replay(this.#log.slice(0, kept))
    return lost.flatMap(({ commands }) => commands.flat())
  }

  /** The keys as they are now, for whoever looks from outside. */
  get keys(): Pick<Keyspace, 'get'> {
    return this.#keys
  }

  forgetScripts(): void {
    this.#scripts.clear()
  }

  #replay(log: readonly Written[]): void {
    this.#keys.clear()
    this.#scripts.clear()
    this.#runId = this.#newRunId()
    for (const { at, commands } of log) {
      this.#keys.now = at
      for (const [command = '', ...args] of commands) COMMANDS[command]?.run(this.#keys, args)
    }
    this.#log = [...log]
  }

  #dispatch(command: string, args: readonly string[]): Reply {
    if (this.trouble === 'LOADING' && command !== 'INFO') throw new RedisRefusal(TROUBLES.LOADING)
    switch (command) {
      case 'PING':
        return args[0] ?? new RedisStatus('PONG')
      case 'INFO':
        return this.#info()
      case 'WAIT':
        return this.replicas
      case 'TIME':
        return this.#time()
      case 'SCRIPT':
        return this.#script(args)
      case 'EVAL':
        return this.#run(this.#load(argument(args, 0)), args.slice(1))
      case 'EVALSHA':
        return this.#run(this.#loaded(argument(args, 0)), args.slice(1))
      default:
        return this.#runCommand(command, args)
    }
  }

  #info(): Reply {
    return `# Server\r\nredis_version:7.0.15\r\nrun_id:${this.#runId}\r\n`
  }

  #time(): Reply {
    return [String(Math.floor(this.#keys.now / 1000)), String((this.#keys.now % 1000) * 1000)]
  }

  #script([what = '', ...rest]: readonly string[]): Reply {
    switch (what.toUpperCase()) {
      case 'LOAD':
        return this.#load(argument(rest, 0)).sha
      case 'FLUSH':
        this.#scripts.clear()
        return OK
      case 'EXISTS':
        return rest.map((sha) => (this.#scripts.has(sha) ? 1 : 0))
      default:
        throw new RedisRefusal(`ERR unknown subcommand '${what}'`)
    }
  }

  #load(source: string): CompiledScript {
    const script = compileScript(Buffer.from(source, 'latin1').toString('utf8'))
    this.#scripts.set(script.sha, script)
    return script
  }

  #loaded(sha: string): CompiledScript {
    const script = this.#scripts.get(sha.toLowerCase())
    if (script === undefined) throw new RedisRefusal('NOSCRIPT No matching script. Please use EVAL.')
    return script
  }

  #run(script: CompiledScript, [count = '', ...rest]: readonly string[]): Reply {
    if (this.trouble === 'TRYAGAIN') throw new RedisRefusal(TROUBLES.TRYAGAIN)
    const keyCount = countOf(count)
    if (keyCount > rest.length) throw new RedisRefusal("ERR Number of keys can't be greater than number of args")
    const call = (command: string, args: readonly string[]) => this.#callFromScript(command.toUpperCase(), args)
    return runScript({ script, keys: rest.slice(0, keyCount), args: rest.slice(keyCount), call })
  }

  #callFromScript(command: string, args: readonly string[]): Reply {
    if (command === 'TIME') return this.#time()
    if (command === 'INFO') return this.#info()
    if (['EVAL', 'EVALSHA', 'SCRIPT', 'WAIT'].includes(command)) {
      throw new RedisRefusal('ERR This Redis command is not allowed from script')
    }
    return this.#runCommand(command, args)
  }

  #runCommand(name: string, args: readonly string[]): Reply {
    const command = COMMANDS[name]
    if (command === undefined) throw new RedisRefusal(`ERR unknown command '${name}'`)
    const { arity } = command
    if (arity > 0 ? args.length + 1 !== arity : args.length + 1 < -arity) {
      throw new RedisRefusal(`ERR wrong number of arguments for '${name.toLowerCase()}' command`)
    }
    if (command.writes) this.#refuseInTrouble(command)
    const reply = command.run(this.#keys, args)
    if (command.writes) this.#writing?.push([name, ...args])
    return reply
  }

  /** A script that has written already may write on when memory is full, so that it is not cut in two. */
  #refuseInTrouble({ frees = false }: RedisCommand): void {
    const hasWritten = (this.#writing?.length ?? 0) > 0
    if (this.trouble === 'READONLY') throw new RedisRefusal(TROUBLES.READONLY)
    if (this.trouble === 'OOM' && !frees && !hasWritten) throw new RedisRefusal(TROUBLES.OOM)
  }
}

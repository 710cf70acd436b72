import { createHash } from 'node:crypto'
import { compileLua, type LuaChunk } from '../lua/lua-compiler.ts'
import { luaLibrary } from '../lua/lua-library.ts'
import { general, keyText, LuaError, LuaTable, type LuaValue, tableOf } from '../lua/lua-value.ts'
import { RedisRefusal, RedisStatus, type Reply } from './reply.ts'

export interface CompiledScript {
  readonly sha: string
  readonly source: string
  readonly chunk: LuaChunk
}

const compiled = new Map<string, CompiledScript>()

/** Compiled once, whichever server runs it. @throws RedisRefusal where it is no Lua 5.1 */
export function compileScript(source: string): CompiledScript {
  const known = compiled.get(source)
  if (known !== undefined) return known
  const sha = createHash('sha1').update(source, 'utf8').digest('hex')
  try {
    const script = { sha, source, chunk: compileLua(source) }
    compiled.set(source, script)
    return script
  } catch (error) {
    throw new RedisRefusal(`ERR Error compiling script (new function): ${String(error)}`)
  }
}

export interface ScriptRun {
  readonly script: CompiledScript
  readonly keys: readonly string[]
  readonly args: readonly string[]
  readonly call: (command: string, args: readonly string[]) => Reply
}

/** Runs a script. What it wrote before it failed stays written, as in Redis. */
export function runScript({ script, keys, args, call }: ScriptRun): Reply {
  const globals = new Globals(luaLibrary())
  globals.library.set('KEYS', LuaTable.of(keys))
  globals.library.set('ARGV', LuaTable.of(args))
  globals.library.set('redis', redisLibrary(call))
  try {
    return toReply(script.chunk(globals)()[0])
  } catch (error) {
    throw toRefusal(error)
  }
}

/** No script may make a global, nor read one that is not there. */
class Globals extends LuaTable {
  readonly library: LuaTable

  constructor(library: LuaTable) {
    super()
    this.library = library
  }

  override get(key: LuaValue): LuaValue {
    const value = this.library.get(key)
    if (value === undefined) throw new LuaError(`Script attempted to access nonexistent global variable '${keyText(key)}'`)
    return value
  }

  override set(key: LuaValue): void {
    throw new LuaError(`Attempt to modify a readonly table (global '${keyText(key)}')`)
  }
}

function redisLibrary(call: ScriptRun['call']): LuaTable {
  const run = (args: readonly LuaValue[]): LuaValue => {
    const [command = '', ...rest] = args.map(toArgument)
    return fromReply(call(command, rest))
  }
  const single = (field: string) => (text: LuaValue) => [tableOf([], [[field, text]])]
  return tableOf(
    [],
    [
      ['call', (...args) => [protect(() => run(args))]],
      ['pcall', (...args) => [caught(() => run(args))]],
      ['error_reply', single('err')],
      ['status_reply', single('ok')],
      ['sha1hex', (text) => [createHash('sha1').update(toArgument(text), 'latin1').digest('hex')]],
      ['log', () => []],
      ['replicate_commands', () => [true]],
      ['LOG_NOTICE', 2],
      ['LOG_WARNING', 3],
    ],
  )
}

function toArgument(value: LuaValue): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'number') throw new LuaError('ERR Lua redis lib command arguments must be strings or integers')
  return Number.isSafeInteger(value) ? String(value) : general(value, 17)
}

function protect(run: () => LuaValue): LuaValue {
  try {
    return run()
  } catch (error) {
    throw error instanceof RedisRefusal ? new LuaError(errorTable(error)) : error
  }
}

function caught(run: () => LuaValue): LuaValue {
  try {
    return run()
  } catch (error) {
    if (error instanceof RedisRefusal) return errorTable(error)
    throw error
  }
}

function errorTable({ message }: RedisRefusal): LuaTable {
  return tableOf([], [['err', message]])
}

function fromReply(reply: Reply): LuaValue {
  if (reply === null) return false
  if (reply instanceof RedisStatus) return tableOf([], [['ok', reply.text]])
  return typeof reply === 'object' ? LuaTable.of(reply.map(fromReply)) : reply
}

/** Numbers lose their fraction, `true` is 1, `false` and nil are null, and a nil ends a list. */
function toReply(value: LuaValue): Reply {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) + 0 : -(2 ** 63)
  if (value === true) return 1
  if (!(value instanceof LuaTable)) return null
  const [error, status] = [value.get('err'), value.get('ok')]
  if (typeof error === 'string') throw new RedisRefusal(error)
  if (typeof status === 'string') return new RedisStatus(status)
  return value.list.map(toReply)
}

function toRefusal(error: unknown): RedisRefusal {
  if (error instanceof RedisRefusal) return error
  if (!(error instanceof LuaError)) throw error
  const told = error.value instanceof LuaTable ? error.value.get('err') : undefined
  if (typeof told === 'string') return new RedisRefusal(told)
  return new RedisRefusal(`ERR ${error.message}`)
}

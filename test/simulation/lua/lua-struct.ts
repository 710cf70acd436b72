import { LuaError, type LuaFunction, type LuaValue } from './lua-value.ts'

/** The struct library of Redis, as far as little-endian doubles go. */
export const STRUCT: Readonly<Record<string, LuaFunction>> = {
  pack: (format, ...values) => [packed(doublesIn(format), values)],
  unpack: (format, text, from) => unpacked(doublesIn(format), text, from === undefined ? 1 : Number(from)),
  size: (format) => [doublesIn(format) * 8],
}

function doublesIn(format: LuaValue): number {
  if (typeof format !== 'string' || !/^<d*$/.test(format)) throw new LuaError('only formats of little-endian doubles are simulated')
  return format.length - 1
}

function packed(count: number, values: readonly LuaValue[]): string {
  const bytes = Buffer.alloc(count * 8)
  for (let i = 0; i < count; i++) {
    const value = values[i]
    if (typeof value !== 'number') throw new LuaError('bad argument to pack (number expected)')
    bytes.writeDoubleLE(value, i * 8)
  }
  return bytes.toString('latin1')
}

/** The numbers, and behind them the place where the next would begin. */
function unpacked(count: number, text: LuaValue, from: number): readonly LuaValue[] {
  if (typeof text !== 'string' || text.length < from - 1 + count * 8) throw new LuaError('data string too short')
  const bytes = Buffer.from(text, 'latin1')
  const numbers = Array.from({ length: count }, (_, i) => bytes.readDoubleLE(from - 1 + i * 8))
  return [...numbers, from + count * 8]
}

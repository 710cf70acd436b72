import type { ChargedTokens, TokenCounts, Usage, Used } from '../../domain/usage/usage.ts'
import { fromJson, hasFields, integer, type Row, text } from './row.ts'

/*
 * What a call's row has of its usage: the five parts that most calls have stand in columns, with how it is known (`usage_kind`,
 * `why`). Where that is not all, the column `usage` has the whole of it as JSON, but for what the provider itself reported, which is
 * `raw`: so a plain call costs neither time nor room for it.
 */

/** @returns null where the columns say all of it */
export function usageText(usage: Usage, tokens: ChargedTokens): string | null {
  if (usage.kind === 'none' || isInColumns(usage, tokens)) return null
  const { counts, billing, others } = usage
  return JSON.stringify({ counts, billing, others })
}

/** What the provider itself reported; null where nothing was kept. */
export function rawText(usage: Usage): string | null {
  return usage.kind === 'none' ? null : (usage.raw ?? null)
}

/** True where the columns have its counts as they were reported, and there is nothing beside them. */
function isInColumns({ counts, billing, others }: Used, tokens: ChargedTokens): boolean {
  const { input = {}, output = {}, webSearches, audioSeconds, requests } = counts
  const isPlain = billing === undefined && others === undefined
  if (!isPlain || webSearches !== undefined || audioSeconds !== undefined || requests !== undefined) return false
  return areOf(input, INPUT_COLUMNS, tokens.input) && areOf(output, OUTPUT_COLUMNS, tokens.output)
}

const INPUT_COLUMNS: ReadonlySet<string> = new Set(['total', 'cached', 'cacheWrite'])
const OUTPUT_COLUMNS: ReadonlySet<string> = new Set(['total', 'reasoning'])

/** True where all that was counted has a column, and is charged as it was counted. */
function areOf<T extends object>(counts: Partial<T>, columns: ReadonlySet<string>, charged: T): boolean {
  for (const name in counts) {
    const count = counts[name]
    if (count !== undefined && (!columns.has(name) || count !== charged[name])) return false
  }
  return true
}

const isUsed = hasFields<Used>('counts')

/** A call's usage as its row has it: it is charged what it was charged, part for part. */
export function usageOfRow(row: Row): Usage {
  const kind = text(row, 'usage_kind')
  if (kind === 'none') return { kind }
  const raw = row['raw']
  const used: Used = {
    ...(typeof row['usage'] === 'string' ? fromJson(row['usage'], isUsed) : { counts: countsOf(row) }),
    ...(typeof raw === 'string' ? { raw } : {}),
  }
  return kind === 'reported' ? { kind, ...used } : { kind: 'estimated', ...used, why: text(row, 'why') }
}

/** A part of which there was nothing is not told from one that was not named. */
function countsOf(row: Row): TokenCounts {
  const part = (name: string, column: string) => (integer(row, column) === 0 ? {} : { [name]: integer(row, column) })
  return {
    input: { total: integer(row, 'input'), ...part('cached', 'cached_input'), ...part('cacheWrite', 'cache_write') },
    output: { total: integer(row, 'output'), ...part('reasoning', 'reasoning') },
  }
}

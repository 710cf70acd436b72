import { isModelPath, isPathId } from './path-value.ts'
import type { PathValues } from '../providers/provider.ts'

/** A path in which `{name}` stands for a segment, or for a part of one. */
export interface PathTemplate {
  /** What the names stand for in that path, decoded; undefined where it does not match. */
  readonly match: (path: string) => PathValues | undefined
  /** The path with these values in it, encoded. */
  readonly fill: (values: PathValues) => string
}

const NAME = /\{(\w+)\}/

/** @param template such as `/v1beta/models/{model}:countTokens` */
export function pathTemplate(template: string): PathTemplate {
  const parts = template.split(NAME)
  const names = parts.filter((_, i) => i % 2 === 1)
  const pattern = new RegExp(`^${parts.map((part, i) => (i % 2 === 1 ? VALUE : RegExp.escape(part))).join('')}$`)
  return {
    match: (path) => {
      const found = pattern.exec(path)
      if (found === null) return undefined
      const values: Record<string, string> = {}
      for (const [i, name] of names.entries()) {
        const value = valueOf(name, found[i + 1] ?? '')
        if (value === undefined) return undefined
        values[name] = value
      }
      return values
    },
    fill: (values) => parts.map((part, i) => (i % 2 === 1 ? encodeURIComponent(values[part] ?? '') : part)).join(''),
  }
}

const VALUE = '([^/]+?)'

/** Decoded once; undefined where it can't be decoded, or can't be such a value. */
function valueOf(name: string, encoded: string): string | undefined {
  try {
    const value = decodeURIComponent(encoded)
    return (name === 'model' ? isModelPath(value) : isPathId(value)) ? value : undefined
  } catch {
    return undefined
  }
}

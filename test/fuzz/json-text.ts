import type { Random } from '../simulation/random.ts'

/** JSON that need not be right: an object may have a name twice, and any text may stand in the place of a value. */
export type Node = string | number | boolean | null | readonly Node[] | Members | Raw

/** An object: its members in their order, also those whose name stands there twice. */
export interface Members {
  readonly members: (readonly [name: string, value: Node])[]
}

/** Text that stands there as it is. */
interface Raw {
  readonly raw: string
}

export function object(members: Readonly<Record<string, Node>>): Members {
  return { members: Object.entries(members) }
}

export function raw(text: string): Raw {
  return { raw: text }
}

export function isMembers(node: Node | undefined): node is Members {
  return typeof node === 'object' && node !== null && 'members' in node
}

function isList(node: Node | undefined): node is readonly Node[] {
  return Array.isArray(node)
}

/** How a JSON text is written; all ways mean the same. */
export interface Style {
  /** Between any two tokens. */
  readonly space: () => string
  /** A name or a text, with its quotes. */
  readonly quoted: (text: string) => string
}

const PLAIN: Style = { space: () => '', quoted: (text) => JSON.stringify(text) }

/** With spaces, and with letters that are written as `\u006d`. */
export function oddStyle(random: Random): Style {
  return {
    space: () => (random.chance(0.2) ? random.pick([' ', '\n', '\t', '\r\n  ']) : ''),
    quoted: (text) => (text.length < 40 && random.chance(0.3) ? escaped(text) : JSON.stringify(text)),
  }
}

/** Each character as an escape. */
function escaped(text: string): string {
  return `"${[...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
}

export function jsonText(node: Node, style: Style = PLAIN): string {
  const { space, quoted } = style
  if (typeof node === 'string') return quoted(node)
  if (typeof node === 'number' || typeof node === 'boolean' || node === null) return String(node)
  if (isList(node)) return `[${node.map((item) => space() + jsonText(item, style)).join(',')}${space()}]`
  if (!isMembers(node)) return 'raw' in node ? node.raw : ''
  const written = node.members.map(([name, value]) => `${space()}${quoted(name)}${space()}:${space()}${jsonText(value, style)}`)
  return `{${written.join(',')}${space()}}`
}

/** All objects of a tree, the outermost first. */
export function objectsIn(node: Node): readonly Members[] {
  if (isList(node)) return node.flatMap(objectsIn)
  return isMembers(node) ? [node, ...node.members.flatMap(([, value]) => objectsIn(value))] : []
}

/** A tree of one's own to change. */
export function copyOf(node: Node): Node {
  if (isList(node)) return node.map(copyOf)
  return isMembers(node) ? { members: node.members.map(([name, value]) => [name, copyOf(value)] as const) } : node
}

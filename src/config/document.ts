import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, type Pair, parseDocument, type YAMLError } from 'yaml'
import { type Environment, replaceVariables } from './environment.ts'
import { type Path, Scalar, type Tree } from './tree.ts'

/** 1-based, as editors count. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Something wrong with a document, where it is in the tree and in the text. */
export interface Finding extends Place {
  readonly path: Path
  readonly message: string
}

/** A config file's text as a tree of scalars that keep their source text, with the place of everything in it. */
export interface ConfigDocument {
  readonly tree: Tree
  readonly findings: readonly Finding[]
  /** True where the text is no YAML, so that the tree says nothing. */
  readonly isBroken: boolean
  /** The place of the value at that path, or of the nearest thing around it where there is none. */
  readonly placeOf: (path: Path) => Place
  /** The place of the key that ends the path. */
  readonly placeOfKey: (path: Path) => Place
}

/** Aliases may stand for aliases: without a bound, a few lines would make a tree of any size, or one without an end. */
const ALIASES_MAX = 1000

const WITHOUT_ANCHOR = 'an alias without its anchor before it; put text that begins with * or & into quotes'

// What these errors say would quote the text, which may be a secret, or speak to programmers.
const WITHOUT_QUOTES: Readonly<Record<string, string>> = {
  TAG_RESOLVE_FAILED: 'a tag that is not known; put text that begins with ! into quotes',
  BAD_ALIAS: WITHOUT_ANCHOR,
  BAD_DIRECTIVE: 'a directive that is not known; put text that begins with % into quotes',
  MULTIPLE_DOCS: 'a second document begins here; a file holds one config',
  BAD_DQ_ESCAPE: 'an escape sequence that is not known; write \\\\ for a backslash, or use single quotes',
}

/** Reads YAML, or JSON (which is a part of YAML), and replaces `${VAR}` inside its text values. Never throws. */
export function readDocument(source: string, env: Environment): ConfigDocument {
  const text = source.replace(/^\uFEFF/, '')
  const toPlace = placesIn(text)
  const document = parseDocument(text, { prettyErrors: false })
  const errors = [...document.errors, ...document.warnings]
  const reader = new TreeReader(document, toPlace, env)
  const isBroken = errors.some(({ code }) => code !== 'DUPLICATE_KEY')
  const tree = isBroken ? undefined : reader.read(document.contents, [])
  return {
    tree,
    findings: [...errors.map((error) => fromYamlError(error, toPlace)), ...reader.findings],
    isBroken,
    placeOf: (path) => placeAround(reader.values, path),
    placeOfKey: (path) => reader.keys.get(JSON.stringify(path)) ?? placeAround(reader.values, path),
  }
}

function fromYamlError(error: YAMLError, toPlace: (offset: number) => Place): Finding {
  const own = WITHOUT_QUOTES[error.code]
  const told = error.code === 'UNEXPECTED_TOKEN' ? error.message.replace(/: .*$/s, '') : error.message
  const message = error.code === 'DUPLICATE_KEY' ? 'a key that stands here twice; keep one of them' : `not valid YAML: ${own ?? told}`
  return { path: [], message, ...toPlace(error.pos[0]) }
}

/** Where the lines begin is counted here, since the parser's own counter misses some after a syntax error. */
function placesIn(text: string): (offset: number) => Place {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  return (offset) => {
    let [line, beyond] = [0, starts.length]
    while (beyond - line > 1) {
      const middle = (line + beyond) >> 1
      if ((starts[middle] ?? 0) <= offset) line = middle
      else beyond = middle
    }
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 }
  }
}

function placeAround(places: ReadonlyMap<string, Place>, path: Path): Place {
  for (let length = path.length; length >= 0; length--) {
    const place = places.get(JSON.stringify(path.slice(0, length)))
    if (place !== undefined) return place
  }
  return { line: 1, column: 1 }
}

/** A key without a value: the parser places that behind the key. */
function isNothing(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null && !node.source)
}

/** Walks the nodes of one document. */
class TreeReader {
  readonly findings: Finding[] = []
  readonly values = new Map<string, Place>()
  readonly keys = new Map<string, Place>()
  readonly #document: Document.Parsed
  readonly #toPlace: (offset: number) => Place
  readonly #env: Environment
  #aliases = 0

  constructor(document: Document.Parsed, toPlace: (offset: number) => Place, env: Environment) {
    this.#document = document
    this.#toPlace = toPlace
    this.#env = env
  }

  read(node: unknown, path: Path): Tree {
    this.#mark(this.values, node, path)
    if (isMap(node)) return this.#mapping(node.items, path)
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, index]))
    if (isAlias(node)) return this.#resolve(node, path)
    return isScalar(node) ? this.#scalar(node, path) : new Scalar({ kind: 'empty', text: '', isShown: true })
  }

  #mapping(pairs: readonly Pair[], path: Path): Tree {
    const mapping: Record<string, Tree> = Object.create(null)
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? (key.source ?? String(key.value)) : ''
      const keyPath = [...path, name]
      this.#mark(this.keys, key, keyPath)
      if (isScalar(key)) mapping[name] = this.read(value, keyPath)
      else this.#find(key, path, 'a key that is no plain name; keys are names')
      if (isNothing(value)) this.#mark(this.values, key, keyPath)
    }
    return mapping
  }

  #resolve(alias: Alias, path: Path): Tree {
    this.#aliases += 1
    if (this.#aliases > ALIASES_MAX) {
      if (this.#aliases === ALIASES_MAX + 1) this.#find(alias, path, `more than ${ALIASES_MAX} aliases, or an alias of itself`)
      return new Scalar({ kind: 'broken', text: '', isShown: false })
    }
    const target = alias.resolve(this.#document)
    if (target !== undefined) return this.read(target, path)
    this.#find(alias, path, WITHOUT_ANCHOR)
    return new Scalar({ kind: 'broken', text: '', isShown: false })
  }

  #scalar(node: { value: unknown; source?: string | undefined; range?: readonly number[] | null | undefined }, path: Path): Tree {
    const text = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
    const isOneLine = !text.includes('\n') && this.#isOneLine(node.range)
    if (node.value === null) return new Scalar({ kind: 'empty', text: '', isShown: true })
    if (typeof node.value === 'number') return new Scalar({ kind: 'number', text, isShown: true })
    if (typeof node.value === 'boolean') return new Scalar({ kind: 'flag', text, isShown: true })
    const replacement = replaceVariables(text, this.#env)
    if (replacement.kind === 'failed') {
      for (const reason of replacement.reasons) this.#find(node, path, reason)
      return new Scalar({ kind: 'broken', text: '', isShown: false })
    }
    const kind = replacement.text === '' ? 'empty' : 'text'
    return new Scalar({ kind, text: replacement.text, isShown: isOneLine && !replacement.isFromEnv })
  }

  #isOneLine(range: readonly number[] | null | undefined): boolean {
    const [from = 0, to = 0] = range ?? []
    return this.#toPlace(from).line === this.#toPlace(to).line
  }

  #find(node: unknown, path: Path, message: string): void {
    this.findings.push({ path, message, ...(this.#place(node) ?? placeAround(this.values, path)) })
  }

  #mark(places: Map<string, Place>, node: unknown, path: Path): void {
    const place = this.#place(node)
    if (place !== undefined) places.set(JSON.stringify(path), place)
  }

  #place(node: unknown): Place | undefined {
    const hasRange = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node)
    return hasRange && node.range ? this.#toPlace(node.range[0]) : undefined
  }
}

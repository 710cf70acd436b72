import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERROR_CODES } from '../src/http/error-codes.ts'
import type { Endpoint } from '../src/providers/provider.ts'
import { apiShapes } from '../src/providers/registry.ts'

/* The rules of the layout that neither the compiler nor the linter can say. Each test lists all offenders at once. */

const ROOT = join(import.meta.dirname, '..')
const SELF = 'test/architecture.test.ts'
const NOT_OURS = new Set(['node_modules', '.git', '.tsc', 'data', 'coverage', 'dist'])

interface Source {
  /** From the repository's root, with slashes. */
  readonly path: string
  readonly text: string
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(path)
    return entry.isFile() ? [relative(ROOT, path).replaceAll(sep, '/')] : []
  })
}

const read = (path: string): Source => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })
const FILES = filesBelow(ROOT)
const TYPESCRIPT = FILES.filter((path) => /^(?:src|test|bench)\/.*\.ts$/.test(path)).map(read)
const SOURCES = TYPESCRIPT.filter(({ path }) => path.startsWith('src/') && !path.endsWith('.test.ts'))
const DOMAIN = SOURCES.filter(({ path }) => path.startsWith('src/domain/'))

const linesOf = (text: string): readonly string[] => text.replace(/\n$/, '').split('\n')

/** The text without its comments; strings stay, also those that look like comments. */
function withoutComments(text: string): string {
  return text.replaceAll(/(["'`])(?:\\.|(?!\1)[^\\])*\1|\/\/.*|\/\*[\s\S]*?\*\//g, (match) => (match.startsWith('/') ? '' : match))
}

/** What a file names by `import` or `export … from`, types included, by `import()` and by `new URL()`, as written. */
function importsOf({ text }: Source): readonly string[] {
  const code = withoutComments(text)
  const declared = code.matchAll(/^(?:import|export)\b(?:[^'";]*?\bfrom\s*)?\s*['"]([^'"]+)['"]/gm)
  const others = code.matchAll(/\b(?:import|new URL)\(\s*['"]([^'"]+)['"]/g)
  return [...declared, ...others].map((match) => match[1] ?? '')
}

/** The files of ours that a file names. */
function ownImportsOf(source: Source): readonly string[] {
  return importsOf(source)
    .filter((name) => name.startsWith('.') && name.endsWith('.ts'))
    .map((name) => relative(ROOT, join(ROOT, dirname(source.path), name)).replaceAll(sep, '/'))
}

/** Lower knows nothing of higher, and what stands side by side does not know each other. */
const LAYERS: readonly (readonly string[])[] = [
  ['domain'],
  ['engine'],
  ['stores', 'providers', 'http', 'alerts', 'config'],
  ['gateway', 'api', 'cli', 'demo', 'server'],
  ['open-store.ts', 'tick-shape.ts'],
  ['compose.ts'],
  ['handover.ts', 'parent.ts'],
  ['serve.ts', 'demo-gateway.ts'],
  ['main.ts'],
]

/** A folder below src, or a file right in it. */
const partOf = (path: string): string => path.split('/')[1] ?? ''
const layerOf = (path: string): number => LAYERS.findIndex((parts) => parts.includes(partOf(path)))

describe('the layout', () => {
  test('the search for imports finds them in every form', () => {
    const text = `import a from './a.ts'\nimport type {\n  B,\n} from './b.ts'\nexport { c } from "./c.ts"\nimport './d.ts'\nexport type * from './e.ts'
      // import x from './x.ts'\nconst f = await import('./f.ts')\nnew Worker(new URL('./g.ts', import.meta.url))\nexport const y = 1`
    expect(ownImportsOf({ path: 'src/y/z.ts', text })).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `src/y/${name}.ts`))
    expect(SOURCES.flatMap(ownImportsOf).length).toBeGreaterThan(100)
  })

  test('every source file has its layer', () => {
    expect(SOURCES.filter(({ path }) => layerOf(path) === -1).map(({ path }) => path)).toEqual([])
  })

  test('imports point downwards, and siblings do not know each other', () => {
    const wrong = SOURCES.flatMap((source) =>
      ownImportsOf(source)
        .filter((target) => partOf(target) !== partOf(source.path) && layerOf(target) >= layerOf(source.path))
        .map((target) => `${source.path} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  test('no source file imports from outside of src', () => {
    const wrong = SOURCES.flatMap((source) =>
      ownImportsOf(source).flatMap((target) => (target.startsWith('src/') ? [] : [`${source.path} imports ${target}`])),
    )
    expect(wrong).toEqual([])
  })

  test('only the composition and the command line name an adapter', () => {
    const isAdapter = (path: string) => /^src\/(?:stores|alerts|providers)\//.test(path) && path !== 'src/providers/provider.ts'
    const mayName = (path: string) => ['open-store.ts', 'compose.ts', 'main.ts', 'cli'].includes(partOf(path))
    const wrong = SOURCES.filter(({ path }) => !mayName(path)).flatMap((source) =>
      ownImportsOf(source)
        .filter((target) => isAdapter(target) && partOf(target) !== partOf(source.path))
        .map((target) => `${source.path} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  test('no file or folder is named for nothing', () => {
    const banned = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'shared', 'misc', 'manager', 'base', 'core', 'mapper'])
    const names = TYPESCRIPT.flatMap(({ path }) => path.split('/').map((name) => ({ path, name: name.replace(/\..*$/, '') })))
    const wrong = names.filter(({ name }) => name === 'index' || name.split('-').some((word) => banned.has(word)))
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  test('files are named in kebab case', () => {
    expect(
      TYPESCRIPT.filter(({ path }) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)*\.ts$/.test(basename(path))).map(({ path }) => path),
    ).toEqual([])
  })

  /** Tables and schemas that may be longer than 400 lines, each with its reason. */
  const LONGER: ReadonlyMap<string, string> = new Map([])

  test('no source file is longer than 400 lines', () => {
    const long = SOURCES.filter(({ text }) => linesOf(text).length > 400).map(({ path }) => path)
    expect(long).toEqual([...LONGER.keys()])
  })
})

describe('the domain is pure', () => {
  test('it imports nothing from outside of itself', () => {
    const wrong = DOMAIN.flatMap((source) =>
      importsOf(source)
        .filter((name) => !join(dirname(source.path), name).startsWith('src/domain/') || !name.startsWith('.'))
        .map((name) => `${source.path}: ${name}`),
    )
    expect(wrong).toEqual([])
  })

  test('it knows no clock, no chance, no process and no waiting', () => {
    const impure =
      /\b(?:Date|Math\.random|crypto|performance|process|globalThis|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|Promise|await|async)\b|Temporal\.Now/
    const wrong = DOMAIN.flatMap(({ path, text }) =>
      linesOf(withoutComments(text))
        .filter((line) => impure.test(line.replaceAll(/'[^']*'/g, '')))
        .map((line) => `${path}: ${line.trim()}`),
    )
    expect(wrong).toEqual([])
  })

  test('only period.ts knows the calendar', () => {
    expect(DOMAIN.filter(({ text }) => withoutComments(text).includes('Temporal')).map(({ path }) => path)).toEqual([
      'src/domain/budgets/period.ts',
    ])
  })

  test('its accounts, the atomic core, have fewer than 1,500 lines in all', () => {
    const accounts = DOMAIN.filter(({ path }) => path.startsWith('src/domain/accounts/'))
    const lines = accounts.reduce((sum, { text }) => sum + linesOf(text).length, 0)
    expect(lines).toBeGreaterThan(300)
    expect(lines).toBeLessThan(1500)
  })
})

test('every exported function of domain and engine says what it promises', () => {
  const exported = /^export (?:async )?function\*? (\w+)|^export const (\w+)[^=]*= (?:async )?\(/
  const wrong = SOURCES.filter(({ path }) => /^src\/(?:domain|engine)\//.test(path)).flatMap(({ path, text }) => {
    const lines = linesOf(text)
    return lines
      .filter((line, i) => exported.test(line) && lines[i - 1]?.trimEnd().endsWith('*/') !== true)
      .map((line) => `${path}: ${line}`)
  })
  expect(wrong).toEqual([])
})

describe('nothing is left lying about', () => {
  const offenders = (files: readonly Source[], pattern: RegExp) =>
    files.flatMap(({ path, text }) =>
      linesOf(text).flatMap((line, i) => (path !== SELF && pattern.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 120)}`] : [])),
    )
  const texts = FILES.filter((path) => /\.(?:ts|tsx|js|json|md|yaml|yml|sql|lua|html|css)$|^(?:\.ci\/|bin\/|LICENSE)/.test(path)).map(read)

  test('no test runs alone', () => {
    expect(offenders(TYPESCRIPT, /\b(?:test|it|describe|suite|bench)(?:\.\w+)*\.only\b/)).toEqual([])
  })

  test('no work is left as a note', () => {
    expect(offenders(TYPESCRIPT, /\b(?:TODO|FIXME)\b/)).toEqual([])
  })

  test('every page of the documentation that a text names is there', () => {
    const named = texts.flatMap(({ path, text }) => [...text.matchAll(/\bdocs\/[\w/.-]+\.md\b/g)].map(([page]) => ({ path, page })))
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter(({ page }) => !existsSync(join(ROOT, page)))).toEqual([])
  })

  test('no file speaks of the place where it was written', () => {
    expect(texts.length).toBeGreaterThan(100)
    expect(offenders(texts, /(?<![\w.])\/work\/|\bissue #|\/tmp\/[a-z]+-brief/i)).toEqual([])
  })
})

describe('no bypass', () => {
  const endpoints: readonly Endpoint[] = apiShapes.flatMap((shape) => shape.endpoints)

  test('every endpoint says how it is admitted', () => {
    expect(endpoints.length).toBeGreaterThanOrEqual(7)
    const wrong = endpoints.filter(({ admission }) => !isAdmissionRule(admission)).map(({ name }) => name)
    expect(wrong).toEqual([])
  })

  test('what is not counted is listed here by its path; everything else is', () => {
    const free = apiShapes.flatMap(({ api, endpoints }) =>
      endpoints.filter(({ admission }) => admission.kind === 'free').map(({ method, path }) => `${api} ${method} ${path}`),
    )
    expect(free.toSorted((a, b) => a.localeCompare(b))).toEqual(FREE)
  })

  test('no path of an API is listed twice, and one that two APIs share is counted in both or in none', () => {
    const routes = apiShapes.flatMap(({ api, endpoints }) => endpoints.map(({ method, path }) => `${api} ${method} ${path}`))
    expect(new Set(routes).size).toBe(routes.length)
    const kinds = new Set(endpoints.map(({ method, path, admission }) => `${method} ${path} ${admission.kind}`))
    expect(kinds.size).toBe(new Set(endpoints.map(({ method, path }) => `${method} ${path}`)).size)
  })
})

/** Endpoints that providers do not charge for: lists of models, counts of tokens, moderations, files, what became of work. */
const FREE: readonly string[] = [
  'anthropic DELETE /v1/messages/batches/{id}',
  'anthropic GET /v1/messages/batches',
  'anthropic GET /v1/messages/batches/{id}',
  'anthropic GET /v1/messages/batches/{id}/results',
  'anthropic GET /v1/models',
  'anthropic GET /v1/models/{model}',
  'anthropic POST /v1/messages/batches/{id}/cancel',
  'anthropic POST /v1/messages/count_tokens',
  'azure DELETE /openai/files/{id}',
  'azure DELETE /openai/responses/{id}',
  'azure DELETE /openai/v1/files/{id}',
  'azure DELETE /openai/v1/responses/{id}',
  'azure GET /openai/batches',
  'azure GET /openai/batches/{id}',
  'azure GET /openai/files',
  'azure GET /openai/files/{id}',
  'azure GET /openai/files/{id}/content',
  'azure GET /openai/models',
  'azure GET /openai/responses/{id}',
  'azure GET /openai/v1/batches',
  'azure GET /openai/v1/batches/{id}',
  'azure GET /openai/v1/files',
  'azure GET /openai/v1/files/{id}',
  'azure GET /openai/v1/files/{id}/content',
  'azure GET /openai/v1/models',
  'azure GET /openai/v1/responses/{id}',
  'azure POST /openai/batches/{id}/cancel',
  'azure POST /openai/files',
  'azure POST /openai/responses/{id}/cancel',
  'azure POST /openai/v1/batches/{id}/cancel',
  'azure POST /openai/v1/files',
  'azure POST /openai/v1/responses/{id}/cancel',
  'bedrock POST /model/{model}/count-tokens',
  'cohere POST /v1/tokenize',
  'gemini GET /v1beta/interactions/{id}',
  'gemini GET /v1beta/models',
  'gemini GET /v1beta/models/{model}',
  'gemini POST /v1/models/{model}:countTokens',
  'gemini POST /v1alpha/models/{model}:countTokens',
  'gemini POST /v1beta/models/{model}:countTokens',
  'ollama GET /api/ps',
  'ollama GET /api/tags',
  'ollama GET /api/version',
  'ollama POST /api/show',
  'openai DELETE /v1/files/{id}',
  'openai DELETE /v1/responses/{id}',
  'openai GET /v1/batches',
  'openai GET /v1/batches/{id}',
  'openai GET /v1/files',
  'openai GET /v1/files/{id}',
  'openai GET /v1/files/{id}/content',
  'openai GET /v1/models',
  'openai GET /v1/models/{model}',
  'openai GET /v1/responses/{id}',
  'openai POST /v1/batches/{id}/cancel',
  'openai POST /v1/files',
  'openai POST /v1/moderations',
  'openai POST /v1/responses/{id}/cancel',
  'openai POST /v1/responses/input_tokens',
  'vertex POST /v1/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:countTokens',
  'vertex POST /v1/projects/{project}/locations/{location}/publishers/anthropic/models/count-tokens:rawPredict',
  'vertex POST /v1/publishers/{publisher}/models/{model}:countTokens',
  'vertex POST /v1beta1/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:countTokens',
  'vertex POST /v1beta1/projects/{project}/locations/{location}/publishers/anthropic/models/count-tokens:rawPredict',
  'vertex POST /v1beta1/publishers/{publisher}/models/{model}:countTokens',
]

function isAdmissionRule(admission: Endpoint['admission'] | undefined): boolean {
  if (admission?.kind === 'batch') return typeof admission.requestsIn === 'function' && typeof admission.job.read === 'function'
  if (admission?.kind !== 'metered') return admission?.kind === 'free'
  const { readRequest, prepare, estimateInput, readAnswer, readStream } = admission
  return [readRequest, prepare, estimateInput, readAnswer, readStream].every((part) => typeof part === 'function')
}

describe('every error code is documented', () => {
  const page = read('docs/reference/errors.md').text
  const rows = [...page.matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm)].map(([, status, code]) => [code, Number(status)] as const)

  test('the table of the page and the table of the code are the same, with the same HTTP status', () => {
    const codes = Object.entries(ERROR_CODES).map(([code, { status }]) => [code, status] as const)
    const byCode = (a: readonly [string | undefined, number], b: readonly [string | undefined, number]) =>
      (a[0] ?? '').localeCompare(b[0] ?? '')
    expect(rows.toSorted(byCode)).toEqual(codes.toSorted(byCode))
  })

  test('the code of every failure is on the page', () => {
    const union = /export type FailureCode =([^\n]*(?:\n {2}\|[^\n]*)*)/.exec(read('src/engine/failure.ts').text)?.[1] ?? ''
    const failures = [...union.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '')
    expect(failures.length).toBeGreaterThan(3)
    expect(failures.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
  })
})

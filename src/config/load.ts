import { readFileSync } from 'node:fs'
import { Failure } from '../engine/failure.ts'
import type { Config } from './config.ts'
import { findInconsistencies } from './consistency.ts'
import { type ConfigDocument, type Finding, type Place, readDocument } from './document.ts'
import type { Environment } from './environment.ts'
import { isIssueAtKey, type RuleFinding } from './field.ts'
import { configSchema, type ConfigInput } from './schema.ts'
import { toConfig } from './to-config.ts'
import { formatPath } from './tree.ts'

/** One thing that is wrong in a config file. Quotes no secret. */
export interface ConfigError extends Place {
  /** Where it is in the config: `budgets[1].period`; empty where the text is no YAML. */
  readonly path: string
  /** What was found, what was expected, and what was probably meant. */
  readonly message: string
}

export type ParsedConfig =
  | { readonly kind: 'ok'; readonly config: Config }
  /** All errors, in the order of the file; never empty. */
  | { readonly kind: 'invalid'; readonly errors: readonly ConfigError[] }

export interface ConfigSource {
  /** The file's path: relative paths in the config are relative to its directory. */
  readonly path: string
  readonly env: Environment
}

/** A config that can't be used; the message names each error with its line, or says why there is no file. */
export class ConfigInvalid extends Failure {
  /** Empty where the file could not be read. */
  readonly errors: readonly ConfigError[]

  constructor(message: string, { errors = [], cause }: { readonly errors?: readonly ConfigError[]; readonly cause?: unknown } = {}) {
    super('invalid_config', message, cause)
    this.errors = errors
  }
}

/**
 * Reads a config file, YAML or JSON.
 * @throws ConfigInvalid where the file can't be read, or has errors (all of them are in the message)
 */
export function loadConfig(path: string, env: Environment): Config {
  const parsed = parseConfig(readText(path), { path, env })
  if (parsed.kind === 'ok') return parsed.config
  throw new ConfigInvalid(formatConfigErrors(path, parsed.errors), { errors: parsed.errors })
}

/** Reads a config's text, YAML or JSON. Never throws: all that is wrong is in `errors`. */
export function parseConfig(text: string, { path, env }: ConfigSource): ParsedConfig {
  const document = readDocument(text, env)
  const { findings, input } = document.isBroken ? { findings: [], input: undefined } : readTree(document)
  const errors = [...document.findings, ...findings].map(toError).sort((a, b) => a.line - b.line || a.column - b.column)
  return input === undefined || errors.length > 0 ? { kind: 'invalid', errors } : { kind: 'ok', config: toConfig(input, { path, env }) }
}

/** One line for each error: `bursar.yaml:12:5  budgets[1].perid: unknown key; did you mean "period"?` */
export function formatConfigErrors(path: string, errors: readonly ConfigError[]): string {
  return errors
    .map((error) => `${path}:${error.line}:${error.column}  ${error.path === '' ? '' : `${error.path}: `}${error.message}`)
    .join('\n')
}

function readTree(document: ConfigDocument): { readonly findings: readonly Finding[]; readonly input: ConfigInput | undefined } {
  const { tree } = document
  const result = configSchema.safeParse(document.tree)
  const issues = (result.error?.issues ?? []).map((issue): RuleFinding => {
    const path = issue.path.filter((step) => typeof step !== 'symbol')
    return { path, message: issue.message, isAtKey: isIssueAtKey(issue) }
  })
  const findings = [...issues, ...findInconsistencies(tree)].map((finding) => place(document, finding))
  return { findings, input: result.data }
}

function place(document: ConfigDocument, { path, message, isAtKey = false }: RuleFinding): Finding {
  return { path, message, ...(isAtKey ? document.placeOfKey(path) : document.placeOf(path)) }
}

function toError({ path, message, line, column }: Finding): ConfigError {
  return { line, column, path: formatPath(path), message }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    const why = code === 'ENOENT' ? 'there is no such file; "bursar init" writes a first one' : `it can't be read (${code})`
    throw new ConfigInvalid(`${path}: ${why}`, { cause: error })
  }
}

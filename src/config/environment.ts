/** The variables of a process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>

export type Replacement =
  | { readonly kind: 'ok'; readonly text: string; readonly isFromEnv: boolean }
  /** Why it could not be replaced, one line for each place; none of them quotes the text, which may be a secret. */
  | { readonly kind: 'failed'; readonly reasons: readonly string[] }

const REFERENCE = /\$\$\{|\$\{(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[^}]*))?\}|\$\{/g

/**
 * Replaces `${VAR}` by the variable's value, and `${VAR:-default}` by the default where the variable is unset or empty (as a
 * shell does). What comes in is not read again. `$${` stands for `${`. A default ends at the first `}`.
 */
export function replaceVariables(text: string, env: Environment): Replacement {
  const reasons: string[] = []
  let isFromEnv = false
  const replaced = text.replaceAll(REFERENCE, (match: string, name: string | undefined, fallback: string | undefined) => {
    if (match === '$${') return '${'
    const value = name === undefined ? undefined : env[name]
    if (value !== undefined && (value !== '' || fallback === undefined)) {
      isFromEnv = true
      return value
    }
    if (fallback === undefined) reasons.push(whyNot(name))
    return fallback ?? ''
  })
  return reasons.length === 0 ? { kind: 'ok', text: replaced, isFromEnv } : { kind: 'failed', reasons }
}

function whyNot(name: string | undefined): string {
  return name === undefined
    ? 'found "${" without a name and "}" after it, expected ${NAME} or ${NAME:-default}; write $${ for the characters themselves'
    : `the environment variable ${name} is not set; set it, or give a default: \${${name}:-default}`
}

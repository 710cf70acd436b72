/** A test for names by patterns in which `*` stands for any characters, such as `gpt-*`; no pattern matches every name. */
export function globs(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => true
  const sources = patterns.map((pattern) =>
    pattern
      .split('*')
      .map((part) => RegExp.escape(part))
      .join('.*'),
  )
  const expression = new RegExp(`^(?:${sources.join('|')})$`, 's')
  return (name) => expression.test(name)
}

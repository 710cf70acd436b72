/** Triggers that keep a table's rows as they were written. */
export function immutable(table: string): string {
  const trigger = (verb: string) =>
    `CREATE TRIGGER ${table}_no_${verb} BEFORE ${verb} ON ${table} BEGIN SELECT raise(ABORT, '${table} are never changed'); END;`
  return `${trigger('UPDATE')}\n${trigger('DELETE')}`
}

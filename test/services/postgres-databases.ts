import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

/** The Postgres of this run; undefined where there is none, so that tests skip. */
export const postgresUrl = inject('postgresUrl')

/** Databases of this test file. @returns the URL of the one of that name, made where it is missing */
export function useDatabases(): (name: string) => Promise<string> {
  const prefix = `bursar-${randomBytes(4).toString('hex')}`
  const made = new Map<string, Promise<string>>()
  return (name) => {
    const known = made.get(name)
    if (known !== undefined) return known
    const making = makeDatabase(postgresUrl ?? '', `${prefix}-${name}`)
    made.set(name, making)
    return making
  }
}

async function makeDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

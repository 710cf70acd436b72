import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { beforeEach, inject } from 'vitest'

const postgresUrl = inject('postgresUrl')

/** Databases of this test file, whose tests are skipped where there is no Postgres. @returns the URL of the one of that name, made where it is missing */
export function useDatabases(): (name: string) => Promise<string> {
  const prefix = `bursar-${randomBytes(4).toString('hex')}`
  const made = new Map<string, Promise<string>>()
  beforeEach(({ skip }) => skip(postgresUrl === undefined, 'there is no Postgres here'))
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

import type { Command } from 'commander'
import { z } from 'zod'
import { isoInstant } from './argument.ts'
import { type Io, print } from './io.ts'
import type { Server } from './server.ts'
import { shortName, table } from './table.ts'

const key = z.object({
  id: z.string(),
  name: z.string(),
  team: z.string().nullable(),
  project: z.string().nullable(),
  user: z.string().nullable(),
  allow: z.array(z.string()),
  models: z.array(z.string()),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
  managed_by: z.string(),
})

const list = z.object({ keys: z.array(key) })
const issued = key.extend({ secret: z.string() })

interface CreateOptions {
  readonly team?: string
  readonly project?: string
  readonly user?: string
  readonly allow?: string[]
  readonly models?: string[]
  readonly objects?: string
  readonly expires?: string
  readonly json?: boolean
}

/** `bursar keys` */
export function addKeys(program: Command, io: Io, server: () => Server): void {
  const keys = program.command('keys').description('virtual keys: what callers use instead of the provider’s key')
  keys.addHelpText('after', '\nExample:\n  $ bursar keys create batch --team research --project night')
  keys
    .command('list', { isDefault: true })
    .description('all keys')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar keys list')
    .action(async (options: { json?: boolean }) => {
      const found = await server().get('keys')
      print(io, options, found, () => formatKeys(list.parse(found).keys))
    })
  keys
    .command('create')
    .description('make a key; its secret is shown this once')
    .argument('<name>')
    .option('--team <team>')
    .option('--project <project>')
    .option('--user <user>')
    .option('--allow <attribute...>', 'attributes that callers may set: team, project, user, tag.NAME, tag.*')
    .option('--models <pattern...>', 'models that may be used, such as "gpt-*"')
    .option('--objects <whose>', 'files, batches and stored responses that it may reach: own, team, all')
    .option('--expires <instant>', 'ISO 8601', isoInstant)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar keys create batch --team research --allow user tag.*')
    .action(async (name: string, options: CreateOptions) => {
      const { json: _, expires, ...wish } = options
      const made = await server().post('keys', { name, ...wish, ...(expires === undefined ? {} : { expires_at: expires }) })
      print(io, options, made, () => shownOnce(made))
    })
  keys
    .command('rotate')
    .description('a new secret for the same key; what it used stays')
    .argument('<id>')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar keys rotate key-call_1')
    .action(async (id: string, options: { json?: boolean }) => {
      const made = await server().post(`keys/${encodeURIComponent(id)}/rotate`)
      print(io, options, made, () => shownOnce(made))
    })
  keys
    .command('revoke')
    .description('take a key back')
    .argument('<id>')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar keys revoke key-call_1')
    .action(async (id: string, options: { json?: boolean }) => {
      const revoked = await server().post(`keys/${encodeURIComponent(id)}/revoke`)
      print(io, options, revoked, () => `${key.parse(revoked).name} is revoked\n`)
    })
}

function formatKeys(keys: readonly z.infer<typeof key>[]): string {
  if (keys.length === 0) return 'no keys yet: make one with "bursar keys create NAME"\n'
  const head = ['name', 'id', 'counts for', 'callers may set', 'models', 'state']
  return table(
    [head, ...keys.map(toLine)],
    head.map(() => 'left'),
  )
}

function toLine(row: z.infer<typeof key>): string[] {
  const attributes = (['team', 'project', 'user'] as const).flatMap((name) => (row[name] === null ? [] : [`${name} ${row[name]}`]))
  const models = row.models.length === 0 || row.models.includes('*') ? 'all' : row.models.join(', ')
  return [shortName(row.name), row.id, shortName(attributes.join(', ')), shortName(row.allow.join(', ')), shortName(models), stateOf(row)]
}

function stateOf({ revoked_at: revokedAt, expires_at: expiresAt, managed_by: managedBy }: z.infer<typeof key>): string {
  if (revokedAt !== null) return 'revoked'
  const origin = managedBy === 'file' ? 'in the config file' : 'good'
  if (expiresAt === null) return origin
  const minute = `${expiresAt.slice(0, 16).replace('T', ' ')} UTC`
  return Date.parse(expiresAt) <= Date.now() ? `expired ${minute}` : `expires ${minute}`
}

function shownOnce(made: unknown): string {
  const { name, id, secret } = issued.parse(made)
  return `${name} (${id}), shown this once: ${secret}\n`
}

import type { Command } from 'commander'
import { z } from 'zod'
import { countUpTo } from './argument.ts'
import { type Io, paint, print } from './io.ts'
import { query, type Server } from './server.ts'
import { accountName, table } from './table.ts'

const alerts = z.object({
  alerts: z.array(
    z.object({
      at: z.string(),
      name: z.string(),
      account: z.string().nullable(),
      threshold: z.number(),
      deliveries: z.array(z.object({ channel: z.string(), state: z.string(), attempts: z.number(), last_error: z.string() })),
    }),
  ),
})

type Alert = z.infer<typeof alerts>['alerts'][number]

/** `bursar alerts` */
export function addAlerts(program: Command, io: Io, server: () => Server): void {
  const command = program.command('alerts').description('alerts and what became of their deliveries')
  command.addHelpText('after', '\nExample:\n  $ bursar alerts test slack')
  command
    .command('list', { isDefault: true })
    .description('alerts, newest first')
    .option('--limit <count>', 'how many', countUpTo(10_000), '50')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar alerts list --limit 10')
    .action(async (options: { limit: string; json?: boolean }) => {
      const found = await server().get(`alerts${query({ limit: options.limit })}`)
      print(io, options, found, () => formatAlerts(io, alerts.parse(found).alerts))
    })
  command
    .command('test')
    .description('send a test alert to a channel')
    .argument('<channel>', 'its name in the config')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ bursar alerts test slack')
    .action(async (channel: string, options: { json?: boolean }) => {
      const sent = await server().post('alerts/test', { channel })
      print(io, options, sent, () => `the channel "${channel}" took the test alert\n`)
    })
}

function formatAlerts(io: Io, found: readonly Alert[]): string {
  if (found.length === 0) return 'no alert has fired\n'
  const rows = found.map((alert) => [
    alert.at.slice(0, 16).replace('T', ' '),
    accountName(alert),
    alert.threshold === 1 ? 'exhausted' : `${Math.round(alert.threshold * 1000) / 10} %`,
    alert.deliveries.length === 0
      ? paint(io, 'red', 'reached nobody: no channel was set up for it')
      : alert.deliveries.map((delivery) => formatDelivery(io, delivery)).join('; '),
  ])
  return table(rows, ['left', 'left', 'right', 'left'])
}

function formatDelivery(io: Io, { channel, state, attempts, last_error: error }: Alert['deliveries'][number]): string {
  if (state === 'delivered') return `${channel} delivered`
  const text = `${channel} ${state} after ${attempts} tries${error === '' ? '' : `: ${error}`}`
  return paint(io, state === 'dead' ? 'red' : 'yellow', text)
}

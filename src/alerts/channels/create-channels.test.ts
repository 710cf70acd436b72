import { expect, test } from 'vitest'
import { sampleAlert } from '../sample-alert.ts'
import { createChannels } from './create-channels.ts'
import { startHttpReceiver } from './http-receiver.ts'
import { startSmtpReceiver } from './smtp-receiver.ts'

test('every kind of channel is made of its settings, in their order, and delivers', async () => {
  const http = await startHttpReceiver((response) => response.end('ok'))
  const smtp = await startSmtpReceiver({ answer: () => undefined })
  const url = (path: string) => `http://127.0.0.1:${http.port}/${path}`
  const channels = createChannels(
    [
      { kind: 'slack', name: 'slack', url: url('slack') },
      { kind: 'email', name: 'mail', smtp: `smtp://127.0.0.1:${smtp.port}`, from: 'bursar@example.com', to: ['ops@example.com'] },
      { kind: 'webhook', name: 'ops', url: url('ops') },
    ],
    { allowPrivateUrls: true },
  )
  for (const channel of channels) await channel.send(sampleAlert())
  await Promise.all([http.close(), smtp.close()])
  expect(channels.map(({ name }) => name)).toEqual(['slack', 'mail', 'ops'])
  expect(http.requests.map(({ path }) => path)).toEqual(['/slack', '/ops'])
  expect(smtp.mails).toHaveLength(1)
})

test('private addresses are refused to all channels that post, and to the SMTP server never', async () => {
  const smtp = await startSmtpReceiver({ answer: () => undefined })
  const [slack, mail, ops] = createChannels(
    [
      { kind: 'slack', name: 'slack', url: 'http://127.0.0.1:1/' },
      { kind: 'email', name: 'mail', smtp: `smtp://127.0.0.1:${smtp.port}`, from: 'bursar@example.com', to: ['ops@example.com'] },
      { kind: 'webhook', name: 'ops', url: 'http://127.0.0.1:1/' },
    ],
    { allowPrivateUrls: false },
  )
  await expect(slack!.send(sampleAlert())).rejects.toThrow('private address')
  await expect(ops!.send(sampleAlert())).rejects.toThrow('private address')
  await mail!.send(sampleAlert())
  await smtp.close()
  expect(smtp.mails).toHaveLength(1)
})

import { hostname, networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { isOwnAddress } from './own-address.ts'

const outside = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

test.each([
  ['http://127.0.0.1:4000/v1', '127.0.0.1', true],
  ['http://localhost:4000/v1', '127.0.0.1', true],
  ['http://[::1]:4000/v1', '0.0.0.0', true],
  ['http://0.0.0.0:4000', '127.0.0.1', true],
  [`http://${hostname()}:4000/v1`, '0.0.0.0', true],
  ['http://127.0.0.1:4001/v1', '127.0.0.1', false],
  [`http://${hostname()}:4000/v1`, '127.0.0.1', false],
  ['https://api.openai.com/v1', '0.0.0.0', false],
  ['http://10.255.255.1:4000/v1', '0.0.0.0', false],
])('%s leads back to a server on %s port 4000: %s', (url, host, isOwn) => {
  expect(isOwnAddress(url, { host, port: 4000 })).toBe(isOwn)
})

test.skipIf(outside === undefined)('an address of this machine leads back to a server that listens on all of them', () => {
  expect(isOwnAddress(`http://${outside}:4000`, { host: '0.0.0.0', port: 4000 })).toBe(true)
  expect(isOwnAddress(`http://${outside}:4000`, { host: '127.0.0.1', port: 4000 })).toBe(false)
  expect(isOwnAddress('http://example.com', { host: '0.0.0.0', port: 80 })).toBe(false)
})

import type { LookupAddress } from 'node:dns'
import { describe, expect, test } from 'vitest'
import { checkLiteral, guardedLookup, RefusedAddress, refusalOf } from './private-address.ts'

const NEVER = [
  '0.0.0.0',
  '169.254.169.254',
  '169.254.0.1',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'ff02::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::169.254.169.254',
  '2002:a9fe:a9fe::1',
]
const PRIVATE = [
  '127.0.0.1',
  '127.255.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '198.18.0.1',
  '::1',
  'fc00::1',
  'fdff::1',
  'fec0::1',
  '::ffff:10.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::10.0.0.1',
  '2002:7f00:1::',
]
const PUBLIC = ['1.1.1.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '8.8.8.8', '2606:4700::1111', '::ffff:1.1.1.1', '64:ff9b::1.1.1.1']

describe('an address', () => {
  test.each(NEVER)('%s is refused, whatever is allowed', (address) => {
    expect(refusalOf(address, { allowPrivateUrls: true })).toContain('no channel may post there')
    expect(refusalOf(address, { allowPrivateUrls: false })).toContain('no channel may post there')
  })

  test.each(PRIVATE)('%s is refused unless private addresses are allowed', (address) => {
    expect(refusalOf(address, { allowPrivateUrls: true })).toBeUndefined()
    expect(refusalOf(address, { allowPrivateUrls: false })).toContain('allow_private_urls')
  })

  test.each(PUBLIC)('%s may be posted to', (address) => {
    expect(refusalOf(address, { allowPrivateUrls: false })).toBeUndefined()
  })

  test('that is none is refused', () => {
    expect(refusalOf('example.com', { allowPrivateUrls: true })).toContain('no address')
  })
})

test.each([
  'http://2852039166/',
  'http://0xa9.0xfe.0xa9.0xfe/',
  'http://0251.0376.0251.0376/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://169.254.43518/',
])('the URL %s is seen as the metadata address that it is', (url) => {
  expect(() => checkLiteral(new URL(url), { allowPrivateUrls: true })).toThrow(RefusedAddress)
})

describe('a name', () => {
  const resolve = (hostname: string, allowPrivateUrls: boolean, all: boolean) =>
    new Promise<string | LookupAddress[]>((settle, fail) => {
      guardedLookup({ allowPrivateUrls })(hostname, { all }, (error, address) => (error === null ? settle(address) : fail(error)))
    })

  test.each([true, false])('that resolves to a refused address does not resolve (all: %s)', async (all) => {
    await expect(resolve('localhost', false, all)).rejects.toThrow(RefusedAddress)
  })

  test('that resolves to allowed addresses resolves as node:dns would', async () => {
    expect(await resolve('127.0.0.1', true, true)).toEqual([{ address: '127.0.0.1', family: 4 }])
    expect(await resolve('127.0.0.1', true, false)).toBe('127.0.0.1')
  })

  test('that can not be resolved fails as it would without the guard', async () => {
    await expect(resolve('x'.repeat(300), true, true)).rejects.toMatchObject({ code: expect.any(String), syscall: 'getaddrinfo' })
  })
})

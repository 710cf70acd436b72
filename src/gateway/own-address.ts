import { hostname, networkInterfaces } from 'node:os'

const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '::0', ''])

/**
 * True where a URL leads back to the server that listens there: a call sent to it would come in again, with the provider's key.
 * Names that only a resolver knows are not looked up.
 * @param host as the server was told to listen: a name, an address, or one that stands for all
 */
export function isOwnAddress(url: string, { host, port }: { readonly host: string; readonly port: number }): boolean {
  const { hostname: name, port: written, protocol } = new URL(url)
  const target = name.replace(/^\[|\]$/g, '').toLowerCase()
  if (Number(written || (protocol === 'https:' ? 443 : 80)) !== port) return false
  if (target === host.toLowerCase()) return true
  const hears = (loopback: boolean) => ANY_ADDRESS.has(host) || loopback === isLoopback(host)
  return isLoopback(target) ? hears(true) : ownNames().has(target) && hears(false)
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host) || ANY_ADDRESS.has(host)
  )
}

function ownNames(): ReadonlySet<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address.toLowerCase()))
  return new Set([hostname().toLowerCase(), ...addresses])
}

import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { Agent } from 'undici'

// Deliveries go to URLs that someone typed in. What must not be reached that way is checked on the addresses that a name
// resolves to, when the connection is made: a name that resolves differently the next time gains nothing.

/** Link-local, metadata services, unspecified, multicast and reserved: no alert receiver can be there. */
const NEVER: readonly string[] = [
  '0.0.0.0/8',
  '169.254.0.0/16', // link-local; 169.254.169.254 serves credentials on most clouds
  '100.100.100.200/32', // Alibaba Cloud's metadata
  '168.63.129.16/32', // Azure's
  '192.0.0.0/24', // Oracle Cloud's at .192
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254/128', // AWS's metadata
  'fd20:ce::254/128', // Google Cloud's
]

/** Loopback and the networks behind the company's own router. */
const PRIVATE: readonly string[] = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '198.18.0.0/15',
  '::1/128',
  'fc00::/7',
  'fec0::/10',
  '64:ff9b:1::/48', // a network's own translation to IPv4
]

const never = blockListOf(NEVER)
const privateOnes = blockListOf(PRIVATE)

/** The name or address of a URL may not be posted to. The message names the address, nothing else of the URL. */
export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress'
}

export interface AddressRule {
  /** True: loopback and private addresses may be posted to; link-local and metadata addresses never. */
  readonly allowPrivateUrls: boolean
}

/**
 * Why that address may not be posted to; undefined where it may.
 * @param address an IPv4 or IPv6 address, with or without a zone (`fe80::1%eth0`)
 */
export function refusalOf(address: string, rule: AddressRule): string | undefined {
  const [bare = ''] = address.split('%')
  const family = isIP(bare) === 6 ? 'ipv6' : 'ipv4'
  if (isIP(bare) === 0) return `${address} is no address`
  if (never.check(bare, family)) return `${address} is a link-local, metadata or reserved address: no channel may post there`
  if (rule.allowPrivateUrls || !privateOnes.check(bare, family)) return undefined
  return `${address} is a private address: set alerts.allow_private_urls to true if the receiver is there`
}

/** @throws RefusedAddress where the URL's host is an address that may not be posted to; names are checked when they resolve */
export function checkLiteral(url: URL, rule: AddressRule): void {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const refusal = isIP(host) === 0 ? undefined : refusalOf(host, rule)
  if (refusal !== undefined) throw new RefusedAddress(refusal)
}

/** Connects only where every address that the name resolves to may be posted to. Keeps no connection open. */
export function guardedAgent(rule: AddressRule): Agent {
  return new Agent({ connect: { lookup: guardedLookup(rule) }, pipelining: 0 })
}

/** As `dns.lookup`, but fails with {@link RefusedAddress} where one of the addresses is refused. */
export function guardedLookup(rule: AddressRule): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const refusal = error === null ? addresses.map(({ address }) => refusalOf(address, rule)).find((why) => why !== undefined) : undefined
      const failure = refusal === undefined ? error : new RefusedAddress(`${hostname} resolves to an address that is refused: ${refusal}`)
      const [first] = addresses ?? []
      if (failure !== null || first === undefined) callback(failure ?? new RefusedAddress(`${hostname} has no address`), [])
      else if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

/** IPv4 subnets are also listed as they are written inside IPv6: mapped (which BlockList knows), NAT64 and 6to4. */
function blockListOf(subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [net = '', bits = ''] = subnet.split('/')
    if (isIP(net) === 6) {
      list.addSubnet(net, Number(bits), 'ipv6')
      continue
    }
    list.addSubnet(net, Number(bits), 'ipv4')
    list.addSubnet(`64:ff9b::${net}`, 96 + Number(bits), 'ipv6')
    list.addSubnet(`2002:${hexGroups(net)}::`, 16 + Number(bits), 'ipv6')
  }
  return list
}

function hexGroups(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number)
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { mayReach, type ObjectBook } from '../engine/object-book.ts'
import type { Key } from '../engine/key-book.ts'
import { headersToProvider } from '../http/header-names.ts'
import type { JsonObject, Kept } from '../providers/provider.ts'
import { GatewayError } from './gateway-error.ts'
import { isObject, objectIn } from './json-object.ts'
import { makerOf } from './objects.ts'
import { askProvider } from './provider-file.ts'
import type { Route } from './route.ts'
import type { Upstream } from './upstream.ts'

/** A list of what everybody behind a provider's key has there. */
export interface Listing {
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
  readonly route: Route
  readonly key: Key
  readonly kept: Kept
  readonly upstream: Upstream
}

/** A page of a list, or what the provider says instead. */
interface Page {
  readonly status: number
  readonly type: string
  readonly text: string
  readonly items?: readonly JsonObject[]
  readonly json?: JsonObject
}

/** Pages without anything of the caller's that are passed over for one request. */
const PAGES_MAX = 20
const PAGE_BYTES_MAX = 16 * 1024 * 1024

const EMPTY = { object: 'list', data: [], first_id: null, last_id: null, has_more: false }

/**
 * Answers with those of a provider's list that the key may reach. A key that can have nothing there is answered without the provider.
 * Where a page has none of its own, the next one is asked for, since clients take an empty page for the last.
 * @throws GatewayError upstream_unreachable, Failure store_unavailable
 */
export async function relayListed(objects: ObjectBook, listing: Listing): Promise<void> {
  const { key, response } = listing
  if (!(await objects.hasAny(key.row))) return answer(response, { status: 200, body: JSON.stringify(EMPTY) })
  let path = listing.route.upstreamPath()
  for (let pages = 1; ; pages++) {
    const page = await pageAt(listing, path)
    if (page.items === undefined || page.json === undefined) {
      // What is no list is none that can be looked through: only what the provider says of an error passes.
      if (page.status < 400) throw new GatewayError('upstream_unreachable', `the provider "${listing.upstream.name}" answers with no list`)
      return answer(response, { status: page.status, body: page.text, type: page.type })
    }
    const own = await ownOf(objects, listing, page.items)
    const last = idIn(page.items.at(-1))
    const isLast = page.json['has_more'] !== true || last === undefined || pages === PAGES_MAX
    if (own.length > 0 || isLast || response.destroyed) return answer(response, { status: 200, body: bodyOf(page.json, own) })
    path = behind(listing.route.upstreamPath(), listing.kept, last)
  }
}

async function ownOf(objects: ObjectBook, { key, kept, upstream }: Listing, items: readonly JsonObject[]): Promise<readonly JsonObject[]> {
  const owners = await objects.ownersOf(
    upstream.name,
    items.flatMap((item) => idIn(item) ?? []),
  )
  const ownerOf = (item: JsonObject) => owners.get(idIn(item) ?? '')
  const own = items.filter((item) => mayReach(key.row, ownerOf(item)))
  for (const item of own) {
    const owner = makerOf(key, { upstream, owner: ownerOf(item) })
    if (owner !== undefined) await objects.remember(upstream.name, kept.idsIn(item), owner)
  }
  return own
}

/** The page as the provider sent it, with its own items; what names the first and last of a page names theirs. */
function bodyOf(json: JsonObject, own: readonly JsonObject[]): string {
  const ends = own.length === 0 ? {} : { first_id: idIn(own[0]), last_id: idIn(own.at(-1)) }
  const named = Object.fromEntries(Object.entries(ends).filter(([name]) => json[name] !== undefined))
  return JSON.stringify({ ...json, data: own, ...named })
}

function idIn(item: JsonObject | undefined): string | undefined {
  return typeof item?.['id'] === 'string' ? item['id'] : undefined
}

function behind(path: string, { pagedBy = 'after' }: Kept, id: string): string {
  const mark = path.indexOf('?')
  const query = new URLSearchParams(mark < 0 ? '' : path.slice(mark))
  query.set(pagedBy, id)
  return `${mark < 0 ? path : path.slice(0, mark)}?${query.toString()}`
}

async function pageAt({ headers, upstream }: Listing, path: string): Promise<Page> {
  const passed = headersToProvider(headers, { 'accept-encoding': 'identity' }, upstream.isForwarded)
  const { statusCode, headers: answered, body } = await askProvider(upstream, { path, headers: toRecord(passed) })
  const text = (await bytesOf(body)).toString()
  const type = answered['content-type']
  const page = { status: statusCode, type: typeof type === 'string' ? type : 'application/json', text }
  const json = statusCode === 200 ? objectIn(text) : undefined
  const data = json?.['data']
  return Array.isArray(data) && json !== undefined ? { ...page, json, items: data.filter(isObject) } : page
}

/** @throws GatewayError where it is larger than lists are */
async function bytesOf(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > PAGE_BYTES_MAX)
      throw new GatewayError('upstream_unreachable', `the provider's list is larger than ${PAGE_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function toRecord(list: readonly string[]): Readonly<Record<string, string>> {
  const record: Record<string, string> = {}
  for (let i = 0; i + 1 < list.length; i += 2) record[list[i] ?? ''] = list[i + 1] ?? ''
  return record
}

function answer(
  response: ServerResponse,
  { status, body, type = 'application/json' }: { status: number; body: string; type?: string },
): void {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) })
  response.end(body)
}

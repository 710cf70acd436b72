import type { Key } from '../engine/key-book.ts'
import { mayReach, type ObjectBook, type Owner, ownerBy } from '../engine/object-book.ts'
import { GatewayError } from './gateway-error.ts'
import type { Route } from './route.ts'
import { chooseTarget, speakersOf, type Upstream } from './upstream.ts'

/*
 * All teams share a provider's key, so the provider gives what one team has made to every other. Bursar remembers whose call made what,
 * and answers for the rest as the provider does for what it does not know.
 */

export interface ObjectsDeps {
  readonly objects: ObjectBook
  readonly upstreams: readonly Upstream[]
}

/** An object that a key may reach. */
export interface Reached {
  readonly upstream: Upstream
  /** Undefined where nobody is known to have it. */
  readonly owner: Owner | undefined
}

/**
 * The provider that keeps that object: of those that the path can mean, the one at which the key may reach it.
 * @throws GatewayError not_found, Failure store_unavailable
 */
export async function reach(
  { objects, upstreams }: ObjectsDeps,
  route: Route,
  { key, name }: { key: Key; name: string },
): Promise<Reached> {
  for (const upstream of speakersOf(upstreams, route)) {
    const owner = (await objects.ownersOf(upstream.name, [name])).get(name)
    if (owner !== undefined && mayReach(key.row, owner)) return { upstream, owner }
  }
  if (!mayReach(key.row, undefined)) throw notFound(key, name)
  return { upstream: chooseTarget(upstreams, route, '').upstream, owner: undefined }
}

/**
 * What a request names must be the caller's, as what a path names.
 * @throws GatewayError not_found, Failure store_unavailable
 */
export async function checkReferences(
  { objects }: Pick<ObjectsDeps, 'objects'>,
  key: Key,
  { upstream, names }: { readonly upstream: Upstream; readonly names: readonly string[] },
): Promise<void> {
  if (names.length === 0 || mayReach(key.row, undefined)) return
  const owners = await objects.ownersOf(upstream.name, names)
  const foreign = names.find((name) => !mayReach(key.row, owners.get(name)))
  if (foreign !== undefined) throw notFound(key, foreign)
}

/** Whose it is what a call of that key has made; of what was made for an object that is there, its owner's. */
export function makerOf({ row }: Key, parent?: Reached): Owner | undefined {
  return parent === undefined ? ownerBy(row) : parent.owner
}

function notFound({ row }: Key, name: string): GatewayError {
  const whose = row.objects === 'own' ? `the key "${row.name}" has made` : `the team of the key "${row.name}" has made`
  const message = `there is no ${JSON.stringify(name.slice(0, 100))} among what ${whose} through Bursar (keys[].objects)`
  return new GatewayError('not_found', message)
}

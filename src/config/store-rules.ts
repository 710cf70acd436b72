import type { Rule } from './field.ts'
import { haveOneAccess, ONE_ACCESS_EXPECTED, readClusterNode } from './redis-address.ts'
import { Scalar } from './tree.ts'

/** Without Redis one process counts alone, and its ledger has to be where it is. */
export const databaseIsBesideRedis: Rule = (store) =>
  isFilled(store['database']) && !isFilled(store['redis'])
    ? [
        {
          path: ['database'],
          message:
            'expected redis beside it: several processes that share a ledger have to share their counters too; leave database out to keep the ledger in data_dir',
          isAtKey: true,
        },
      ]
    : []

/** The nodes of a list that are right by themselves, together. */
export const clusterHasOneAccess: Rule = ({ redis }) => {
  const items: readonly unknown[] = Array.isArray(redis) ? redis : []
  const urls = items.flatMap((item) => (item instanceof Scalar && readClusterNode(item.text).kind === 'ok' ? [item.text] : []))
  return haveOneAccess(urls) ? [] : [{ path: ['redis'], message: `expected ${ONE_ACCESS_EXPECTED}` }]
}

function isFilled(value: unknown): boolean {
  return value !== undefined && !(value instanceof Scalar && value.kind === 'empty')
}

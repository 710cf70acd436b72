import type { Distrust } from '../../domain/record.ts'
import { fromJson, hasFields, text } from './row.ts'
import { bulk, insert, query, type Steps } from './statement.ts'

const PUT = insert('distrusts', { id: 'text', record: 'text' }, 'ON CONFLICT (id) DO UPDATE SET record = excluded.record')

const isDistrust = hasFields<Distrust>('provider', 'model', 'output', 'at', 'isLifted')

/** The latest of each counts. */
export function* putDistrusts(distrusts: readonly Distrust[]): Steps<void> {
  const latest = new Map(distrusts.map((distrust) => [JSON.stringify([distrust.provider, distrust.model]), JSON.stringify(distrust)]))
  yield* bulk(PUT, [...latest])
}

/** All that there are: few models ignore what they are told. */
export function* distrusts(): Steps<readonly Distrust[]> {
  const rows = yield* query('SELECT record FROM distrusts ORDER BY id')
  return rows.map((row) => fromJson(text(row, 'record'), isDistrust))
}

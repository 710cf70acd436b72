import type { RuleFinding } from './field.ts'
import { suggestion } from './nearest.ts'
import { formatPath, isMapping, itemsIn, Scalar, shown, textIn, type Tree } from './tree.ts'

/** What is wrong between parts of a config that are right by themselves; looks at the config as it was written. */
export function findInconsistencies(config: Tree): readonly RuleFinding[] {
  return [
    ...duplicates(config, { listName: 'budgets', keyName: 'id' }),
    ...duplicates(config, { listName: 'keys', keyName: 'name' }),
    ...duplicates(config, { listName: 'keys', keyName: 'secret', isSecret: true }),
    ...duplicates(config, { listName: 'prices', keyName: 'model' }),
    ...unknownChannels(config),
  ]
}

interface Unique {
  readonly listName: string
  readonly keyName: string
  readonly isSecret?: boolean
}

function duplicates(config: Tree, { listName, keyName, isSecret = false }: Unique): readonly RuleFinding[] {
  const firstWith = new Map<string, number>()
  const findings: RuleFinding[] = []
  for (const [index, item] of itemsIn(config, listName).entries()) {
    const value = textIn(item, keyName)
    const first = value === undefined ? undefined : firstWith.get(value)
    if (value !== undefined && first === undefined) firstWith.set(value, index)
    if (first === undefined) continue
    const found = shown(isMapping(item) ? item[keyName] : undefined, isSecret)
    const message = `found ${found}, which is also the ${keyName} of ${formatPath([listName, first])}; expected another one`
    findings.push({ path: [listName, index, keyName], message })
  }
  return findings
}

function unknownChannels(config: Tree): readonly RuleFinding[] {
  const alerts = isMapping(config) ? config['alerts'] : undefined
  const channels = isMapping(alerts) && isMapping(alerts['channels']) ? Object.keys(alerts['channels']) : []
  const expected = channels.length === 0 ? 'no names, since alerts.channels has none' : `one of alerts.channels (${channels.join(', ')})`
  return itemsIn(config, 'budgets').flatMap((budget, index) =>
    itemsIn(budget, 'channels').flatMap((name, place): RuleFinding[] => {
      if (!(name instanceof Scalar) || name.kind === 'broken' || channels.includes(name.text)) return []
      const hint = name.isShown ? suggestion(name.text, channels) : ''
      return [{ path: ['budgets', index, 'channels', place], message: `found ${shown(name)}, expected ${expected}${hint}` }]
    }),
  )
}

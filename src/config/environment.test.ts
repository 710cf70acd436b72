import { expect, test } from 'vitest'
import { replaceVariables } from './environment.ts'

const env = { NAME: 'value', EMPTY: '', BRACES: '${NAME}', DOLLARS: '$& $1 $$' }

test.each([
  ['plain', 'plain', false],
  ['${NAME}', 'value', true],
  ['a-${NAME}-${NAME}', 'a-value-value', true],
  ['${NAME:-other}', 'value', true],
  ['${UNSET:-https://x.example/v1}', 'https://x.example/v1', false],
  ['${UNSET:-}', '', false],
  ['${EMPTY:-other}', 'other', false],
  ['${EMPTY}', '', true],
  ['${BRACES}', '${NAME}', true],
  ['${DOLLARS}', '$& $1 $$', true],
  ['$${NAME}', '${NAME}', false],
  ['$$${NAME}', '$${NAME}', false],
  ['costs $5, $NAME', 'costs $5, $NAME', false],
])('%s becomes %s', (text, expected, isFromEnv) => {
  expect(replaceVariables(text, env)).toEqual({ kind: 'ok', text: expected, isFromEnv })
})

test('every variable that is not set is named', () => {
  const result = replaceVariables('${ONE} ${NAME} ${TWO}', env)
  expect(result).toEqual({
    kind: 'failed',
    reasons: [
      'the environment variable ONE is not set; set it, or give a default: ${ONE:-default}',
      'the environment variable TWO is not set; set it, or give a default: ${TWO:-default}',
    ],
  })
})

test.each(['${', '${1}', '${A-b}', 'x${NAME', '${NA ME}'])('%s is refused, not taken as it is', (text) => {
  expect(replaceVariables(text, env).kind).toBe('failed')
})

test('names of object members are no variables', () => {
  expect(replaceVariables('${constructor:-none}', Object.assign(Object.create(null), env))).toMatchObject({ text: 'none' })
})

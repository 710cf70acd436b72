import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { apiShapes } from './registry.ts'

const page = readFileSync(new URL('../../docs/reference/gateway.md', import.meta.url), 'utf8')

/** The part of the page about an API. */
function sectionOf(api: string): string {
  const [, section = ''] = page.split(new RegExp(`^### \`${api}\`.*$`, 'm'))
  return section.split(/^##/m)[0] ?? ''
}

/** A path as its table may have it: whole, or its end where the section says what it is below. */
function namesOf(path: string): readonly string[] {
  const tail = path
    .replace(/^\/v1(?:beta1)?(?:\/projects\/\{project\}\/locations\/\{location\})?(?=\/(?:publishers|endpoints)\/)/, '')
    .replace(/^\/(?:v1|v1alpha)(?=\/models\/\{model\}:)/, '/v1beta')
  const action = /:\w+$/.exec(path)?.[0]
  const ofAzure = path.replace(/^\/openai\/(?:v1\/|deployments\/\{model\}\/)?/, '')
  return [path, tail, ...(action === undefined ? [] : [action]), ofAzure]
}

test.each(apiShapes.flatMap(({ api, endpoints }) => endpoints.map(({ path }) => [api, path] as const)))(
  '%s %s stands in the reference',
  (api, path) => {
    expect(namesOf(path).some((name) => sectionOf(api).includes(`\`${name}\``))).toBe(true)
  },
)

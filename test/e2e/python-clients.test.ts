import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createSimulatedProvider } from '../../src/demo/simulated-provider.ts'
import { answerJson, answerSse, type Received, startUpstream } from './upstream.ts'
import { KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'

/** The official Python clients, where Python and its package index are there. Installed once, into a folder that git ignores. */
const VENV = fileURLToPath(new URL('../../node_modules/.cache/python-clients', import.meta.url))
const PYTHON = join(VENV, 'bin', 'python')
const INSTALL_MS_MAX = 150_000

function answerGemini({ path }: Received, response: ServerResponse): void {
  const candidates = [{ content: { role: 'model', parts: [{ text: 'Budgets are nice.' }] }, finishReason: 'STOP', index: 0 }]
  const answer = { candidates, usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 } }
  if (path.includes('stream')) answerSse(response, [answer])
  else answerJson(response, JSON.stringify(answer))
}

/** Why they can't be had; undefined: they are there. */
function install(): string | undefined {
  const run = (command: string, args: readonly string[]) => execFileSync(command, args, { stdio: 'pipe', timeout: INSTALL_MS_MAX })
  try {
    if (!existsSync(PYTHON)) run('python3', ['-m', 'venv', VENV])
    run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'openai', 'anthropic', 'google-genai'])
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  }
}

test(
  'the official Python clients are answered, charged what they see, and refused with their own error',
  { timeout: 240_000 },
  async ({ skip }) => {
    const missing = install()
    if (missing !== undefined) return skip(`needs Python with openai, anthropic and google-genai from its package index: ${missing}`)
    const dir = tempDir()
    const provider = createSimulatedProvider({})
    const { port } = await provider.listen()
    const google = await startUpstream(answerGemini)
    const bursar = await startInProcess({
      upstreamUrl: `http://127.0.0.1:${port}`,
      dir,
      providers: `  google: { api: gemini, base_url: ${google.url}, api_key: google-key }`,
      budgets: `  - { id: global, name: Global Cap, limit: { tokens: 10M }, hard_cap: true }
  - { id: "user:broke", name: Nothing left, limit: { tokens: 0 }, hard_cap: true }`,
    })
    try {
      const script = fileURLToPath(new URL('./python-clients.py', import.meta.url))
      const { stdout } = await promisify(execFile)(PYTHON, [script, bursar.url, KEY], { timeout: 60_000 })
      const seen = JSON.parse(stdout) as Record<string, number>
      expect(seen).toMatchObject({
        'chat stream has text': true,
        'chat stream shows usage': false,
        'messages stream has text': true,
        'openai refusal': 'budget_exceeded',
        'anthropic refusal': 'rate_limit_error',
        gemini: 15,
        'gemini stream': 15,
        'gemini refusal': '429 RESOURCE_EXHAUSTED',
      })
      const told = seen['chat']! + seen['responses']! + seen['embeddings']! + seen['messages']! + seen['messages stream']!
      const { used, held } = await statusOf(bursar.url, 'global')
      expect(held).toBe(0)
      // The one call whose usage its client did not ask for is the rest.
      expect(used).toBeGreaterThan(told)
      const { input, output } = provider.produced()
      expect(used).toBe(input + output + 2 * 15)
    } finally {
      await bursar.close()
      await provider.close()
      await google.close()
      remove(dir)
    }
  },
)

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { remove, tempDir } from './bursar.ts'

const BIN = new URL('../../bin/bursar.js', import.meta.url).pathname
const ADMIN_TOKEN = 'bsr_admin_test_0123456789'
const dir = tempDir()

afterAll(() => remove(dir))

describe.skipIf(!existsSync('/proc/self/cmdline'))('the Node of a server', () => {
  async function commandOf(nodeOptions: string): Promise<string> {
    const config = join(dir, 'options.yaml')
    writeFileSync(config, `server: { port: 0, admin_token: ${ADMIN_TOKEN} }\nstore: { data_dir: ${join(dir, 'options')} }\n`)
    const env = { ...process.env, NODE_OPTIONS: nodeOptions }
    const child = spawn(process.execPath, ['--no-deprecation', BIN, 'serve', '--config', config], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env,
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    while (!said.includes('http://')) await once(child.stdout, 'data')
    const command = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0').join(' ')
    child.kill('SIGTERM')
    await once(child, 'exit')
    return command
  }

  test('has room for young objects, in the process that was started, and the options that were given', async () => {
    expect(await commandOf('')).toMatch(/ --no-deprecation --min-semi-space-size=32 --max-semi-space-size=32 \S+bursar\.js serve /)
  })

  test('has what NODE_OPTIONS says of it', async () => {
    expect(await commandOf('--max-semi-space-size=8')).not.toContain('semi-space-size')
  })
})

test('what Node makes of the sources is kept for the next start', () => {
  const cache = join(dir, 'cache')
  execFileSync(process.execPath, [BIN, '--version'], { env: { ...process.env, NODE_COMPILE_CACHE: cache } })
  expect(readdirSync(cache)).toHaveLength(1)
})

/** A Node older than the one that Bursar needs, where this machine has one. */
const oldNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .find((path) => existsSync(path) && Number.parseInt(execFileSync(path, ['--version'], { encoding: 'utf8' }).slice(1), 10) < 26)

describe.skipIf(oldNode === undefined)('on an older Node', () => {
  test('without the repository’s own Node it says in one line what it needs', async () => {
    const alone = join(dir, 'alone', 'bin')
    mkdirSync(alone, { recursive: true })
    writeFileSync(join(dir, 'alone', 'package.json'), '{"type":"module"}')
    copyFileSync(BIN, join(alone, 'bursar.js'))
    const child = spawn(oldNode!, [join(alone, 'bursar.js'), 'status'], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await once(child, 'close')
    expect(child.exitCode).toBe(1)
    expect(said).toMatch(/^Bursar needs Node\.js 26; this is \d[^\n]*\n$/)
  })

  test('with it, it runs by it: exit codes come through, and a signal reaches the server behind it', async () => {
    const wrong = spawn(oldNode!, [BIN, 'statsu'], { stdio: 'ignore' })
    await once(wrong, 'exit')
    expect(wrong.exitCode).toBe(2)
    const config = join(dir, 'bursar.yaml')
    writeFileSync(config, `server: { port: 0, admin_token: ${ADMIN_TOKEN} }\nstore: { data_dir: ${join(dir, 'served')} }\n`)
    const served = spawn(oldNode!, [BIN, 'serve', '--config', config], { stdio: ['ignore', 'pipe', 'ignore'], cwd: dir })
    let said = ''
    served.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    while (!said.includes('http://')) await once(served.stdout, 'data')
    served.kill('SIGTERM')
    // The pipe closes once the server behind it has ended too, not only the process that started it.
    await once(served, 'close')
    expect(served.exitCode).toBe(0)
    expect(said).toContain('SIGTERM: no new calls')
  })
})

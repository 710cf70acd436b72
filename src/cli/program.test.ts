import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { CommanderError } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApi } from '../api/app.ts'
import type { ApiDeps } from '../api/deps.ts'
import { ADMIN_TOKEN, sampleDeps, STANDINGS, DISTRUSTS } from '../api/sample-deps.ts'
import { Failure } from '../engine/failure.ts'
import type { Io } from './io.ts'
import type { Actions } from './local.ts'
import { createProgram } from './program.ts'

/* The commands in this process, against a real HTTP server that serves the control plane over sample accounts. */

const dir = mkdtempSync(join(tmpdir(), 'bursar-cli-'))
const servers: Server[] = []
let url = ''

async function serveApi(parts: Partial<ApiDeps> = {}): Promise<string> {
  const server = createServer(getRequestListener(createApi(sampleDeps(parts).deps).fetch))
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeAll(async () => {
  url = await serveApi()
})

afterAll(async () => {
  await Promise.all(
    servers.map((server) => {
      server.closeAllConnections()
      return once(server.close(), 'close')
    }),
  )
  rmSync(dir, { recursive: true, force: true })
})

interface Ran {
  readonly stdout: string
  readonly stderr: string
  /** What the command ended with; main.ts makes an exit code of it. */
  readonly error: unknown
}

async function run(args: readonly string[], io: Partial<Io> = {}, actions: Partial<Actions> = {}): Promise<Ran> {
  let [stdout, stderr] = ['', '']
  const program = createProgram(
    {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      env: { BURSAR_URL: url, BURSAR_TOKEN: ADMIN_TOKEN },
      isTty: false,
      columns: 80,
      fetch,
      ...io,
    },
    {
      serve: () => Promise.resolve(),
      demo: () => Promise.resolve(),
      init: ({ path }) => `wrote ${path}`,
      check: async (path) => ({ ok: path !== 'bad.yaml', text: `${path}: looked at` }),
      resetToken: (path) => `token of ${path}`,
      ...actions,
    },
  )
  const error: unknown = await program.parseAsync(args, { from: 'user' }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { stdout, stderr, error }
}

const isWrongUsage = ({ error }: Ran) => error instanceof CommanderError && error.exitCode !== 0
const failureOf = ({ error }: Ran) => (error instanceof Failure ? error.message : `no Failure: ${String(error)}`)

describe('bursar status', () => {
  test('the most used budget comes first, in columns that align also where characters are wide', async () => {
    const { stdout, error } = await run(['status'])
    expect(error).toBeUndefined()
    expect(stdout).toBe(
      [
        'Shut                  ####################  100.0 %                   0 / 0 tokens  EXCEEDED  has run out',
        'Nearly there          ###################-   99.9 %  9,999,999 / 10,000,000 tokens  WARNING   runs out 2026-11-19 00:00 UTC',
        'Forschung 研究 (ann)  ##################--   91.0 %                $45.50 / $50.00  WARNING   runs out 2026-11-20 18:43 UTC',
        'Below the alert       ################----   80.0 %        79,999 / 100,000 tokens  OK        runs out 2026-11-23 12:00 UTC',
        'Global Cap            #########-----------   48.0 %             600 / 1,250 tokens  OK',
        'Forschung 研究 (bob)  ####----------------   20.5 %                $10.25 / $50.00  OK',
        'Idle 🚀               --------------------    0.3 %             3 / 1,000 requests  OK',
        '',
      ].join('\n'),
    )
  })

  test('colours are for a terminal only, and not where NO_COLOR is set', async () => {
    const env = { BURSAR_URL: url, BURSAR_TOKEN: ADMIN_TOKEN }
    const plain = (await run(['status'])).stdout
    const coloured = (await run(['status'], { isTty: true, env: { ...env, NO_COLOR: '' } })).stdout
    expect(plain).not.toContain('\u001B')
    expect(coloured).toContain('\u001B[31m')
    expect(coloured.replaceAll(/\p{Cc}\[\d+m/gu, '')).toBe(plain)
    expect((await run(['status'], { isTty: true, env: { ...env, NO_COLOR: '1' } })).stdout).toBe(plain)
  })

  test('as JSON it is the answer of the API, all of it', async () => {
    const { stdout } = await run(['status', '--json'])
    const answer: unknown = await (await fetch(`${url}/api/v1/status`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).json()
    expect(JSON.parse(stdout)).toEqual(answer)
  })

  test('watched on a terminal it is drawn anew in place, until the server is gone', async () => {
    let asked = 0
    const fetchTwice: typeof fetch = (...args) => (++asked > 2 ? Promise.reject(new TypeError('gone')) : fetch(...args))
    const env = { BURSAR_URL: url, BURSAR_TOKEN: ADMIN_TOKEN, NO_COLOR: '1' }
    const ran = await run(['status', '--watch'], { isTty: true, env, fetch: fetchTwice })
    const drawn = `\u001B[H\u001B[2J${(await run(['status'])).stdout}`
    expect(ran.stdout).toBe(drawn + drawn)
    expect(failureOf(ran)).toContain('is it running?')
  })

  test('a long name does not widen the other rows', async () => {
    const [first, ...others] = STANDINGS
    const budget = { ...first!.budget, name: 'n'.repeat(200) }
    const engine = { ...sampleDeps().deps.engine, standings: async () => [{ ...first!, budget }, ...others] }
    const { stdout } = await run(['status'], { env: { BURSAR_URL: await serveApi({ engine }), BURSAR_TOKEN: ADMIN_TOKEN } })
    expect(stdout).toContain(`${'n'.repeat(39)}…  `)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(160)
  })

  test('what would steer the terminal is shown as a mark', async () => {
    const [first] = STANDINGS
    const budget = { ...first!.budget, name: 'a\u001B[2Jb\u009Bc\nd' }
    const engine = { ...sampleDeps().deps.engine, standings: async () => [{ ...first!, budget }] }
    const { stdout } = await run(['status'], { env: { BURSAR_URL: await serveApi({ engine }), BURSAR_TOKEN: ADMIN_TOKEN } })
    expect(stdout).toMatch(/^a\uFFFD\[2Jb\uFFFDc\uFFFDd  -{20} /)
    expect(stdout.trimEnd()).not.toContain('\n')
  })
})

const ASKING = [
  ['status'],
  ['top', '--by', 'team', '--from', '2026-11-01', '--to', '2026-11-02T00:00:00+01:00', '--limit', '5'],
  ['history', '--budget', 'research-per-user'],
  ['close'],
  ['reset', 'global', '--reason', 'agreed'],
  ['budgets'],
  ['keys'],
  ['keys', 'create', 'batch', '--team', 'ops', '--allow', 'user', '--expires', '2027-01-01'],
  ['keys', 'rotate', 'key-id1'],
  ['keys', 'revoke', 'key-id1'],
  ['alerts'],
  ['alerts', 'list', '--limit', '1'],
  ['alerts', 'test', 'slack'],
  ['doctor'],
]

describe('every command', () => {
  test.each(ASKING.map((args) => [args.join(' '), args] as const))('%s --json is JSON and nothing else', async (_, args) => {
    const keys = sampleDeps().deps.keys
    await keys.create({ name: 'old', attributes: {}, allow: [], models: ['*'] }, { actor: 'admin', reason: 'made' })
    const env = { BURSAR_URL: await serveApi({ keys }), BURSAR_TOKEN: ADMIN_TOKEN }
    const json = await run([...args, '--json'], { isTty: true, env })
    expect(json).toMatchObject({ error: undefined, stderr: '' })
    expect(JSON.parse(json.stdout)).toBeTypeOf('object')
  })

  test('words are for people: each says something where there is something to say', async () => {
    expect((await run(['top'])).stdout).toBe(
      [
        'user        team        tokens  calls      cost',
        'heavy-user  heavy-team   5,020      3  $0.00125',
        'rare-user   (none)         120      3  $0.00125',
        '',
      ].join('\n'),
    )
    expect((await run(['history'])).stdout).toBe('2026-10  Forschung 研究 (ann)  75.0 %  $45.00 / $60.00\n')
    expect((await run(['close'])).stdout).toMatch(/Forschung.*\nglobal 2026-11 waits for calls in flight\n$/)
    expect((await run(['alerts'])).stdout).toBe(
      '2026-11-18 23:59  Forschung 研究 (ann)  90 %  slack delivered; ops pending after 2 tries: it answered 503\n',
    )
    expect((await run(['doctor'])).stdout).toContain('(2 calls in flight are not in the sums)')
    const { stdout: budgets } = await run(['budgets'])
    expect(budgets).toMatch(/^idle .* 1,000 requests {2}in total {2} *advisory\n/)
    expect(budgets).toContain('research-per-user  Forschung 研究 (each user)             $50.00  a month (UTC)  hard cap')
  })

  test('help has an example, for all that this version and later ones have', async () => {
    const all = [
      'serve',
      'init',
      'check',
      'apply',
      'status',
      'top',
      'forecast',
      'history',
      'close',
      'export',
      'budgets',
      'grant',
      'reset',
      'keys',
    ]
    const names = [...all, 'alerts', 'simulate', 'doctor', 'demo', 'mcp'].map((name) => [name])
    const nested = [
      ['keys', 'list'],
      ['keys', 'create'],
      ['keys', 'rotate'],
      ['keys', 'revoke'],
      ['alerts', 'list'],
      ['alerts', 'test'],
      [],
    ]
    for (const args of [...names, ...nested]) {
      const { stdout, error } = await run([...args, '--help'])
      expect(stdout, args.join(' ')).toContain(`Example:\n  $ bursar ${args[0] ?? ''}`)
      expect(error).toMatchObject({ exitCode: 0 })
    }
  })

  test.each(['apply', 'forecast', 'export', 'grant', 'simulate', 'mcp'])(
    'bursar %s fails, saying that it is not available yet',
    async (name) => {
      for (const rest of [[], ['--json'], ['a', '--b', 'c']]) {
        const ran = await run([name, ...rest])
        expect(failureOf(ran)).toBe(`"bursar ${name}" is not available yet`)
        expect(ran.stdout).toBe('')
      }
    },
  )

  test.each([
    [['statsu'], 'Did you mean status?'],
    [['status', '--colour'], '--colour'],
    [['status', 'global'], 'too many arguments'],
    [['top', '--by', 'colour'], 'project'],
    [['top', '--limit', 'many'], 'from 1 to 1000'],
    [['top', '--limit', '0'], 'from 1 to 1000'],
    [['top', '--from', 'yesterday'], 'ISO 8601'],
    [['history', '--limit', '1.5'], 'from 1 to 10000'],
    [['reset', 'global'], '--reason'],
    [['reset', '--reason', 'x'], 'budget'],
    [['keys', 'create'], 'name'],
    [['keys', 'create', 'x', '--expires', 'soon'], 'ISO 8601'],
    [['alerts', 'test'], 'channel'],
    [[], 'Usage'],
  ])('%o is a wrong call, and says why', async (args, said) => {
    const ran = await run(args)
    expect(isWrongUsage(ran)).toBe(true)
    expect(ran.stderr).toContain(said)
    expect(ran.stdout).toBe('')
  })
})

describe('commands without a server', () => {
  test('check fails where the config is not valid, in words and as JSON', async () => {
    expect(await run(['check', 'good.yaml'])).toEqual({ stdout: 'good.yaml: looked at\n', stderr: '', error: undefined })
    expect(failureOf(await run(['check', 'bad.yaml']))).toBe('bad.yaml: looked at')
    const json = await run(['check', 'bad.yaml', '--json'])
    expect(JSON.parse(json.stdout)).toEqual({ ok: false, messages: ['bad.yaml: looked at'] })
    expect(failureOf(json)).toContain('not valid')
  })

  test('init and serve hand on what they were given', async () => {
    const given: unknown[] = []
    const init: Actions['init'] = (options) => `${given.push(options)}`
    const serve: Actions['serve'] = async (options) => void given.push(options)
    await run(['init', '--force'], {}, { init })
    await run(['serve', '--config', 'x.yaml'], {}, { serve })
    expect(given).toEqual([{ path: 'bursar.yaml', force: true }, { config: 'x.yaml' }])
  })
})

test('serve refuses a place for its ledger that it would not use', async () => {
  let isServed = false
  const serve = () => Promise.resolve(void (isServed = true))
  for (const args of [
    ['serve', '--data-dir', 'x'],
    ['--data-dir', 'x', 'serve'],
  ]) {
    const ran = await run(args, {}, { serve })
    expect(isWrongUsage(ran)).toBe(true)
    expect(ran.stderr).toContain('store.data_dir')
  }
  expect(isServed).toBe(false)
})

describe('where the server is', () => {
  const dataDir = join(dir, 'data')
  const local = (args: readonly string[], env: Io['env']) => run([...args, '--data-dir', dataDir], { env })

  beforeAll(() => {
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'local.json'), JSON.stringify({ url, token: ADMIN_TOKEN }))
  })

  test('the data directory names it where the environment does not', async () => {
    expect(await local(['doctor'], {})).toMatchObject({ error: undefined })
    expect(await local(['doctor'], { BURSAR_URL: `${url}/` })).toMatchObject({ error: undefined })
    expect(failureOf(await local(['doctor'], { BURSAR_TOKEN: 'wrong' }))).toContain('admin token')
    expect(failureOf(await run(['doctor', '--data-dir', join(dir, 'nowhere')], { env: {} }))).toContain('--data-dir')
  })

  test('its token goes to no other server', async () => {
    let asked = 0
    const other = createServer((_, response) => {
      asked++
      response.end('{}')
    })
    servers.push(other.listen(0, '127.0.0.1'))
    await once(other, 'listening')
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    expect(failureOf(await local(['status'], { BURSAR_URL: elsewhere }))).toBe(
      `BURSAR_TOKEN is not set: it is the admin token of ${elsewhere}`,
    )
    expect(asked).toBe(0)
  })

  test('one that does not answer, or is no Bursar, is one clear line', async () => {
    const gone = await run(['status'], { env: { BURSAR_URL: 'http://127.0.0.1:9', BURSAR_TOKEN: 'x' } })
    expect(failureOf(gone)).toMatch(/^no Bursar answers at http:\/\/127\.0\.0\.1:9: is it running\?[^\n]*BURSAR_URL[^\n]*$/)
    const other = createServer((_, response) => response.writeHead(418).end('<html>'))
    servers.push(other.listen(0, '127.0.0.1'))
    await once(other, 'listening')
    const env = { BURSAR_URL: `http://127.0.0.1:${(other.address() as AddressInfo).port}`, BURSAR_TOKEN: 'x' }
    expect(failureOf(await run(['status'], { env }))).toContain('answered 418: is this a Bursar?')
  })
})

test('doctor fails on any difference and names it: the account, what, the calls’ sum and the other', async () => {
  const differences = [{ account: STANDINGS[1]!.key, what: 'close', calls: 7, other: 8 } as const]
  const env = {
    BURSAR_URL: await serveApi({
      diagnose: async () => ({ differences, unpriced: [], setAside: { count: 0, records: [] }, callsInFlight: 0 }),
    }),
    BURSAR_TOKEN: ADMIN_TOKEN,
  }
  const words = await run(['doctor'], { env })
  expect(words.stdout).toMatch(/^close {2}global .*calls add up to 7 {2}found 8\n$/)
  expect(failureOf(words)).toBe("1 sums differ from the ledger's calls")
  const json = await run(['doctor', '--json'], { env })
  expect(JSON.parse(json.stdout)).toMatchObject({ differences: [{ what: 'close', calls: 7, other: 8 }] })
  expect(failureOf(json)).toContain('differ')
  const trouble = await serveApi({
    diagnose: async () => ({ differences: [], unpriced: [], setAside: { count: 0, records: [] }, callsInFlight: 0, trouble: 'disk full' }),
  })
  expect(failureOf(await run(['doctor'], { env: { BURSAR_URL: trouble, BURSAR_TOKEN: ADMIN_TOKEN } }))).toBe('disk full')
})

test('doctor lists the models that have no price, and is content with the sums all the same', async () => {
  const unpriced = [
    { provider: 'vllm', model: 'ours', calls: 1200, tokens: 90_000 },
    { provider: 'azure', model: 'our-deployment', calls: 1, tokens: 7 },
  ]
  const env = {
    BURSAR_URL: await serveApi({
      diagnose: async () => ({ differences: [], unpriced, setAside: { count: 0, records: [] }, callsInFlight: 0 }),
    }),
    BURSAR_TOKEN: ADMIN_TOKEN,
  }
  const { stdout, error } = await run(['doctor'], { env })
  expect(error).toBeUndefined()
  expect(stdout).toBe(
    [
      "every account, close and report adds up to the ledger's calls",
      '',
      'no price is known for these models of the last 30 days: they cost 0 USD in every report until "prices" in the config has them',
      '  vllm/ours             1,200 calls  90,000 tokens',
      '  azure/our-deployment       1 call       7 tokens',
      '',
    ].join('\n'),
  )
})

test('doctor --bounds has a line for each model and each day, and says whether a cap was passed', async () => {
  const { stdout, error } = await run(['doctor', '--bounds'])
  expect(error).toBeUndefined()
  expect(stdout).toBe(
    [
      'model                        calls  passed their hold  by at most  spared a refusal     held    used  held / used',
      'openai/gpt-4o-mini              50                  1          12                 7  100,000  36,000        2.8 x',
      'anthropic/claude-sonnet-4-5      1                  0           0                 0      900     450        2.0 x',
      '',
      'day         calls  passed their hold  by at most  spared a refusal    held    used  held / used',
      '2026-11-18     40                  0           0                 3  90,000  30,000        3.0 x',
      '2026-11-17     11                  1          12                 4  10,900   6,450        1.7 x',
      '',
      'overshoot: 0, every hard cap held',
      '',
    ].join('\n'),
  )
  expect(JSON.parse((await run(['doctor', '--bounds', '--json'])).stdout)).toMatchObject({
    rows: [{ day: '2026-11-18', worst_excess: 0 }, {}, {}],
  })
})

test('doctor --bounds names the hard caps that were passed, and by how much', async () => {
  const passed = { ...STANDINGS[1]!, used: 1300, held: 0, overrun: 90 }
  const engine = { ...sampleDeps().deps.engine, standings: async () => [passed, { ...passed, overrun: 0 }, STANDINGS[0]!] }
  const env = { BURSAR_URL: await serveApi({ engine }), BURSAR_TOKEN: ADMIN_TOKEN }
  const { stdout } = await run(['doctor', '--bounds'], { env })
  expect(stdout).toContain('overshoot: calls that used more than they held passed these hard caps\n  global  50  tokens\n')
  expect(JSON.parse((await run(['doctor', '--bounds', '--json'], { env })).stdout)).toMatchObject({
    overshoot: [{ budget: 'global', account: null, unit: 'tokens', amount: 50 }],
  })
})

test('doctor names the models that are distrusted, and trusts one again', async () => {
  const env = { BURSAR_URL: await serveApi({ distrusts: DISTRUSTS }), BURSAR_TOKEN: ADMIN_TOKEN }
  expect((await run(['doctor'], { env })).stdout).toContain('  local/maker/endless  900 tokens of output  1970-01-01T00:00:05.000Z\n')
  const { stdout, error } = await run(['doctor', '--trust', 'local/maker/endless'], { env })
  expect(error).toBeUndefined()
  expect(stdout).toBe('local/maker/endless is trusted again: its calls hold what they are told at most\n')
  expect((await run(['doctor', '--trust', 'local/other'], { env })).error).toMatchObject({
    message: expect.stringContaining('local/other is not distrusted') as string,
  })
  expect((await run(['doctor', '--trust', 'local'], { env })).error).toMatchObject({
    message: expect.stringContaining('"local" is no PROVIDER/MODEL') as string,
  })
})

test('doctor --bounds names what was not known of requests', async () => {
  const unknownInputs = () => [{ provider: 'openai', model: 'gpt-5', what: 'option "plugins"', calls: 3 }]
  const env = { BURSAR_URL: await serveApi({ unknownInputs }), BURSAR_TOKEN: ADMIN_TOKEN }
  expect((await run(['doctor', '--bounds'], { env })).stdout).toContain('  openai/gpt-5  option "plugins"  3\n')
})

const BIN = new URL('../../bin/bursar.js', import.meta.url).pathname

test('a watched status ends with SIGINT', async () => {
  const env = { ...process.env, BURSAR_URL: url, BURSAR_TOKEN: ADMIN_TOKEN }
  const child = spawn(process.execPath, [BIN, 'status', '--watch'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  await once(child.stdout, 'data')
  child.kill('SIGINT')
  await once(child, 'exit')
  expect(child.signalCode ?? child.exitCode).toBe('SIGINT')
})

test('--version says the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  expect((await run(['--version'])).stdout).toBe(`${version}\n`)
})

import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { type Channel, createChannels } from './alerts/channels/create-channels.ts'
import { createDeliveryWorker } from './alerts/delivery.ts'
import { testChannel } from './alerts/test-channel.ts'
import { createApi } from './api/app.ts'
import type { ApiDeps } from './api/deps.ts'
import { FailedTokens } from './api/failed-tokens.ts'
import { problemBody } from './api/problem.ts'
import type { Config } from './config/config.ts'
import type { KeyRow } from './domain/record.ts'
import { createCallIds } from './engine/call-ids.ts'
import { diagnose } from './engine/doctor.ts'
import { Distrusts } from './engine/distrust.ts'
import { type Engine, startEngine } from './engine/engine.ts'
import { ExpectedOutput } from './engine/expected-output.ts'
import { InputMargins } from './engine/input-margins.ts'
import { SetAsideWatch } from './engine/set-aside-watch.ts'
import { hashSecret, KeyBook } from './engine/key-book.ts'
import { keeping } from './engine/keep.ts'
import { createKeys, FILE_KEY_PREFIX } from './engine/keys.ts'
import { ObjectBook } from './engine/object-book.ts'
import type { Clock, Ids, Ledger } from './engine/ports.ts'
import { systemClock } from './engine/system-clock.ts'
import { Conversations } from './gateway/conversations.ts'
import { JobPoller } from './gateway/job-poller.ts'
import { BodyReader } from './http/body.ts'
import { createPipeline, type GatewayDeps } from './gateway/pipeline.ts'
import { createRouter } from './gateway/route.ts'
import { UnknownInputs } from './gateway/unknown-inputs.ts'
import { createUpstream } from './gateway/upstream.ts'
import { crossOrigin } from './http/cross-origin.ts'
import { createMetrics, type Metrics } from './http/metrics.ts'
import { countableText, isAllText } from './providers/countable-text.ts'
import { PriceBook } from './providers/prices/price-book.ts'
import { apiShape, apiShapes } from './providers/registry.ts'
import { countTokens, loadTokenizer } from './providers/tokenizer.ts'
import { type HandOver, Port, type PortOptions } from './server/port.ts'
import { startTicking } from './server/ticker.ts'
import { openStore, type Store } from './open-store.ts'

/** A running Bursar. */
export interface App {
  readonly engine: Engine
  readonly url: string
  /**
   * Refuses new calls, waits for the open ones, writes everything down, and ends.
   * @param handOver waited for while nothing is open any more and callers are still told to come again
   */
  readonly close: (handOver?: HandOver) => Promise<void>
}

export interface AppOptions {
  readonly clock?: Clock
  /** One line about what goes on; never holds a secret or a prompt. */
  readonly log: (message: string, error?: unknown) => void
  /** True where the process before this one still answers on the port, and will leave it. */
  readonly isSuccessor?: boolean
  /** Whether a token opens the control plane. */
  readonly isAdminToken: (token: string) => boolean
}

/** A disk that hangs must not keep a failed start from ending. */
const UNDO_MS = 5000

/** Paths of the control plane; everything else is a call to a provider. */
const CONTROL_PLANE = /^\/(?:$|\?|api\/v1(?:\/|$|\?)|docs(?:\/|$|\?)|metrics(?:$|\?)|healthz(?:$|\?)|readyz(?:$|\?))/

/**
 * Starts Bursar as configured: recovers the ledger, ends what a dead process left, and listens.
 * @throws what keeps it from starting; then nothing is left open
 */
export async function startApp(config: Config, options: AppOptions): Promise<App> {
  const undoing: (() => Promise<void>)[] = []
  try {
    return await start(config, options, (undo) => undoing.push(undo))
  } catch (error) {
    await undoAll(undoing, options.log)
    throw error
  }
}

/** Undoes each step, also where another one can't be undone: what kept Bursar from starting is what is told. */
async function undoAll(steps: readonly (() => Promise<void>)[], log: AppOptions['log']): Promise<void> {
  const undone = async () => {
    for (const undo of steps.toReversed()) await undo().catch((error: unknown) => log('a start that failed could not be undone', error))
  }
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const deadline = setTimeout(resolve, UNDO_MS)
  await Promise.race([undone(), late])
  clearTimeout(deadline)
}

/** @param onFailure takes what undoes a step where a later one fails */
async function start(config: Config, options: AppOptions, onFailure: (undo: () => Promise<void>) => void): Promise<App> {
  const { log, isAdminToken } = options
  const { server } = config
  let deliveries: { readonly wake: () => void } | undefined
  const channels = enabledChannels(config)
  const store = await openStore({
    store: config.store,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    base: systemClock,
    channelNames: channels.map(({ name }) => name),
    onAlerts: () => deliveries?.wake(),
    onTrouble: (message) => log(message),
  })
  onFailure(store.close)
  const { clock, catalog, journal } = store
  const ids = createCallIds(() => clock.now())
  const keys = new KeyBook([...fileKeys(config, clock.now()), ...(await catalog.read()).keys])
  const engine = await startConfigured(config, { store, ids, keys, log })
  const distrusts = await readDistrusts(store, ids)
  const unknownInputs = new UnknownInputs()
  const worker = createDeliveryWorker({ ledger: dueInTurn(store), journal, clock, channels, log })
  onFailure(worker.stop)
  deliveries = worker
  deliveries.wake()

  const { aside, metrics } = observe(store, { engine, unknownInputs }, log)
  const upstreams = config.providers.map((provider) => createUpstream(provider, apiShape(provider.api)))
  let isDraining = false
  const closing = new AbortController()
  const objects = new ObjectBook({ journal, ledger: store.ledger, clock })
  const pipeline = createPipeline({
    engine,
    objects,
    keys,
    upstreams,
    clock,
    countTokens,
    countableText,
    isAllText,
    router: createRouter(apiShapes, new Map(config.providers.map(({ name, api }) => [name, api]))),
    bodies: new BodyReader({ bytesMax: server.bodyBytesMax, bytesInFlightMax: server.bytesInFlightMax }),
    outputMaxOf: (route, model) => route.shape.outputMaxOf(model),
    ...createMemory(distrusts, unknownInputs),
    isDraining: () => isDraining,
    closing: closing.signal,
    onHangUp: server.onHangUp,
    events: { refused: metrics.refused, ended: metrics.ended, defect: (error) => log('a call ended in an unexpected error', error) },
  })
  const disabled = config.alerts.channels.flatMap((channel) => (channel.kind === 'disabled' ? [channel.name] : []))
  const health = () => healthOf({ store, engine, aside }, isDraining)
  const seen = { distrusts, unknownInputs: () => unknownInputs.all() }
  const api = controlPlaneOf({ store, engine, seen, keys, ids, channels, disabled, health, metrics: metrics.text, log, isAdminToken })
  const port = await openPort({ config, options, gateway: pipeline, controlPlane: getRequestListener(api.fetch) })
  const jobs = new JobPoller({ engine, objects, upstreams, clock, countTokens, ended: metrics.ended, log })
  const ticking = startTicking([...ticksOf(store, { engine, aside, distrusts, jobs }), keepFor(store, config.store.keepMs)], log)
  return {
    engine,
    url: port.url,
    close: async (handOver) => {
      isDraining = true
      await port.drain(engine, closing)
      clearInterval(ticking)
      await worker.stop()
      await Promise.all(upstreams.map(({ pool }) => pool.destroy()))
      await store.close()
      await port.leave(handOver)
    },
  }
}

async function readDistrusts({ journal, ledger, clock }: Store, ids: Ids): Promise<Distrusts> {
  const distrusts = new Distrusts({ journal, ledger, clock, ids })
  await distrusts.read()
  return distrusts
}

type Ticking = { readonly [name in 'engine' | 'aside' | 'distrusts' | 'jobs']: { readonly tick: () => Promise<unknown> } }

/** What is done every second. What other processes found out is read only where there are others. */
function ticksOf(store: Store, { engine, aside, distrusts, jobs }: Ticking): readonly (() => Promise<unknown>)[] {
  const shared = store.counters.isShared ? [() => distrusts.tick()] : []
  return [engine.tick, () => aside.tick(), () => inTurn(store, async () => void (await jobs.tick())), ...shared]
}

/** What an operator sees of the process. */
function observe(
  { ledger, journal }: Store,
  { engine, unknownInputs }: { readonly engine: Engine; readonly unknownInputs: UnknownInputs },
  log: AppOptions['log'],
): { readonly aside: SetAsideWatch; readonly metrics: Metrics } {
  const aside = new SetAsideWatch({ ledger, journal, log, monotonic: () => performance.now() })
  const metrics = createMetrics(engine.standings, {
    callsInFlight: engine.callsInFlight,
    trouble: () => journal.trouble() !== undefined,
    recordsSetAside: () => aside.count,
    unknownInputs: () => unknownInputs.all(),
  })
  return { aside, metrics }
}

/** What is learnt from the calls that end. */
function createMemory(
  distrusts: Distrusts,
  unknownInputs: UnknownInputs,
): Pick<GatewayDeps, 'expectedOutput' | 'inputMargins' | 'conversations' | 'distrusts' | 'unknownInputs'> {
  const [expectedOutput, inputMargins, conversations] = [new ExpectedOutput(), new InputMargins(), new Conversations()]
  return { expectedOutput, inputMargins, conversations, distrusts, unknownInputs }
}

interface ControlPlane extends Pick<AppOptions, 'log' | 'isAdminToken'>, Pick<ApiDeps, 'engine' | 'health' | 'metrics'> {
  readonly store: Store
  readonly seen: Pick<ApiDeps, 'distrusts' | 'unknownInputs'>
  readonly keys: KeyBook
  readonly ids: Ids
  readonly channels: readonly Channel[]
  /** The names of the channels that have no address. */
  readonly disabled: readonly string[]
}

function controlPlaneOf({
  store,
  engine,
  seen,
  keys,
  ids,
  channels,
  disabled,
  health,
  metrics,
  log,
  isAdminToken,
}: ControlPlane): ReturnType<typeof createApi> {
  const { clock, counters, catalog, journal, ledger } = store
  return createApi({
    ...seen,
    engine,
    ledger,
    clock,
    keys: createKeys({ keys, catalog, journal, clock, ids }),
    diagnose: () => diagnose({ counters, ledger, journal, clock }),
    testChannel: (name) => testChannel({ channels, disabled }, name, clock.now()),
    defect: (error) => log('the control plane ended in an unexpected error', error),
    isAdminToken,
    failedTokens: new FailedTokens(log),
    health,
    metrics,
  })
}

function startConfigured(
  config: Config,
  { store, ids, keys, log }: { readonly store: Store; readonly ids: Ids; readonly keys: KeyBook; readonly log: AppOptions['log'] },
): Promise<Engine> {
  const { holdTtlMs, onLost } = config.store
  const prices = new PriceBook(config.prices, config.providers)
  const onKeys = (rows: readonly KeyRow[]) => keys.load(rows, ({ id }) => id.startsWith(FILE_KEY_PREFIX))
  const { counters, catalog, journal, clock } = store
  return startEngine(
    { counters, catalog, journal, clock, ids, prices, holdTtlMs, onLost, onKeys, onFull: (message) => log(message) },
    config.budgets,
  )
}

/** Deliveries are owed once, whichever process brings them. */
function dueInTurn({ ledger, isMyTurn }: Store): Pick<Ledger, 'dueDeliveries'> {
  return { dueDeliveries: async (at, limit) => ((await isMyTurn()) ? ledger.dueDeliveries(at, limit) : []) }
}

async function inTurn({ isMyTurn }: Store, run: () => Promise<void>): Promise<void> {
  if (await isMyTurn()) await run()
}

/** Drops what is older than it is to be kept, where somebody said how old that is. */
function keepFor(store: Store, keepMs: number | undefined): () => Promise<void> {
  if (keepMs === undefined) return () => Promise.resolve()
  const { retention, clock } = store
  const keep = keeping({ retention, clock, keepMs, monotonic: () => performance.now() })
  return () => inTurn(store, keep)
}

interface Handlers extends Pick<PortOptions, 'gateway' | 'controlPlane'> {
  readonly config: Config
  readonly options: AppOptions
}

async function openPort({ config, options, ...handlers }: Handlers): Promise<Port> {
  // Read now: once there are connections, there may be no file descriptor left to read it with.
  loadTokenizer()
  return Port.open({
    ...config.server,
    ...handlers,
    gateway: crossOrigin(handlers.gateway, config.server.corsOrigins),
    isSuccessor: options.isSuccessor === true,
    isControlPlane: (url) => CONTROL_PLANE.test(url),
    closed: answerClosed,
    failed: (error) => options.log('a request ended in an unexpected error', error),
  })
}

async function answerClosed(_: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = { 'content-type': 'application/problem+json', 'retry-after': '1', connection: 'close' }
  response.writeHead(503, headers).end(JSON.stringify(problemBody(503, 'shutting_down', 'this process has ended its work: ask again')))
}

function enabledChannels(config: Config): readonly Channel[] {
  const enabled = config.alerts.channels.filter((channel) => channel.kind !== 'disabled')
  return createChannels(enabled, { allowPrivateUrls: config.alerts.allowsPrivateUrls })
}

function fileKeys(config: Config, createdAt: number): readonly KeyRow[] {
  return config.keys.map(({ name, secret, team, project, user, allow, models, objects }) => ({
    id: `${FILE_KEY_PREFIX}${name}`,
    name,
    hash: hashSecret(secret),
    hint: '',
    attributes: {
      ...(team === undefined ? {} : { team }),
      ...(project === undefined ? {} : { project }),
      ...(user === undefined ? {} : { user }),
    },
    allow,
    models,
    objects,
    createdAt,
  }))
}

interface Watched {
  readonly store: Pick<Store, 'journal' | 'ledgerTrouble'>
  readonly engine: Pick<Engine, 'clockWarning'>
  readonly aside: SetAsideWatch
}

function healthOf({ store, engine, aside }: Watched, isDraining: boolean): ReturnType<ApiDeps['health']> {
  const trouble = store.journal.trouble()
  const reasons = [...(trouble === undefined ? [] : [trouble]), ...(isDraining ? ['shutting down'] : [])]
  const warnings = [aside.warning(), engine.clockWarning(), store.ledgerTrouble()].filter((warning) => warning !== undefined)
  return { ready: reasons.length === 0, reasons, warnings }
}

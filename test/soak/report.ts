import { type Endurance, WARM_UP_SHARE } from './endurance.ts'
import { type Gauge, GAUGES, type Sample } from './gauges.ts'
import { type Trend, trendOf } from './trend.ts'

/** How a gauge went over what is judged. */
export interface Course {
  readonly gauge: Gauge
  readonly first: number
  readonly last: number
  readonly most: number
  /** For each call, and for each minute. */
  readonly perCall: Trend
  readonly perMinute: Trend
  readonly verdict: 'flat' | 'bounded' | 'grows' | 'unclear' | 'too large' | 'not judged'
}

/** The smallest object that could be kept for a call by mistake has 24 bytes, and 8 in whatever keeps it. */
const BYTES_PER_CALL = 16
/** Beside that so much comes, over all that is judged, with code that runs for the first time. */
const CODE_BYTES = { compiled: 400_000, interpreted: 100_000 } as const
const RSS_SHARE = 0.1
/** A soak that is shorter says nothing of what the system gives to a process. */
const RSS_MS_MIN = 300_000
/** Connections come and go with the calls. */
const COUNT_PER_CALL = 0.002
const CONNECTIONS = 32
/** `journal_size_limit` and a batch; two files of the journal, and a turn. */
const BOUNDS = { wal: 80 << 20, journal: 136 << 20 } as const

export function coursesOf({ samples, options }: Pick<Endurance, 'samples' | 'options'>): readonly Course[] {
  const judged = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  const codeBytes = CODE_BYTES[options.isCompiled ? 'compiled' : 'interpreted']
  return GAUGES.filter((gauge) => !Number.isNaN(judged[0]?.values[gauge])).map((gauge) => courseOf(gauge, judged, codeBytes))
}

function courseOf(gauge: Gauge, samples: readonly Sample[], codeBytes: number): Course {
  const values = samples.map((sample) => sample.values[gauge])
  const first = values[0] ?? 0
  const last = values.at(-1) ?? 0
  const most = Math.max(...values)
  const perCall = trendOf(samples.map((sample) => [sample.calls, sample.values[gauge]]))
  const perMinute = trendOf(samples.map((sample) => [sample.atMs / 60_000, sample.values[gauge]]))
  return { gauge, first, last, most, perCall, perMinute, verdict: verdictOf(gauge, { samples, perCall, first, most, codeBytes }) }
}

interface Judged extends Pick<Course, 'perCall' | 'first' | 'most'> {
  readonly samples: readonly Sample[]
  readonly codeBytes: number
}

function verdictOf(gauge: Gauge, { samples, perCall, first, most, codeBytes }: Judged): Course['verdict'] {
  const [begin, end] = [samples[0], samples.at(-1)]
  const calls = (end?.calls ?? 0) - (begin?.calls ?? 0)
  if (gauge === 'wal' || gauge === 'journal') return most <= BOUNDS[gauge] ? 'bounded' : 'too large'
  // It is what it is for.
  if (gauge === 'ledger') return 'not judged'
  if (gauge === 'rss' && (end?.atMs ?? 0) - (begin?.atMs ?? 0) < RSS_MS_MIN) return 'not judged'
  const allowed = allowedPerCall(gauge, { calls, first, codeBytes })
  if (perCall.slope + perCall.margin <= allowed) return 'flat'
  return perCall.slope > allowed && perCall.slope - perCall.margin > 0 ? 'grows' : 'unclear'
}

function allowedPerCall(
  gauge: Gauge,
  { calls, first, codeBytes }: Pick<Judged, 'first' | 'codeBytes'> & { readonly calls: number },
): number {
  if (gauge === 'handles' || gauge === 'files') return COUNT_PER_CALL + CONNECTIONS / calls
  if (gauge === 'rss') return (first * RSS_SHARE) / calls
  return BYTES_PER_CALL + codeBytes / calls
}

/** What speaks against it; empty: memory is flat. */
export function complaints(endurance: Endurance): readonly string[] {
  const bad = coursesOf(endurance).filter(({ verdict }) => verdict === 'grows' || verdict === 'unclear' || verdict === 'too large')
  return bad.map(({ gauge, verdict, perCall, perMinute }) => {
    const rate = `${amount(gauge, perMinute.slope)}/min (${perCall.slope.toFixed(1)} per call, give or take ${perCall.margin.toFixed(1)})`
    return verdict === 'too large'
      ? `${NAMES[gauge]}: too large`
      : `${NAMES[gauge]}: ${verdict === 'grows' ? 'grows' : 'can not be told'}, by ${rate}`
  })
}

const NAMES: Readonly<Record<Gauge, string>> = {
  heap: 'heap, main thread',
  threads: 'heaps, other threads',
  buffers: 'buffers',
  rss: 'resident memory',
  handles: 'active resources',
  files: 'open files',
  wal: 'write-ahead log',
  journal: 'journal',
  ledger: 'ledger',
  redis: "Redis's data",
}

export function reportLines(endurance: Endurance): readonly string[] {
  const { options, samples, outcomes, alerts } = endurance
  const calls = samples.at(-1)?.calls ?? 0
  const seconds = (samples.at(-1)?.atMs ?? 0) / 1000
  const said = complaints(endurance)
  return [
    `${(seconds / 60).toFixed(1)} minutes on ${options.store}, ${calls} calls (${(calls / Math.max(1, seconds)).toFixed(0)} a second), ${alerts} alerts delivered or tried`,
    `answers: ${[...outcomes]
      .sort(([, a], [, b]) => b - a)
      .map(([outcome, count]) => `${outcome}: ${count}`)
      .join(', ')}`,
    `looked at ${samples.length} times, each after all garbage was collected; judged from a third on:`,
    '',
    row(['', 'first', 'last', 'most', 'a minute', 'a call', '']),
    ...coursesOf(endurance).map(({ gauge, first, last, most, perMinute, perCall, verdict }) =>
      row([
        NAMES[gauge],
        amount(gauge, first),
        amount(gauge, last),
        amount(gauge, most),
        `${amount(gauge, perMinute.slope)} ±${amount(gauge, perMinute.margin)}`,
        `${perCall.slope.toFixed(gauge === 'handles' || gauge === 'files' ? 5 : 1)} ±${perCall.margin.toFixed(1)}`,
        verdict,
      ]),
    ),
    '',
    ...(said.length === 0 ? ['Memory is flat.'] : said.map((what) => `NOT FLAT: ${what}`)),
  ]
}

const WIDTHS = [22, 10, 10, 10, 22, 14, 0]

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0] ?? 0) : cell.padStart(WIDTHS[i] ?? 0)))
    .join(' ')
    .replace(/ (\S+(?: \S+)?)$/, '  $1')
    .trimEnd()
}

function amount(gauge: Gauge, value: number): string {
  if (gauge === 'handles' || gauge === 'files') return value.toFixed(Number.isInteger(value) ? 0 : 2)
  return Math.abs(value) < 1 << 20 ? `${(value / 1024).toFixed(1)} KB` : `${(value / (1 << 20)).toFixed(2)} MB`
}

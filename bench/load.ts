import { connect } from 'node:net'
import { createInterface } from 'node:readline'

/*
 * Closed-loop load: so many keep-alive connections, each with one request at a time. Hand-written over sockets, so that the load
 * costs less than what is measured. Each line of its input is a window: it loads for a while to settle in, prints a line when
 * that is over, measures, and prints a line with the result; then it rests, with its connections open. A connection that is lost
 * in a window counts as failed, and is opened again at any time: a system that drops calls must not look fast.
 */

const [port = 0, connections = 32] = process.argv.slice(2, 4).map(Number)
const token = process.argv[4] ?? 'none'
const isStream = process.argv[5] === 'stream'

const body = JSON.stringify({
  model: 'gpt-4o-mini',
  max_tokens: 100,
  temperature: 0.2,
  ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
  messages: [
    { role: 'system', content: 'You are a careful assistant. '.repeat(12) },
    { role: 'user', content: 'How much of the budget of this month is left? '.repeat(10) },
  ],
})
const request = Buffer.from(
  `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
)

const RECONNECT_MS = 20
const starts = new Set<() => void>()
let isLoading = false
let isMeasuring = false
let latencies: number[] = []
let done = 0
let failed = 0

function open(): void {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let sentAt: number | undefined
  let pending = ''
  const send = () => {
    sentAt = performance.now()
    pending = ''
    socket.write(request)
  }
  const startSending = () => {
    // What is left of the window before is answered first.
    if (sentAt === undefined) send()
  }
  socket.on('connect', () => {
    starts.add(startSending)
    if (isLoading) send()
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    starts.delete(startSending)
    if (isLoading || sentAt !== undefined) failed++
    setTimeout(open, RECONNECT_MS)
  })
  socket.on('data', (chunk: Buffer) => {
    pending += chunk.toString('latin1')
    const status = statusOfWhole(pending)
    if (status === undefined || sentAt === undefined) return
    count(status, sentAt)
    sentAt = undefined
    if (isLoading) send()
  })
}

/** The status of an answer that is there in full; undefined: more is to come. */
function statusOfWhole(text: string): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = text.slice(0, headEnd)
  const length = /content-length: *(\d+)/i.exec(head)?.[1]
  const isWhole = length === undefined ? text.endsWith('\r\n0\r\n\r\n') : text.length >= headEnd + 4 + Number(length)
  return isWhole ? Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)) : undefined
}

function count(status: number, sentAt: number): void {
  if (status !== 200) failed++
  if (!isMeasuring) return
  if (status === 200) done++
  latencies.push(performance.now() - sentAt)
}

interface Window {
  readonly settleMs: number
  readonly measureMs: number
}

async function load({ settleMs, measureMs }: Window): Promise<void> {
  isLoading = true
  for (const start of starts) start()
  await after(settleMs)
  console.log(JSON.stringify({ isSettled: true }))
  latencies = []
  done = 0
  isMeasuring = true
  await after(measureMs)
  isMeasuring = false
  isLoading = false
  latencies.sort((a, b) => a - b)
  const at = (share: number) => Number((latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(3))
  console.log(
    JSON.stringify({
      perSecond: Math.round((done / measureMs) * 1000),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      failed,
      measured: latencies.length,
    }),
  )
  failed = 0
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

for (let i = 0; i < connections; i++) open()
createInterface({ input: process.stdin })
  .on('line', (line) => void load(JSON.parse(line)))
  // Nobody is left to ask for a window.
  .on('close', () => process.exit(0))

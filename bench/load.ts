import { connect } from 'node:net'

/*
 * Closed-loop load: so many keep-alive connections, each with one request at a time, for a warm-up and then a measurement.
 * Hand-written over sockets, so that the load costs less than what is measured. Prints a line of JSON when it is warm, and one
 * with the result. A connection that is lost counts as failed, at any time, and is opened again: a system that drops calls must
 * not look fast.
 */

const [port = 0, connections = 32, warmUpMs = 3000, measureMs = 5000] = process.argv.slice(2, 6).map(Number)
const token = process.argv[6] ?? 'none'
const isStream = process.argv[7] === 'stream'

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

const startedAt = performance.now()
const latencies: number[] = []
let done = 0
let failed = 0

function isMeasuring(at: number): boolean {
  return at - startedAt >= warmUpMs
}

const RECONNECT_MS = 20

function open(): void {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let sentAt = 0
  let pending = ''
  const send = () => {
    sentAt = performance.now()
    pending = ''
    socket.write(request)
  }
  socket.on('connect', send)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    failed++
    setTimeout(open, RECONNECT_MS)
  })
  socket.on('data', (chunk: Buffer) => {
    pending += chunk.toString('latin1')
    const status = statusOfWhole(pending)
    if (status === undefined) return
    count(status, sentAt)
    send()
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
  const now = performance.now()
  if (status !== 200) failed++
  if (!isMeasuring(now)) return
  if (status === 200) done++
  latencies.push(now - sentAt)
}

for (let i = 0; i < connections; i++) open()

setTimeout(() => console.log(JSON.stringify({ isWarm: true })), warmUpMs)

setTimeout(() => {
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
  process.exit(0)
}, warmUpMs + measureMs)

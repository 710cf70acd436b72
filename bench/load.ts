import { connect } from 'node:net'

/*
 * Closed-loop load: so many keep-alive connections, each with one request at a time, for a warm-up and then a measurement.
 * Hand-written over sockets, so that the load costs less than what is measured. Prints one line of JSON.
 */

const [port = 0, connections = 32, warmUpMs = 3000, measureMs = 5000] = process.argv.slice(2, 6).map(Number)
const token = process.argv[6] ?? 'none'

const body = JSON.stringify({
  model: 'gpt-4o-mini',
  max_tokens: 100,
  temperature: 0.2,
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
let total = 0

function isMeasuring(at: number): boolean {
  return at - startedAt >= warmUpMs
}

for (let i = 0; i < connections; i++) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let sentAt = 0
  let pending = ''
  const send = () => {
    sentAt = performance.now()
    socket.write(request)
  }
  socket.on('connect', send)
  socket.on('error', () => failed++)
  socket.on('data', (chunk: Buffer) => {
    pending += chunk.toString('latin1')
    const headEnd = pending.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const head = pending.slice(0, headEnd)
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN)
    const isWhole = Number.isNaN(length) ? pending.endsWith('0\r\n\r\n') : pending.length >= headEnd + 4 + length
    if (!isWhole) return
    pending = ''
    total++
    const now = performance.now()
    if (isMeasuring(now)) {
      if (head.startsWith('HTTP/1.1 200')) done++
      else failed++
      latencies.push(now - sentAt)
    }
    send()
  })
}

setTimeout(() => {
  latencies.sort((a, b) => a - b)
  const at = (share: number) => Number((latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(3))
  console.log(JSON.stringify({ perSecond: Math.round((done / measureMs) * 1000), p50Ms: at(0.5), p99Ms: at(0.99), failed, total }))
  process.exit(0)
}, warmUpMs + measureMs)

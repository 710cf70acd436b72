import { createServer } from 'node:net'

/*
 * A provider that costs nothing: hand-written HTTP/1.1 over a socket, a fixed chat completion of about 800 bytes for every
 * request, or the same as a stream of 20 events where the request asks for one. On paper it answers several times as many requests as a relay can pass on, so it is never the limit.
 */

const body = JSON.stringify({
  id: 'chatcmpl-bench-0123456789',
  object: 'chat.completion',
  created: 1_760_000_000,
  model: 'gpt-4o-mini-2024-07-18',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'A budget says what may be used. '.repeat(6), refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: {
    prompt_tokens: 180,
    completion_tokens: 50,
    total_tokens: 230,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  },
})
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: keep-alive\r\n\r\n${body}`,
)

const EVENTS = 20

/** The answer as a chunked stream of server-sent events, usage at its end; all in one write. */
function streamed(): Buffer {
  const { choices: _choices, usage, ...base } = JSON.parse(body)
  const chunk = (choices: readonly unknown[], more: object = {}) =>
    `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, usage: null, ...more })}\n\n`
  const events = Array.from({ length: EVENTS }, () => chunk([{ index: 0, delta: { content: ' A budget' }, finish_reason: null }]))
  const ends = [chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]), chunk([], { usage }), 'data: [DONE]\n\n']
  const chunks = [...events, ...ends].map((text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n${chunks.join('')}0\r\n\r\n`,
  )
}

const stream = streamed()
const HEAD_END = Buffer.from('\r\n\r\n')

const server = createServer((socket) => {
  let pending: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (;;) {
      const headEnd = pending.indexOf(HEAD_END)
      if (headEnd < 0) return
      const length = Number(/content-length: *(\d+)/i.exec(pending.toString('latin1', 0, headEnd))?.[1] ?? 0)
      const end = headEnd + HEAD_END.length + length
      if (pending.length < end) return
      const isStream = pending.subarray(headEnd, end).includes('"stream":true')
      pending = pending.subarray(end)
      socket.write(isStream ? stream : answer)
    }
  })
})

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === 'object' && address !== null ? address.port : 0 }))
})

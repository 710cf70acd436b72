import { createServer } from 'node:net'

/*
 * A provider that costs nothing: hand-written HTTP/1.1 over a socket, a fixed chat completion of about 600 bytes for every
 * request. On paper it answers several times as many requests as a relay can pass on, so it is never the limit.
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
      pending = pending.subarray(end)
      socket.write(answer)
    }
  })
})

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === 'object' && address !== null ? address.port : 0 }))
})

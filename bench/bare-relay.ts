import { createServer } from 'node:http'
import { Pool } from 'undici'

/*
 * The floor: what node:http and undici cost without Bursar. Parses the request's and the answer's JSON, as any gateway that
 * reads models and usage has to; nothing else. A stream is passed on as it comes, and each of its events is parsed.
 */

const pool = new Pool(process.argv[2] ?? '')

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    JSON.parse(body.toString())
    const answer: Buffer[] = []
    let status = 0
    let isStream = false
    pool.dispatch(
      {
        path: request.url ?? '/',
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': String(body.length), authorization: 'Bearer provider' },
        body,
      },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code, headers) => {
          status = code
          isStream = headers['content-type'] === 'text/event-stream'
          if (isStream) response.writeHead(status, { 'content-type': 'text/event-stream' })
        },
        onResponseData: (_controller, chunk) => {
          answer.push(chunk)
          if (isStream) response.write(chunk)
        },
        onResponseEnd: () => {
          if (isStream) {
            parseEvents(Buffer.concat(answer).toString())
            response.end()
            return
          }
          const whole = Buffer.concat(answer)
          JSON.parse(whole.toString())
          response.writeHead(status, { 'content-type': 'application/json', 'content-length': whole.length })
          response.end(whole)
        },
        onResponseError: () => response.destroy(),
      },
    )
  })
})

function parseEvents(text: string): void {
  for (const line of text.split('\n')) {
    if (line.startsWith('data: {')) JSON.parse(line.slice('data: '.length))
  }
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === 'object' && address !== null ? address.port : 0 }))
})

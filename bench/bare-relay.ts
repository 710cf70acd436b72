import { createServer } from 'node:http'
import { Pool } from 'undici'

/*
 * The floor: what node:http and undici cost without Bursar. Parses the request's and the answer's JSON, as any gateway that
 * reads models and usage has to; nothing else.
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
    pool.dispatch(
      {
        path: request.url ?? '/',
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': String(body.length), authorization: 'Bearer provider' },
        body,
      },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code) => {
          status = code
        },
        onResponseData: (_controller, chunk) => {
          answer.push(chunk)
        },
        onResponseEnd: () => {
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

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === 'object' && address !== null ? address.port : 0 }))
})

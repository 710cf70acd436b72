import { createServer } from 'node:http'
import { z } from 'zod'

/** What a team's pager would show. */
export interface Page {
  readonly text: string
  /** When the budget was at that point, in milliseconds since 1970; the message may come later. */
  readonly at: number
}

export interface Pager {
  readonly url: string
  /** In the order in which they came. */
  readonly pages: readonly Page[]
  readonly close: () => Promise<void>
}

const alert = z.object({ type: z.string(), timestamp: z.string(), data: z.looseObject({ message: z.string().optional() }) })

/** Receives Bursar's real alerts over HTTP. */
export async function startPager(): Promise<Pager> {
  const pages: Page[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const page = toPage(body)
      if (page !== undefined) pages.push(page)
      response.writeHead(page === undefined ? 400 : 204).end()
    })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  return { url: `http://127.0.0.1:${port}/alerts`, pages, close }
}

function toPage(body: string): Page | undefined {
  try {
    const { type, timestamp, data } = alert.parse(JSON.parse(body))
    return { text: data.message ?? type, at: Date.parse(timestamp) }
  } catch {
    return undefined
  }
}

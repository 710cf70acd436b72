import type { ServerResponse } from 'node:http'
import type { SimulatedAnswer, SimulatedEvent } from './simulated-answer.ts'
import { errorBody, type Fault, type Shape } from './simulated-fault.ts'

/** How an answer goes out, and what may go wrong on the way. */
export interface Delivery {
  readonly response: ServerResponse
  readonly shape: Shape
  readonly fault: Fault | undefined
  /** Before each event of a stream. */
  readonly eventMs: number
  /** Told of output tokens as they go out. */
  readonly onOutput: (tokens: number) => void
}

/** An answer that is not streamed was produced in full before its first byte, so all of it counts whatever happens then. */
export function sendWhole({ response, fault, onOutput }: Delivery, { body, outputTokens }: SimulatedAnswer & { kind: 'whole' }): void {
  const text = JSON.stringify(body)
  onOutput(outputTokens)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  if (fault === undefined) response.end(text)
  else response.write(text.slice(0, text.length / 2), () => breakOff(response, fault))
}

const EVENTS_PER_TURN = 8

/** Sends the events with backpressure, until the client is gone; `onOutput` hears of those that went out. */
export async function sendEvents(delivery: Delivery, { events }: SimulatedAnswer & { kind: 'events' }): Promise<void> {
  const { response, fault, eventMs, onOutput } = delivery
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  const sent = fault === undefined ? events : events.slice(0, events.length / 2)
  for (const [i, event] of sent.entries()) {
    await turn(i, eventMs)
    if (response.destroyed) return
    onOutput(event.tokens ?? 0)
    if (!response.write(frame(event))) await drained(response)
  }
  if (fault === undefined) response.end()
  else if (fault === 'error-event') response.end(frame(errorEvent(delivery.shape)))
  else response.write(': breaking off\n\n', () => breakOff(response, fault))
}

function frame({ event, data }: SimulatedEvent): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
}

function errorEvent(shape: Shape): SimulatedEvent {
  const data = errorBody(shape, 500, 'simulated failure in mid-stream')
  return shape === 'anthropic' ? { event: 'error', data } : { data }
}

/** Now and then the loop turns, as between the tokens of a real answer. */
async function turn(number: number, eventMs: number): Promise<void> {
  if (eventMs > 0) await new Promise((resolve) => setTimeout(resolve, eventMs))
  else if (number > 0 && number % EVENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
}

function breakOff(response: ServerResponse, fault: Fault): void {
  if (fault === 'reset') response.destroy()
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.once('drain', done).once('close', done)
  })
}

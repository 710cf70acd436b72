import type { CallId } from '../../domain/ids.ts'
import type { Flight } from './flight.ts'

/**
 * V8 keeps the entries of a Map's outgrown tables until the next full collection, and a map of calls that come and go outgrows
 * one after the other: emptied when its call lands, a box leaves little behind.
 */
interface FlightBox {
  flight: Flight | undefined
}

/** The calls of this process that are in flight, in the order in which they took off. */
export class Flights {
  readonly #boxes = new Map<CallId, FlightBox>()

  get(call: CallId): Flight | undefined {
    return this.#boxes.get(call)?.flight
  }

  set(call: CallId, flight: Flight): void {
    this.#boxes.set(call, { flight })
  }

  delete(call: CallId): void {
    const box = this.#boxes.get(call)
    if (box === undefined) return
    box.flight = undefined
    this.#boxes.delete(call)
  }

  all(): readonly Flight[] {
    const flights: Flight[] = []
    for (const { flight } of this.#boxes.values()) if (flight !== undefined) flights.push(flight)
    return flights
  }
}

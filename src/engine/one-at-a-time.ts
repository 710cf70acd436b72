export type OneAtATime = <T>(run: () => Promise<T>) => Promise<T>

/** Makes a queue: what it is given runs one after the other, in order, whether or not what came before failed. */
export function oneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve()
  return (run) => {
    const next = last.then(run, run)
    last = next.catch(() => undefined)
    return next
  }
}

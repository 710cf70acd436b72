const TICK_MS = 1000

/** Each runs every second, and tells a trouble once, not every second that it lasts. */
export function startTicking(ticks: readonly (() => Promise<unknown>)[], log: (message: string, error?: unknown) => void): NodeJS.Timeout {
  const told = new Map<() => Promise<unknown>, string>()
  const run = async (tick: () => Promise<unknown>) => {
    try {
      await tick()
      told.delete(tick)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (told.get(tick) !== message) log('what runs every second failed', error)
      told.set(tick, message)
    }
  }
  return setInterval(() => ticks.forEach((tick) => void run(tick)), TICK_MS)
}

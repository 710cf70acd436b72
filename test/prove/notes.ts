import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** What is known of a call from outside of Bursar, by the one that asked and by the provider. */
export interface CallNote {
  /** The most that it may use; noted when it was let in. */
  readonly bound: number
  /** What the provider produced; absent: it was cut off before. */
  readonly produced?: number
  /** Whether the answer reached the caller. */
  readonly isAnswered: boolean
}

export interface NoteBook {
  readonly admitted: (call: string, bound: number) => void
  readonly produced: (call: string, tokens: number) => void
  readonly answered: (call: string) => void
}

/** Notes of one process; each line is with the kernel before the next step, so that a kill -9 loses none. */
export function openNotes(dir: string, name: string): NoteBook {
  const file = openSync(join(dir, `${name}.notes`), 'a')
  const note = (...words: readonly (string | number)[]) => writeSync(file, `${words.join(' ')}\n`)
  return {
    admitted: (call, bound) => note('admitted', call, bound),
    produced: (call, tokens) => note('produced', call, tokens),
    answered: (call) => note('answered', call),
  }
}

/** What all processes noted there. */
export function readNotes(dir: string): ReadonlyMap<string, CallNote> {
  const notes = new Map<string, CallNote>()
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.notes'))) {
    for (const line of readFileSync(join(dir, name), 'utf8').split('\n')) {
      const [kind, call = '', amount = '0'] = line.split(' ')
      const known = notes.get(call) ?? { bound: 0, isAnswered: false }
      if (kind === 'admitted') notes.set(call, { ...known, bound: Number(amount) })
      if (kind === 'produced') notes.set(call, { ...known, produced: Number(amount) })
      if (kind === 'answered') notes.set(call, { ...known, isAnswered: true })
    }
  }
  return notes
}

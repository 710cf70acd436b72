/** What a server answers: `OK` and the like are not strings to a script. */
export type Reply = number | string | null | RedisStatus | readonly Reply[]

export class RedisStatus {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** An answer that begins with `-`: Redis refused. */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal'
}

export const OK = new RedisStatus('OK')

export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'

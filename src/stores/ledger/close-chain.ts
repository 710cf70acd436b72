import { createHash } from 'node:crypto'
import type { ChainedClose } from '../../engine/ports.ts'

/** What a close says, without its place in the chain. */
export type CloseContent = Omit<ChainedClose, 'hash'>

/**
 * The hash that chains a close to the one before it: SHA-256 in hex over that one's hash, a newline, and the content.
 * @param previous '' for the first close
 * @param content the stored JSON, byte for byte
 */
export function chainHash(previous: string, content: string): string {
  return createHash('sha256').update(`${previous}\n${content}`).digest('hex')
}

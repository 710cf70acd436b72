/** The least that a codec of speech needs: Opus with 6 kbit/s (https://datatracker.ietf.org/doc/html/rfc6716). */
const BYTES_PER_SECOND_MIN = 750
const WAV_HEAD_BYTES = 44

const UNCOMPRESSED: ReadonlySet<number> = new Set([1, 3])

/**
 * The most seconds that audio can last. Of a WAV file with plain samples it is known; of others the lowest rate is the bound.
 * @param head its first bytes, 44 or more where it has them
 */
export function audioSecondsMax(head: Buffer, bytes: number): number {
  return bytes / Math.max(wavBytesPerSecond(head), BYTES_PER_SECOND_MIN)
}

/**
 * By the numbers that a decoder goes by (http://soundfile.sapp.org/doc/WaveFormat/): the rate in bytes, which stands there too,
 * may say anything.
 * @returns 0 where it is no such file
 */
function wavBytesPerSecond(head: Buffer): number {
  const isWav = head.length >= WAV_HEAD_BYTES && head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 16) === 'WAVEfmt '
  if (!isWav || !UNCOMPRESSED.has(head.readUInt16LE(20))) return 0
  const [channels, samplesPerSecond, bits] = [head.readUInt16LE(22), head.readUInt32LE(24), head.readUInt16LE(34)]
  return (channels * samplesPerSecond * bits) / 8
}

/** Of audio in base64. */
export function audioSecondsMaxOf(base64: string): number {
  return audioSecondsMax(Buffer.from(base64.slice(0, 2 * WAV_HEAD_BYTES), 'base64'), (base64.length * 3) / 4)
}

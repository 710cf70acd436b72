/** Usage objects have some hundred characters; one with many parts a few thousand. Bounds what a call adds to the ledger. */
export const RAW_CHARS_MAX = 4096

/**
 * The JSON text of what an answer reported. Of one that is too long the beginning, as a JSON string, so that the text is JSON always.
 * @returns undefined where it reported nothing
 */
export function rawText(raw: unknown): string | undefined {
  if (raw === undefined) return undefined
  const text = jsonOf(raw)
  return text === undefined || text.length <= RAW_CHARS_MAX ? text : JSON.stringify(text.slice(0, CUT_CHARS))
}

/** As a string each of its quotes takes two characters. */
const CUT_CHARS = RAW_CHARS_MAX / 2 - 8

/** Undefined where it is nested deeper than the stack is. */
function jsonOf(raw: unknown): string | undefined {
  try {
    return JSON.stringify(raw)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

import type { EndingRules } from '../provider.ts'

/** Errors that Azure finds only after it has read the prompt: its content filter's, and a prompt larger than the context. */
const BILLED_CODES: ReadonlySet<string> = new Set(['content_filter', 'context_length_exceeded'])

/**
 * Azure bills an error where it has done work for it: 400 by its content filter or for too large an input, 408
 * (https://learn.microsoft.com/azure/ai-foundry/openai/how-to/manage-costs#http-error-response-code-and-billing-status-in-azure-openai).
 */
export const azureEndings: EndingRules = {
  billsInputOfError: (status, code) => status === 408 || (status === 400 && BILLED_CODES.has(code)),
}

/**
 * What a tool may add that the provider runs itself, but that brings only what the request has into the input (a search among its tools),
 * or explains more than it says. Recorded answers have up to 33,000 tokens of what tools of all kinds add.
 */
export const PROVIDER_TOOL_TOKENS = 40_000

/** What a model's own template says around a request, where it is not published: up to 500 tokens were recorded. */
export const TEMPLATE_TOKENS_MAX = 512

/** What it says to explain tools, or a format that is to be answered in: up to 350 tokens were recorded. */
export const TOOL_PROMPT_TOKENS_MAX = 1000

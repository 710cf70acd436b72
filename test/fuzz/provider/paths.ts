import type { Answer, Dialect } from '../fields.ts'

/** What a provider serves; anything else must never reach it. */
export interface Served {
  readonly dialect: Dialect
  readonly answer: Answer
}

const ROUTES: readonly (readonly [pattern: RegExp, answer: Answer])[] = [
  [/\/chat\/completions$/, 'chat'], [/^\/(?:v1|vllm|openai).*\/completions$/, 'completion'], [/\/(?:relay|llama|router|azure)\/.*completions$/, 'completion'],
  [/\/responses\/input_tokens$/, 'free'], [/\/responses(?:\/compact)?$/, 'responses'], [/\/embeddings$/, 'embedding'],
  [/\/images(?:\/(?:generations|edits))?$/, 'image'], [/\/audio\/(?:transcriptions|translations)$/, 'transcription'], [/\/audio\/speech$/, 'speech'],
  [/\/moderations$/, 'free'], [/^\/v1\/messages\/count_tokens$/, 'free'], [/^\/v1\/messages$/, 'messages'], [/^\/v1\/complete$/, 'complete'],
  [/\/count-tokens(?::rawPredict)?$/, 'free'],
  [/^\/vertex\/.*\/publishers\/anthropic\/.*:(?:rawPredict|streamRawPredict)$/, 'messages'], [/^\/vertex\/.*:(?:rawPredict|streamRawPredict)$/, 'chat'],
  [/:(?:generateContent|streamGenerateContent)$/, 'gemini'], [/:(?:embedContent|batchEmbedContents)$/, 'geminiEmbed'], [/:predict$/, 'predict'],
  [/:countTokens$/, 'free'], [/\/(?:converse|converse-stream)$/, 'converse'], [/\/(?:invoke|invoke-with-response-stream)$/, 'invoke'],
  [/^\/cohere\/v2\/chat$/, 'cohereChat2'], [/^\/cohere\/v1\/(?:chat|generate)$/, 'cohereChat1'], [/^\/cohere\/v[12]\/embed$/, 'cohereEmbed'],
  [/^\/cohere\/v[12]\/rerank$/, 'cohereRerank'], [/\/v1\/rerank$/, 'embedding'], [/^\/v1\/chat$/, 'chat'], [/\/v1\/chat$/, 'chat'], [/^\/cohere\/v1\/tokenize$/, 'free'],
  [/\/api\/chat$/, 'ollamaChat'], [/\/api\/generate$/, 'ollamaGenerate'], [/\/api\/(?:embed|embeddings)$/, 'ollamaEmbed'], [/\/api\/show$/, 'free'],
  [/\/(?:batches|files|interactions)$/, 'free'], [/\/(?:batches|responses|messages\/batches)\/[^/]+\/cancel$/, 'free'],
] // prettier-ignore

const LISTS = /\/(?:models|files|batches|responses|interactions|api)(?:\/[^/]+)?(?:\/(?:content|results))?$/
const DIALECTS: readonly Dialect[] = ['vllm', 'llama', 'relay', 'router', 'gemini', 'vertex', 'bedrock', 'azure', 'cohere', 'ollama']

/** Undefined: no provider has such a path, or it is one that a proxy in between might take for another. */
export function servedAt(method: string, path: string): Served | undefined {
  if (isAmbiguous(path)) return undefined
  const first = path.split('/')[1] ?? ''
  const ofFirst = DIALECTS.find((known) => known === first)
  const dialect = ofFirst ?? (/^\/v1\/(?:messages|complete)(?:\/|$)/.test(path) ? 'anthropic' : 'openai')
  if (method === 'GET' || method === 'DELETE') return LISTS.test(path) ? { dialect, answer: 'free' } : undefined
  const answer = method === 'POST' ? ROUTES.find(([pattern]) => pattern.test(path))?.[1] : undefined
  return answer === undefined ? undefined : { dialect, answer }
}

/** A proxy that decodes or normalises it would ask for another path. */
function isAmbiguous(path: string): boolean {
  const decoded = decodedOrNothing(path)
  const segments = decoded?.slice(1).split(/[/\\]/) ?? ['..']
  return segments.some((segment) => segment === '' || segment === '.' || segment === '..') || decoded?.includes('\0') === true
}

function decodedOrNothing(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

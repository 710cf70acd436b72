import type { ServiceTier } from '../domain/usage/price.ts'
import type { Billing, TokenCounts } from '../domain/usage/usage.ts'

export { beginningOf } from './framing/first-byte.ts'

/** A JSON object as `JSON.parse` gives it. */
export type JsonObject = Readonly<Record<string, unknown>>

/** What a metered request asks for, read from its body before anything is reserved. */
export interface RequestFacts {
  /** As the client wrote it. */
  readonly model: string
  readonly isStream: boolean
  /** The most tokens that the input can have: a true upper bound, cheap to compute from the bytes. */
  readonly inputBound: number
  /** The first part, reference or option that may bring in anything, so that the bound fills the model's context; absent: none. */
  readonly unknownInput?: string
  /** The request's own maximum output per choice, in tokens; absent where it sets none. 0 for APIs without output. */
  readonly outputMax?: number | undefined
  /**
   * True where the request asks for output without an end: then the provider is told the maximum that is held for it, also far from
   * any cap; absent: it does not.
   */
  readonly isEndless?: boolean
  /** The least maximum that the API accepts for this request (OpenAI responses: 16; Anthropic with thinking: its budget + 1). */
  readonly outputMin: number
  /** True where the API has a field to which the output can be clamped. */
  readonly canClamp: boolean
  /** True where the provider goes on working after it answered, so that the answer can't tell the use. */
  readonly isBackground?: boolean
  /** What the provider adds to the input from its own memory; absent: nothing. */
  readonly continues?: Continued
  /** The class of a price that the request asks for; absent: the provider's usual one. */
  readonly tier?: ServiceTier | undefined
  /** Further models that may answer, or a part of it, as the client wrote them: fallbacks, those of tools. Absent: none. */
  readonly otherModels?: readonly string[]
  /** The model of the provider's own tool that makes images, where the request has that tool. */
  readonly imageModel?: string
  /** The most seconds of audio that the input can have; absent: none. */
  readonly audioSeconds?: number
  /** Objects of the provider that a request of a batch names; absent: none. */
  readonly references?: readonly string[]
  /** How many answers are asked for (`n`, `best_of`, a list of prompts); >= 1. */
  readonly choices: number
}

/** An earlier answer, or a conversation, whose tokens are part of the input though they do not stand in the request. */
export interface Continued {
  readonly id: string
  /** True for a conversation, which grows by each answer; an answer stays what it is. */
  readonly isGrowing: boolean
  /** The most that it can have: what the model's context holds. */
  readonly tokensMax: number
}

/** What the gateway must change in a request's bytes; nothing else of them is touched. */
export interface RequestChanges {
  readonly model?: string | undefined
  readonly outputMax?: number | undefined
  /** False where the provider refuses to be asked for a stream's usage; absent: true. */
  readonly asksForUsage?: boolean | undefined
}

/** The request as it goes to the provider. */
export interface OutgoingBody {
  readonly body: Buffer
  /** True where the provider was asked for a usage chunk that the client did not ask for, and must not see. */
  readonly hidesUsageChunk: boolean
}

/** What one of several models used for an answer. */
export interface ReportedPart {
  /** As the provider names it; `image_generation`: the model of that tool, which the answer does not name. */
  readonly model: string | { readonly tool: 'image_generation' }
  readonly counts: TokenCounts
}

/** What an answer says of its use. */
export interface AnswerReading {
  /** As the provider reported it, normalised; absent where it reported nothing. */
  readonly reported?: TokenCounts | undefined
  /** What it says of its price; absent: nothing. */
  readonly billing?: Billing | undefined
  /** The model that says that it answered; absent: it does not say. */
  readonly model?: string | undefined
  /** What other models or meters used beside `reported`; absent: nothing. */
  readonly others?: readonly ReportedPart[] | undefined
  /** True where a complete report has counts that are not known, so that it may be more than what was read of it. */
  readonly hasUnknownCounts?: boolean
  /** What the provider reported as it came; absent: nothing. */
  readonly raw?: unknown
  /** Tokens that stand for what the provider counts in another way, or not at all (images, audio), and why. */
  readonly standIn?: { readonly input?: number; readonly output?: number; readonly why: string } | undefined
  /** True where a usage object was there, and nothing in it was understood. */
  readonly isNotUnderstood?: boolean
  /** True where a part of the answer was too large, or encoded so, that it was not read: the report may have been in it. */
  readonly isUnread?: boolean
  /** True where the provider bills nothing of it, whatever it reports. */
  readonly isUnbilled?: boolean
  /** How an answer that is an error calls itself; absent: it does not say. */
  readonly errorCode?: string
  /** True where the report covers input and output, so that nothing has to be estimated. */
  readonly isComplete: boolean
  /** All text that the answer produced, to be counted where the report is not complete (bounded; see `producedBeyond`). */
  readonly produced: string
  /** Bytes of produced text that were not kept in `produced`, since it is bounded. */
  readonly producedBeyond: number
  /** What a later request may call this answer to continue it. */
  readonly id?: string | undefined
  /** Ids of what the provider keeps of this answer, if it keeps any; absent: none. */
  readonly kept?: readonly string[] | undefined
  /** The provider works on after this answer, and this is how it calls that work. */
  readonly job?: string | undefined
  /** True where the answer is an error of the provider (also inside a 200 stream). */
  readonly isError: boolean
}

/** Reads a streamed answer as it passes. Never throws, whatever the bytes. */
export interface AnswerStream {
  /** Takes the next (decoded) bytes of the answer; returns those that go to the client now: the same bytes, or fewer. */
  readonly push: (chunk: Buffer) => Buffer
  /** The stream ended or was cut: what is still to be relayed. */
  readonly end: () => Buffer
  /** What was read so far; may be asked at any time. */
  readonly reading: () => AnswerReading
  /** Where the answer may be ended before the provider ends it; absent: it can't be. */
  readonly stoppable?: Stoppable
}

/** An answer that can be ended after any of its events. */
export interface Stoppable {
  /** The text that came since this was asked for the last time. */
  readonly fresh: () => string
  /** The events that end it here, as if the model had reached its maximum; what is not relayed yet is dropped. */
  readonly stop: () => Buffer
}

/** What the `{name}`s of an endpoint's path stand for in a request, decoded. */
export type PathValues = Readonly<Record<string, string>>

/** The headers of an answer, by their names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** One path of an API. A path that has no endpoint can't be called. */
export interface Endpoint {
  /** As written into the ledger: `openai.chat`, `anthropic.messages`. */
  readonly name: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As the client calls it: `/v1/chat/completions`; `{name}` stands for one segment, or a part of one (`{model}:countTokens`). */
  readonly path: string
  /**
   * What is appended to the provider's `base_url`: `/chat/completions` for openai, `/v1/messages` for anthropic. With the same
   * `{name}`s as `path`.
   */
  readonly upstreamPath: string
  /** True where another API has the same path: this one is meant only below `/{provider}`. */
  readonly isOnlyBelowProvider?: boolean
  readonly admission: Metered | Batch | Free
}

/** Counted against budgets. */
export interface Metered {
  readonly kind: 'metered'
  /**
   * Writes a body anew that others might read in another way; undefined, or absent: it is JSON, and stays as it is.
   * @throws InvalidRequest
   */
  readonly recode?: (body: Buffer, contentType: string) => Promise<{ readonly body: Buffer; readonly contentType: string } | undefined>
  /** @throws InvalidRequest where the body is no JSON object, names no model, or holds a value that can't be bounded */
  readonly readRequest: (body: Buffer, path: PathValues, contentType: string) => { readonly facts: RequestFacts; readonly json: JsonObject }
  /** `changes.model` is set only where the model stands in the body: one that stands in the path is changed there. */
  readonly prepare: (body: Buffer, facts: RequestFacts, changes: RequestChanges, path: PathValues) => OutgoingBody
  /** A tighter upper bound of the input by a tokenizer; absent where no tokenizer is known to bound this API's models. */
  readonly refineInputBound?: (json: JsonObject) => number
  /** An estimate (not a bound) of the input's tokens by a tokenizer, for answers that report none. */
  readonly estimateInput: (json: JsonObject, facts: RequestFacts) => number
  /** A whole, decoded answer. Never throws, whatever the bytes. */
  readonly readAnswer: (status: number, body: Buffer, headers: AnswerHeaders) => AnswerReading
  /** @param isStoppable then whole events are relayed, so that the answer can be ended after each */
  readonly readStream: (hidesUsageChunk: boolean, headers: AnswerHeaders, isStoppable?: boolean) => AnswerStream
  /** True where a stream shows all that its model produces, so that it can be counted as it comes; absent: it never is. */
  readonly showsAll?: (model: string, json: JsonObject) => boolean
  /** How to count what such a stream shows. */
  readonly countOutput?: (model: string) => OutputCount
  /** Objects of the provider that the request names; absent: it can name none. */
  readonly referencesIn?: (json: JsonObject) => readonly string[]
  /** Whether the provider keeps the answer, so that it can be named later; absent: it keeps none. */
  readonly keepsAnswer?: (json: JsonObject) => boolean
  /** How to ask what became of work that goes on after the answer; absent where there is none such. */
  readonly job?: JobReader
  /** True where a stream may have a JSON content type: an array whose elements come one by one, or lines of JSON. */
  readonly hasJsonStreams?: boolean
}

/** The tokens of a piece of an answer: as they are likely to be, and as many as there can be. */
export type OutputCount = (text: string) => { readonly tokens: number; readonly atMost: number }

/** A submission of many requests, which the provider works off later: bounded when it is submitted, charged when it has ended. */
export interface Batch {
  readonly kind: 'batch'
  /** @throws InvalidRequest */
  readonly requestsIn: (body: Buffer) => BatchedRequests
  /** The provider's id of a submission that it took; undefined where the answer has none. */
  readonly idIn: (answer: Buffer) => string | undefined
  readonly kept: Kept
  readonly job: JobReader
}

/** What a submission asks for: it holds the requests themselves, or names the provider's file that has one on each line. */
export type BatchedRequests =
  | { readonly kind: 'inline'; readonly requests: readonly RequestFacts[] }
  | {
      readonly kind: 'file'
      /** Its id. */
      readonly file: string
      /** Below the provider's `base_url`. */
      readonly path: string
      /** @throws InvalidRequest */
      readonly requestOn: (line: string) => RequestFacts
    }

/** How to ask a provider what became of work that went on after its answer. Paths are below its `base_url`. */
export interface JobReader {
  readonly path: (id: string) => string
  /** Headers that the provider wants beside the credentials. */
  readonly headers: Readonly<Record<string, string>>
  /** Undefined where the bytes are no status. Never throws. */
  readonly read: (status: Buffer) => JobStatus | undefined
}

export type JobStatus =
  | { readonly kind: 'working' }
  /** The status is the answer itself. */
  | { readonly kind: 'answered'; readonly reading: AnswerReading }
  /** The answers are the lines of files; none where the provider did nothing. `kept`: ids of files that it made. */
  | {
      readonly kind: 'results'
      readonly paths: readonly string[]
      readonly kept: readonly string[]
      readonly answerOn: (line: string) => JobAnswer | undefined
    }

/** One answer of a batch. */
export interface JobAnswer {
  readonly model: string
  readonly reading: AnswerReading
}

/** Costs nothing at the provider (a list of models, a token count): relayed, never gated by a budget. */
export interface Free {
  readonly kind: 'free'
  /** Where the body names the model; absent: it names none. */
  readonly bodyModel?: BodyModel
  /** What its answers say of objects that the provider keeps; absent: nothing. */
  readonly kept?: Kept
  /** What the body names of them; absent: it names none. @throws InvalidRequest */
  readonly referencesIn?: (body: Buffer) => readonly string[]
}

/** Objects that a provider keeps for whoever has its key: files, batches, stored answers. */
export interface Kept {
  /** The ids that one of them tells of: first its own, then those of what was made for it. Never throws. */
  readonly idsIn: (object: JsonObject) => readonly string[]
  /** The query parameter by which a list of them goes on behind an id; absent: the answer is no list. */
  readonly pagedBy?: string
}

/** A model that a body names though nothing of it is counted. */
export interface BodyModel {
  /**
   * Undefined where the body names none.
   * @throws InvalidRequest where it is no JSON object, or its model no name
   */
  readonly read: (body: Buffer) => string | undefined
  /** The same body, with the model as its provider knows it. */
  readonly rename: (body: Buffer, model: string) => Buffer
}

/** The request can't be counted as it is written. The message says which field and what is expected. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
}

/** What an error body of Bursar's own says, before it takes the API's shape. */
export interface ErrorFacts {
  readonly status: number
  /** Bursar's code, such as `budget_exceeded`. */
  readonly code: string
  readonly message: string
  /** Further members of the error object, such as `budget`. */
  readonly details?: JsonObject
}

/** What a provider's config says of how to prove who calls; '' or absent: nothing. */
export interface Credentials {
  readonly apiKey: string
  /** The path of a Google service account's JSON key file. */
  readonly serviceAccount?: string
  readonly region?: string
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  /** Beside an access key that is valid for a while only. */
  readonly sessionToken?: string
}

/** A request as it is about to go to the provider. */
export interface OutgoingRequest {
  readonly method: string
  /** Made only where it is asked for. */
  readonly url: () => URL
  /** Names in lower case and values, in turn. */
  readonly headers: readonly string[]
  /** Null: none. */
  readonly body: Buffer | null
}

/**
 * The headers that prove who calls. A promise only where something must be fetched or hashed first.
 * @throws Error, or rejects, where the credentials can't be had; its message says what to do and holds no secret
 */
export type Authorize = (request: OutgoingRequest) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>

/** Parameters by their names, each with the values that pass. */
export type AllowedParameters = Readonly<Record<string, RegExp>>

/** What may stand in the query of an API's paths. */
export interface QueryParameters {
  /** Where this API's clients may put their key; absent: nowhere. */
  readonly key?: string
  /** Where something is counted: only what changes nothing in how the answer says what it used. */
  readonly counted: AllowedParameters
  readonly free: AllowedParameters
}

/** What a provider bills of a call that has not ended as it was meant to; each with its source, where the shape is. */
export interface EndingRules {
  /** True where it works on after the connection was closed, and bills the whole answer; absent: it stops. */
  readonly billsAfterHangUp?: boolean
  /** True where the input is billed of a call that ended in this error, though it reports no use; absent: it never is. */
  readonly billsInputOfError?: (status: number, code: string) => boolean
}

/** One API shape: its paths, how a key is sent, how an error looks. */
export interface ApiShape {
  readonly api: 'openai' | 'anthropic' | 'gemini' | 'vertex' | 'bedrock' | 'azure' | 'cohere' | 'ollama'
  readonly endpoints: readonly Endpoint[]
  /**
   * Request headers that are passed on beside those of every API (http/header-names.ts): names in lower case; one that ends in `*`
   * is all that begin so.
   */
  readonly forwardHeaders: readonly string[]
  /** Query parameters that are passed on; any other is refused. */
  readonly queryParameters: QueryParameters
  /** @throws Error where the config's credentials can't be used at all; for the person who wrote the config */
  readonly authorizer: (credentials: Credentials) => Authorize
  /** The error as this API writes it, so that its official SDKs raise their own typed error. */
  readonly errorBody: (error: ErrorFacts) => JsonObject
  /** Headers by which this API's SDKs know the kind of an error; absent: its body alone says it. */
  readonly errorHeaders?: (error: ErrorFacts) => Readonly<Record<string, string>>
  /**
   * False where that provider refuses a request that asks for a stream's usage. What it reports unasked is read all the same.
   * Absent: none does.
   * @param path below the `base_url`, with its query
   */
  readonly asksForUsage?: (baseUrl: string, path: string) => boolean
  /** The model's maximum output in tokens, by its published limits; a safe upper value where the model is unknown. */
  readonly outputMaxOf: (model: string) => number
  /** Absent: it stops where its caller hangs up, and bills no error that reports no use. */
  readonly endings?: EndingRules
}

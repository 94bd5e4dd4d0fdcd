import type { DialectName, Loss } from './codec.ts';
import type { Usage } from './usage.ts';

/**
 * A conversation as no API and every API says it. A dialect's codec reads its own requests and answers into it and writes them from it, so that
 * any dialect can be served by any other one without a translation for the pair. Where both sides speak one dialect none of this
 * is used: bytes pass through.
 */
export interface Conversation {
  /** What it was read from. */
  readonly source: DialectName;
  readonly model: string;
  /** Instructions that stand before the first turn, in their order. */
  readonly system: readonly Block[];
  readonly turns: readonly Turn[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice | undefined;
  /** undefined: the model knows what it knows. */
  readonly search: Search | undefined;
  /** Whether the model may call several tools in one turn; undefined: the provider's default. */
  readonly parallelTools: boolean | undefined;
  readonly sampling: Sampling;
  readonly format: ResponseFormat | undefined;
  readonly reasoning: Reasoning | undefined;
  readonly stream: boolean;
  /** Answers that are asked for. */
  readonly choices: number;
  /** Most probable tokens that are to be told for each one of the answer; undefined: none, not even the chosen one. */
  readonly logprobs: number | undefined;
  /** Whom the client asks for, as it calls them. */
  readonly user: string | undefined;
  /** As the source calls it. */
  readonly serviceTier: string | undefined;
  /** Fields that only the source dialect has, by name: a codec of the same dialect writes them back, another one reports them as dropped. */
  readonly extras: ReadonlyMap<string, unknown>;
  /** What is in neither, deeper down. */
  readonly losses: readonly Loss[];
}

/** Of `system`: instructions amid the conversation. Turns of one role may follow each other. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly blocks: readonly Block[];
}

/** Hint that everything up to here is worth a provider's prompt cache. */
export interface CacheHint {
  /** Seconds; undefined: the provider's default. */
  readonly ttl: number | undefined;
}

/** Bytes, or where they are. */
export type Media =
  | { readonly base64: string; readonly mediaType: string }
  | { readonly url: string; readonly mediaType: string | undefined }
  | { readonly fileId: string; readonly mediaType: string | undefined };

/** Places between characters of a text, which are Unicode code points: from the first one up to the second. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What a text of a model rests on: a page that a search found, or a document of the request. */
export interface Citation {
  /** undefined: a document. */
  readonly url: string | undefined;
  readonly title: string | undefined;
  /** What the source says. */
  readonly cited: string | undefined;
  /** In the text of its block; undefined: all of it. */
  readonly span: Span | undefined;
}

export type Block = (
  | { readonly type: 'text'; readonly text: string; readonly signature?: string; readonly citations?: readonly Citation[] }
  | { readonly type: 'image'; readonly media: Media; readonly detail: string | undefined }
  | { readonly type: 'audio'; readonly media: Media }
  | { readonly type: 'video'; readonly media: Media }
  | { readonly type: 'file'; readonly media: Media; readonly name: string | undefined }
  | {
      readonly type: 'tool_call';
      readonly id: string;
      readonly name: string;
      /** JSON text, as the model wrote it. */ readonly arguments: string;
      /** Of the thought before it, as Gemini signs what follows a thought and not the thought: it takes the call back only with it. */
      readonly signature?: string;
    }
  | { readonly type: 'tool_result'; readonly id: string; readonly blocks: readonly Block[]; readonly isError: boolean }
  | { readonly type: 'refusal'; readonly text: string }
  | ReasoningBlock
) & {
  readonly cache?: CacheHint;
  /** Where it was, such as `messages[0].content[1]`. */
  readonly at?: string;
};

/** Blocks of one type. */
export type BlockOf<T extends Block['type']> = Extract<Block, { readonly type: T }>;

/** What a model thought. A provider takes it back only with its own signature, or sealed. */
export interface ReasoningBlock {
  readonly type: 'reasoning';
  readonly text: string;
  readonly signature: string | undefined;
  /** Opaque content that only its provider reads (redacted thinking, encrypted reasoning). */
  readonly sealed: string | undefined;
}

export interface Tool {
  readonly name: string;
  readonly description: string | undefined;
  /** JSON Schema of the arguments. */
  readonly parameters: object | undefined;
  readonly strict: boolean | undefined;
  readonly cache?: CacheHint;
  /** Where it was, such as `tools[0]`. */
  readonly at?: string;
}

/** A search of the web that the model's provider runs, and what it is to keep to. */
export interface Search {
  /** Only these, where there are any. */
  readonly allowedDomains: readonly string[];
  readonly blockedDomains: readonly string[];
  /** Searches at most. */
  readonly maxUses: number | undefined;
  /** How much of what is found the model gets to read. */
  readonly contextSize: 'low' | 'medium' | 'high' | undefined;
  readonly place: SearchPlace | undefined;
  /** As RFC 3339 has times; of Google. */
  readonly timeRange: { readonly startTime: string | undefined; readonly endTime: string | undefined } | undefined;
  /** From which suspicion on a page is left out; of Google. */
  readonly blockingConfidence: string | undefined;
  /** Only what is fit for enterprises; of Google. */
  readonly isEnterprise: boolean;
  /** Where it was, such as `tools[0]`. */
  readonly at: string;
}

/** About where the user is. */
export interface SearchPlace {
  readonly city: string | undefined;
  readonly region: string | undefined;
  /** ISO 3166-1, two letters. */
  readonly country: string | undefined;
  /** IANA, such as `Europe/Berlin`. */
  readonly timezone: string | undefined;
}

export type ToolChoice = { readonly type: 'auto' | 'none' | 'required' } | { readonly type: 'tool'; readonly name: string };

export interface Sampling {
  /** Output tokens at most. */
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly topK: number | undefined;
  readonly stop: readonly string[];
  readonly seed: number | undefined;
  readonly presencePenalty: number | undefined;
  readonly frequencyPenalty: number | undefined;
}

export type ResponseFormat =
  | { readonly type: 'json' }
  /** One of these texts, and no JSON. */
  | { readonly type: 'choice'; readonly choices: readonly string[]; readonly at: string }
  | { readonly type: 'json_schema'; readonly name: string; readonly schema: object; readonly strict: boolean | undefined };

export interface Reasoning {
  readonly effort: Effort | undefined;
  /** Tokens of thought at most; 0: none. */
  readonly budgetTokens: number | undefined;
}

export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh';

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal' | 'pause';

/** A whole answer. */
export interface Answer {
  readonly id: string;
  readonly model: string;
  readonly blocks: readonly Block[];
  readonly finish: FinishReason;
  /** Of those of the request the one that ended it, where the API tells. */
  readonly stopSequence: string | undefined;
  readonly usage: Usage | undefined;
  /** What only the source dialect says. */
  readonly losses: readonly Loss[];
}

/**
 * A part of a streamed answer. Blocks are numbered from 0 and never overlap: `start`, deltas, `stop`. A signature is of a thought or a text;
 * that of a call is known at its start. A citation is of a text, of which all is known by then if it is of a part of it.
 */
export type AnswerEvent =
  | { readonly type: 'answer_start'; readonly id: string; readonly model: string; readonly usage: Usage | undefined }
  | { readonly type: 'block_start'; readonly index: number; readonly block: Block }
  | {
      readonly type: 'text_delta' | 'reasoning_delta' | 'arguments_delta' | 'signature_delta';
      readonly index: number;
      readonly text: string;
    }
  | { readonly type: 'citation'; readonly index: number; readonly citation: Citation }
  | { readonly type: 'block_stop'; readonly index: number }
  | {
      readonly type: 'answer_stop';
      readonly finish: FinishReason;
      readonly stopSequence: string | undefined;
      readonly usage: Usage | undefined;
    }
  | { readonly type: 'error'; readonly message: string };

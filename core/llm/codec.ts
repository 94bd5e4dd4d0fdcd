import type { JsonObjectScan } from '../json/scan.ts';
import type { Answer, AnswerEvent, Conversation } from './conversation.ts';
import type { Json } from './given.ts';
import type { Losses } from './losses.ts';

/** APIs that say conversations. */
export type DialectName = 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'gemini' | 'bedrock-converse';

/** Something that the other side of a translation cannot say: the path in the source, and what became of it. */
export interface Loss {
  readonly path: string;
  readonly what: 'dropped' | 'approximated';
}

/** What a codec wrote, and what it could not say. Losses are told, never hidden. */
export interface Encoded {
  readonly body: Json;
  readonly losses: readonly Loss[];
}

/** An event of a stream, whatever framed it: Server-Sent Events, or AWS' event stream. */
export interface StreamEvent {
  readonly type: string;
  readonly data: Buffer | undefined;
}

/** Reads a stream of a dialect event by event: any split of its bytes gives the same parts. */
export interface StreamDecoder {
  /** What the conversation cannot say, so far. */
  readonly losses: Losses;
  /** @throws UnacceptableAnswer */
  push(event: StreamEvent): readonly AnswerEvent[];
  /** @throws UnacceptableAnswer when the stream ended before the answer was whole */
  end(): readonly AnswerEvent[];
}

/** Writes a stream of a dialect, as Server-Sent Events. */
export interface StreamEncoder {
  /** What the dialect cannot say, so far. */
  readonly losses: Losses;
  push(event: AnswerEvent): string;
  /** The end marker; only for a whole answer. */
  end(): string;
}

/** What the path of a request says where the body does not. */
export interface Addressed {
  readonly model: string;
  readonly stream: boolean;
}

/** What an answer needs to know of its request. */
export interface Asked {
  /** Seconds since 1970. */
  readonly created: number;
  /** Whether the client wants the usage of a stream. */
  readonly usage: boolean;
}

/** What a server takes that its API does not have. */
export interface Takes {
  /** Thoughts of earlier turns, as text: some models go on from them, and their servers refuse calls without. */
  readonly thoughts?: boolean;
}

/**
 * One API's way to say a conversation. A provider is a codec, a transport and a credential; a request from dialect A to a provider of
 * dialect B is A's decodeRequest and B's encodeRequest, the answer the other way round.
 */
export interface Codec {
  readonly dialect: DialectName;
  /** @throws GatewayError TK_BAD_REQUEST with the path of what cannot be understood */
  decodeRequest(body: JsonObjectScan, addressed?: Addressed): Conversation;
  encodeRequest(conversation: Conversation, takes?: Takes): Encoded;
  /** @throws UnacceptableAnswer */
  decodeAnswer(body: JsonObjectScan): Answer;
  encodeAnswer(answer: Answer, asked: Asked): Encoded;
  decodeStream(): StreamDecoder;
  encodeStream(asked: Asked): StreamEncoder;
}

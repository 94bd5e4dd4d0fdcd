import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

import type { GatewayError } from '../errors.ts';
import type { StreamEvent } from '../llm/codec.ts';
import type { StreamReader } from '../llm/stream.ts';
import type { Usage } from '../llm/usage.ts';
import type { Endpoint } from './backend.ts';
import type { Failure } from './failure.ts';
import type { Plan, Target } from './plan.ts';

/** What is sent to a backend. */
export interface Outbound {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat: name, value, … */
  readonly headers: string[];
  readonly body: Buffer | Readable | null;
  /** Asks for another protocol (RFC 9110, section 7.8): where the backend agrees, the connection is the client's from then on. */
  readonly upgrade?: 'websocket' | undefined;
}

/** How an answer is read: whole and checked, event by event, or as bytes that are nobody's business. */
export type Reading =
  | { readonly mode: 'whole'; readonly accept: (body: Buffer, headers: IncomingHttpHeaders) => Accepted }
  | {
      readonly mode: 'events';
      readonly reader: StreamReader;
      /** Whether a text holds a secret of the gateway: an error event that does is not passed on. */
      readonly leaks: (text: Buffer) => boolean;
      /** Cuts the bytes into events. @default Server-Sent Events */
      readonly scanner?: ((onEvent: (raw: Buffer, event: StreamEvent) => void) => EventScanner) | undefined;
      /** What goes to the client instead of an event; undefined: nothing. Called for each event, in their order. */
      readonly edit?: (raw: Buffer, event: StreamEvent) => Buffer | undefined;
      /** What follows the last event of a stream that has no end marker. @throws UnacceptableAnswer where the answer is not whole */
      readonly rest?: () => Buffer | undefined;
      /** What stands before the stream's end marker. */
      readonly beforeEnd?: (facts: Facts) => Buffer | undefined;
    }
  | {
      readonly mode: 'raw';
      /** Whether the head goes to the client before there is a body: then no other backend can answer any more. */
      readonly headAtOnce: boolean;
    };

/** Takes the bytes of a stream. Its events are what a client can be sent. */
export interface EventScanner {
  /** @throws UnacceptableAnswer */
  push(chunk: Buffer): void;
  stop(): void;
  /** What no event was made of. */
  end(): { readonly leftover: Buffer; readonly incomplete: boolean };
}

/** What an answer says of itself. */
export interface Facts {
  readonly usage: Usage | undefined;
  readonly model: string | undefined;
}

/** A whole answer that was read. */
export interface Accepted extends Facts {
  /** What goes to the client instead of the backend's own body. */
  readonly body?: Buffer;
  /** Further headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Changes the headers of an answer on their way to the client, in place. */
export type AnswerEdit = (headers: Record<string, string | string[]>) => void;

/** Hears how an attempt goes on. Times are those of `performance.now()`. */
export interface AttemptWatch {
  /**
   * The head of the answer is there.
   * @returns what changes its headers: the answer waits for it, and is not read meanwhile. It must come within a bounded time, and may
   * not reject
   */
  head?(status: number, headers: IncomingHttpHeaders): Promise<AnswerEdit | undefined> | undefined;
  firstToken(at: number): void;
  /** So many more content events came. */
  tokens(count: number, at: number): void;
  /** Called once. Without a failure the answer was complete, or the client left. */
  ended(end: { readonly failure: Failure | undefined; readonly clientGone: boolean; readonly facts: Facts | undefined }): void;
}

/** The endpoint for one attempt. */
export interface Picked {
  readonly endpoint: Endpoint;
  readonly watch: AttemptWatch | undefined;
}

export interface AttemptRecord<T extends Target = Target> {
  readonly target: T;
  /** Undefined when none could be had. */
  readonly endpoint: Endpoint | undefined;
  readonly startedAt: number;
  /** When the request to it was ready; absent where none was sent. */
  sentAt?: number;
  status: number | undefined;
  failure: Failure | undefined;
  endedAt: number | undefined;
}

/** How a request ended. */
export interface Outcome<T extends Target = Target> {
  /** Status that the client got; 499 when it left before it got one. */
  readonly status: number;
  /** Whether the client got a whole answer. */
  readonly complete: boolean;
  readonly clientGone: boolean;
  /** Whether the answer was read to its end after the client had left: its usage is what the backend reports. */
  readonly drained?: boolean;
  readonly failure: Failure | undefined;
  readonly attempts: readonly AttemptRecord<T>[];
  readonly facts: Facts;
  /** `performance.now()` of the first content, where there was any. */
  readonly firstTokenAt: number | undefined;
  /** Content events of a stream. */
  readonly tokens: number;
}

/** The parts of an exchange that the tier decides. */
export interface Call<T extends Target = Target> {
  readonly plan: Plan<T>;
  /** Whether the client asked for a stream. */
  readonly stream: boolean;
  /**
   * The endpoint for the next attempt at a target that leaves its choice to the call.
   * @param signal aborts when nobody wants the endpoint any more; asked for only by those who wait
   * @returns undefined where the backend chooses; `exhausted` when this request has tried all that the target has
   * @throws AttemptFailed, or a GatewayError, when none can be had now: another target is tried
   */
  pick?(target: T, signal: () => AbortSignal): Picked | 'exhausted' | undefined | Promise<Picked | 'exhausted'>;
  /** Whether the body can be sent again. */
  readonly replayable: () => boolean;
  /**
   * The request for one backend, built from the original one. Throws AttemptFailed, which is this backend's failure; or a GatewayError that is so
   * too or, with a status below 500, the request's end.
   */
  encode(target: T, endpoint: Endpoint, attempt: number): Outbound | Promise<Outbound>;
  read(target: T, status: number, headers: IncomingHttpHeaders): Reading;
  /** Changes the headers of the answer, in place. */
  answerHeaders(target: T, headers: Record<string, string | string[]>): void;
  /** The answer to the client when no backend gave one. */
  refuse(
    error: GatewayError,
    last: Failure | undefined,
    target: T | undefined,
  ): { status: number; headers: Record<string, string | string[]>; body: Buffer };
  /** The event that ends a stream that broke. */
  errorEvent(error: GatewayError): Buffer;
  /** Called once, after the last byte. */
  settle(outcome: Outcome<T>): void;
}

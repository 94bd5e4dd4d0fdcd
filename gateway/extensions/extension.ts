import type { IncomingHttpHeaders } from 'node:http';

import type { Usage } from '#core/llm/usage';

/** A request as an extension sees it, after the caller is known and the route chosen, and before anything is sent. */
export interface ExtensionRequest {
  readonly id: string;
  /** `chat`, `messages`, `embeddings`, … */
  readonly operation: string;
  /** API that the client speaks. */
  readonly dialect: 'openai' | 'anthropic' | 'cohere';
  readonly model: string;
  readonly stream: boolean;
  /** Of the caller, as far as a SecurityPolicy says it. */
  readonly clientId: string | undefined;
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** The body as parsed JSON, parsed on the first call; undefined for uploads. Changes to it change nothing. */
  json(): unknown;
}

/** One attempt, just before it is sent. */
export interface ExtensionAttempt {
  /** `namespace/name` of the backend. */
  readonly backend: string;
  /** From 1. */
  readonly attempt: number;
}

/** What an extension changes in an attempt. The backend's credential is put on afterwards and cannot be read or replaced. */
export interface AttemptChanges {
  readonly setHeaders?: Readonly<Record<string, string>>;
  readonly removeHeaders?: readonly string[];
  /** Top-level members of the JSON body. */
  readonly setBody?: Readonly<Record<string, unknown>>;
  readonly removeBody?: readonly string[];
}

/** How a request ended. */
export interface ExtensionResult {
  readonly status: number;
  /** Whether the client got a whole answer. */
  readonly complete: boolean;
  readonly clientGone: boolean;
  readonly usage: Usage | undefined;
  readonly attempts: number;
  /** `namespace/name` of the last backend that was asked. */
  readonly backend: string | undefined;
  readonly durationMs: number;
}

/** Throw it from {@link Extension.authorize} to refuse a request: the client gets the message in its own API's words. */
export class Refusal extends Error {
  readonly status: number;

  /** @param status 4xx */
  constructor(message: string, status = 400) {
    super(message);
    this.name = 'Refusal';
    this.status = status >= 400 && status < 500 ? status : 400;
  }
}

/**
 * Logic of the user's own, as the default export of a module: `tierkit run --plugin ./mine.ts`. What is absent is not on the path of a
 * request. A hook that throws anything but a {@link Refusal} fails its own request (status 500) and is named in the log; it harms no other one.
 *
 * @example
 * export default {
 *   name: 'no-secrets',
 *   authorize(request) {
 *     if (JSON.stringify(request.json()).includes('BEGIN PRIVATE KEY')) throw new Refusal('the prompt holds a private key');
 *   },
 * } satisfies Extension;
 */
export interface Extension {
  readonly name: string;
  authorize?(request: ExtensionRequest): void | Promise<void>;
  attempt?(request: ExtensionRequest, attempt: ExtensionAttempt): AttemptChanges | undefined | Promise<AttemptChanges | undefined>;
  /** Its throw is logged and changes nothing. */
  settled?(request: ExtensionRequest, result: ExtensionResult): void;
}

import type { Header } from './header-edit.ts';
import type { BodySendMode } from './messages.ts';

/** What a picker is asked. */
export interface PickRequest {
  /** With pseudo headers; old names of the protocol's headers are given by today's. */
  readonly headers: readonly Header[];
  /** Undefined if the gateway shows none, or none before the pick (mode STREAMED). */
  readonly body: Buffer | undefined;
  /** Endpoints to choose from; undefined: all. Never empty. */
  readonly subset: readonly string[] | undefined;
  /** Aborted if the request goes away before it is answered. */
  readonly signal: AbortSignal;
  /** How the gateway is going to show the body of the answer. */
  readonly answer: BodySendMode;
}

export type PickAnswer =
  | {
      /** `ip:port`, best first. Those outside the subset are left out; if none is left, the answer is 503. */
      readonly endpoints: readonly string[];
      readonly setHeaders?: readonly Header[];
      readonly removeHeaders?: readonly string[];
      /** A body instead of the client's; only where the picker was given one. */
      readonly body?: Buffer;
      readonly scores?: Readonly<Record<string, number>>;
      readonly watch?: AnswerWatch;
    }
  | { readonly immediate: { readonly status: number; readonly body?: Buffer; readonly headers?: readonly Header[] } };

/** Hears how a request is answered. What it throws is an error of the server's log, and changes nothing. */
export interface AnswerWatch {
  /** @returns names of headers that the client shall not get, such as the length of a body that `data` changes */
  head?(info: ServedInfo): readonly string[] | undefined;
  /**
   * A piece of the body, where the gateway shows it. `last`: nothing follows; the piece may be empty.
   * @returns what goes on instead, where {@link PickRequest.answer} is FULL_DUPLEX_STREAMED; other modes do not take bytes that were held back
   */
  data?(chunk: Buffer, last: boolean): Buffer | undefined;
  /**
   * Called once: when the whole answer was shown, or else when the exchange is over. `aborted`: there was no answer, or not all of it. A
   * gateway that shows no bodies does not tell how an answer ends: it counts as complete.
   */
  end(how: 'complete' | 'aborted'): void;
}

export type Picker = (request: PickRequest) => Promise<PickAnswer>;

/** The head of an answer. */
export interface ServedInfo {
  /** The endpoint that answered, if the gateway says. */
  readonly served: string | undefined;
  readonly status: number;
  readonly headers: readonly Header[];
}

import { ERRORS, GatewayError } from '#core/errors';

import type { Owned } from '../names/naming.ts';
import { factsOf } from '../upstream/ask.ts';
import type { CallToll } from '../upstream/call.ts';
import type { ServerFailed } from '../upstream/failed.ts';
import type { RpcMessage } from '../wire/message.ts';
import { isProtocolError, REFUSED_FOR_MONEY, RpcError } from '../wire/rpc-error.ts';
import type { Asked } from './parts.ts';

/** Who sets aside what calls of tools cost. */
export interface Tolls {
  /**
   * Answers without a promise where nothing has to be waited for.
   * @param tool in the server's words
   * @returns undefined where the call costs nothing
   * @throws GatewayError where there is no room for it, or it is not known what it costs
   */
  admit(asked: Asked, tool: Owned): HeldToll | undefined | Promise<HeldToll>;
}

/** What was set aside for one call. */
export interface HeldToll {
  /** @returns fields of the access log */
  settle(end: TollEnd): Readonly<Record<string, unknown>>;
}

/** What became of a call. */
export interface TollEnd {
  /** It has to be paid: the server gave a result, or nobody knows whether it did the work. */
  readonly isDue: boolean;
  /** The server got it. */
  readonly wasSent: boolean;
  /** The client got a result. */
  readonly complete: boolean;
  readonly clientGone: boolean;
}

/**
 * What a call of a tool costs: it is paid for its result. One of which nobody knows what became of it is paid, too: the server was asked, and
 * may have done it. One that did not get there, that the server refused, or that it answered with a question, costs nothing.
 */
export class Toll implements CallToll {
  readonly #held: HeldToll;
  #state: 'not sent' | 'sent' | 'refused' | 'question' | 'result' = 'not sent';

  constructor(held: HeldToll) {
    this.#held = held;
  }

  sent(): void {
    this.#state = 'sent';
  }

  /** A failure that says that the server did not take the call. What else goes wrong says nothing of what it did. */
  failed({ kind, status = 0, rpcError }: ServerFailed): void {
    if (kind !== 'status' && kind !== 'session_gone') return;
    if (status < 500 || isProtocolError(rpcError === undefined ? undefined : factsOf(rpcError).code)) this.#state = 'refused';
  }

  /** The server's response. @param error JSON-RPC code where it is one */
  answered(error: number | undefined): void {
    this.#state = error === undefined ? 'result' : isProtocolError(error) ? 'refused' : 'sent';
  }

  /** The server wants to know something before it gives a result. */
  asks(): void {
    this.#state = 'question';
  }

  settle(clientGone: boolean): Readonly<Record<string, unknown>> {
    const isDue = this.#state === 'sent' || this.#state === 'result';
    const complete = this.#state === 'result' && !clientGone;
    return this.#held.settle({ isDue, wasSent: this.#state !== 'not sent', complete, clientGone });
  }
}

/** Where a call of a tool pays before its server hears of it. */
export class TollGate {
  readonly #tolls: Tolls | undefined;

  constructor(tolls: Tolls | undefined) {
    this.#tolls = tolls;
  }

  /**
   * Sets aside what a call costs; the engine settles it at the end.
   * @returns undefined where nothing has to be waited for
   * @throws RpcError with the status of the refusal, before or after
   */
  pass(asked: Asked, message: RpcMessage, tool: Owned): Promise<void> | undefined {
    if (this.#tolls === undefined || !asked.request.snapshot.money.paysTools) return undefined;
    try {
      const held = this.#tolls.admit(asked, tool);
      if (held instanceof Promise)
        return held.then(
          (later) => void (asked.toll = new Toll(later)),
          (error: unknown) => refuse(asked, message, error),
        );
      if (held !== undefined) asked.toll = new Toll(held);
      return undefined;
    } catch (error) {
      return refuse(asked, message, error);
    }
  }
}

function refuse({ request }: Asked, { id }: RpcMessage, error: unknown): never {
  if (!(error instanceof GatewayError)) throw error;
  request.failedWith(error);
  const { code, headers } = error;
  throw new RpcError(REFUSED_FOR_MONEY, error.message, { httpStatus: error.status ?? ERRORS[code].status, headers, data: { code }, id });
}

import type { Outbound } from '#core/attempt/call';

import type { HeaderEdit } from '../epp/header-edit.ts';
import { NO_EDIT } from '../epp/header-edit.ts';
import type { FailReason, Outcome, RankedEndpoint, Ticket } from '../picker/policy.ts';
import { editedOutbound } from './external-edit.ts';
import type { ShownResponse } from './external-response.ts';

/**
 * A ticket (`ranked`: the picker's ordered list) and what the picker changes. `end` and `fail` end the exchange with the picker; between
 * them the request may move along the list.
 */
export interface ExternalTicket extends Ticket {
  /** `own`: the picker failed, and the gateway chose by itself; nothing below has an effect then. */
  readonly chosenBy: 'picker' | 'own';
  /** The request with the picker's header edits, and its body where it replaced the body. For every attempt anew. */
  apply(outbound: Outbound): Outbound;
  /** Whether the answer is worth holding back for what `answered` resolves with. */
  readonly editsAnswer: boolean;
  /**
   * The pod has answered; told to the picker with the served echo. Only the first call counts: the one for the answer that goes to the
   * client. Never throws, never rejects, and need not be awaited. Resolves with what the picker changes in the headers of the answer
   * (none where it is gone, or does not answer in time), for a caller that applies it.
   */
  answered(status: number, headers: readonly string[], served: string): Promise<HeaderEdit>;
  /** Bytes of the answer, as the pod sent them, for the picker to see where its mode asks for them. Never waits. The chunk is kept for a while. */
  data(chunk: Buffer): void;
}

export interface PickedParts {
  readonly ranked: readonly RankedEndpoint[];
  readonly edit: HeaderEdit;
  /** Undefined: the request's own. */
  readonly body: Buffer | undefined;
  readonly response: ShownResponse;
  readonly knows: (id: string) => boolean;
  /** The gateway's own accounting of this pick, where it is kept. */
  readonly followed: Ticket | undefined;
}

/** What an external picker chose. */
export class PickedTicket implements ExternalTicket {
  readonly chosenBy = 'picker';
  readonly ranked: readonly RankedEndpoint[];
  readonly #parts: PickedParts;
  #endpoint: string | undefined;
  #closed = false;

  constructor(parts: PickedParts) {
    this.#parts = parts;
    this.ranked = parts.ranked;
    this.#endpoint = parts.ranked[0]?.id;
    if (this.#endpoint !== undefined) parts.followed?.moveTo(this.#endpoint);
  }

  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  get editsAnswer(): boolean {
    return !this.#closed && this.#parts.response.worthWaiting;
  }

  moveTo(id: string, reason?: FailReason): boolean {
    if (this.#closed) return false;
    this.#parts.followed?.moveTo(id, reason);
    const known = this.#parts.knows(id);
    this.#endpoint = known ? id : undefined;
    return known;
  }

  firstToken(at: number): void {
    this.#parts.followed?.firstToken(at);
  }

  tokens(count: number, at: number): void {
    this.#parts.followed?.tokens(count, at);
  }

  end(outcome?: Outcome): void {
    if (!this.#close()) return;
    this.#parts.response.end();
    this.#parts.followed?.end(outcome);
  }

  fail(reason: FailReason): void {
    if (!this.#close()) return;
    this.#parts.response.cut();
    this.#parts.followed?.fail(reason);
  }

  apply(outbound: Outbound): Outbound {
    return editedOutbound(outbound, this.#parts.edit, this.#parts.body);
  }

  answered(status: number, headers: readonly string[], served: string): Promise<HeaderEdit> {
    return this.#closed ? Promise.resolve(NO_EDIT) : this.#parts.response.head(status, headers, served);
  }

  data(chunk: Buffer): void {
    this.#parts.response.data(chunk);
  }

  #close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#endpoint = undefined;
    return true;
  }
}

/** What the gateway chose, since the picker failed and the pool fails open. */
export class OwnTicket implements ExternalTicket {
  readonly chosenBy = 'own';
  readonly editsAnswer = false;
  readonly #own: Ticket;

  constructor(own: Ticket) {
    this.#own = own;
  }

  get ranked(): readonly RankedEndpoint[] {
    return this.#own.ranked;
  }

  get endpoint(): string | undefined {
    return this.#own.endpoint;
  }

  moveTo(id: string, reason?: FailReason): boolean {
    return this.#own.moveTo(id, reason);
  }

  firstToken(at: number): void {
    this.#own.firstToken(at);
  }

  tokens(count: number, at: number): void {
    this.#own.tokens(count, at);
  }

  end(outcome?: Outcome): void {
    this.#own.end(outcome);
  }

  fail(reason: FailReason): void {
    this.#own.fail(reason);
  }

  apply(outbound: Outbound): Outbound {
    return outbound;
  }

  answered(): Promise<HeaderEdit> {
    return Promise.resolve(NO_EDIT);
  }

  data(): void {}
}

import type { IncomingHttpHeaders } from 'node:http';

import type { Endpoint } from '#core/attempt/backend';
import type { AnswerEdit, AttemptWatch, Outbound, Picked } from '#core/attempt/call';
import type { Failure } from '#core/attempt/failure';
import { GatewayError } from '#core/errors';

import type { Admission } from '../flow/flow-control.ts';
import type { FailReason, PickRequest, RankedEndpoint, Ticket } from '../picker/policy.ts';
import type { PoolMember } from '../pools/pool.ts';
import { answerEditOf } from './external-edit.ts';
import type { ExternalPicker } from './external.ts';
import type { ExternalTicket } from './external-ticket.ts';
import type { ServedPool } from './served-pool.ts';

/** A request before a pool. */
export interface PickSubject {
  readonly pick: PickRequest;
  /** Whose turn it takes: requests of one flow share by tokens with other flows. */
  readonly flow: string;
  /** Of the body, which waits in memory. */
  readonly bytes: number;
  /** `performance.now()` by which the answer is wanted. */
  readonly deadlineMs: number | undefined;
  /** How long it may wait for room; undefined: as long as its band says. */
  readonly waitMs: number | undefined;
}

/** What would go to this endpoint: an external picker sees it. */
export type Show = (endpoint: Endpoint) => Outbound;

/** One request's way through one pool: it waits for its turn, gets an order of endpoints, and walks it while no token has come. */
export class PodPicking implements AttemptWatch {
  readonly pool: ServedPool;
  readonly #subject: PickSubject;
  readonly #show: Show | undefined;
  #admission: Admission | undefined;
  #ticket: Ticket | undefined;
  /** {@link #ticket}, where an external picker was asked. */
  #asked: ExternalTicket | undefined;
  #order: readonly string[] = [];
  #place = 0;
  #member: PoolMember | undefined;
  #failed: FailReason | undefined;
  #closed = false;

  /** @param show undefined where no external picker can be asked */
  constructor(pool: ServedPool, subject: PickSubject, show?: Show) {
    this.pool = pool;
    this.#subject = subject;
    this.#show = show;
  }

  /** What the picker goes by. */
  get subject(): PickSubject {
    return this.#subject;
  }

  get waitedMs(): number {
    return this.#admission?.waitedMs ?? 0;
  }

  /** Where the request is now. */
  get member(): PoolMember | undefined {
    return this.#member;
  }

  /** Endpoints in the order in which they are to be asked; empty before the first one is. */
  get order(): readonly string[] {
    return this.#order;
  }

  /** All candidates, as the picker values them. */
  get ranked(): readonly RankedEndpoint[] {
    return this.#ticket?.ranked ?? [];
  }

  /** Somebody else has sent the request to this endpoint. @param reason why not to the one where it was, if that is known */
  wentTo(id: string, reason: FailReason | undefined): void {
    this.#ticket?.moveTo(id, reason);
    this.#member = this.pool.service.pool.member(id);
  }

  /** The next endpoint to ask. */
  next(signal: () => AbortSignal): Picked | 'exhausted' | Promise<Picked | 'exhausted'> {
    if (this.#ticket === undefined) return this.#first(signal());
    const { pool } = this.pool.service;
    while (this.#place < this.#order.length) {
      const id = this.#order[this.#place++]!;
      const member = pool.member(id);
      if (member?.readySince === undefined || !this.#ticket.moveTo(id, this.#failed)) continue;
      this.#failed = undefined;
      return this.#at(member);
    }
    this.close();
    return 'exhausted';
  }

  async #first(signal: AbortSignal): Promise<Picked> {
    const { service } = this.pool;
    const { pick, flow, bytes, deadlineMs, waitMs } = this.#subject;
    const { id, priority, inputTokens, maxOutput } = pick;
    const { settings } = service.picker;
    this.#admission = await service.flow.enter({
      id,
      flow,
      priority,
      tokens: inputTokens + Math.min(maxOutput ?? settings.expectedOutput, settings.expectedOutput),
      bytes,
      signal,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(waitMs === undefined ? {} : { ttlMs: waitMs }),
    });
    const pickedFrom = performance.now();
    this.#ticket = service.external === undefined ? service.picker.pick(pick) : await this.#ask(service.external, signal);
    const chosenBy = this.#asked === undefined ? 'own' : this.#asked.chosenBy === 'picker' ? 'picker' : 'fallback';
    const ms = performance.now() - pickedFrom;
    this.#order = this.#inOrder(Date.now());
    const first = this.#order[this.#place++];
    const member = first === undefined ? undefined : service.pool.member(first);
    service.series?.picked({ request: pick, first: this.#ticket.ranked[0], at: member?.endpoint, ms, chosenBy });
    if (member === undefined || !this.#ticket.moveTo(first!)) {
      this.close();
      throw this.#nothingReady();
    }
    return this.#at(member);
  }

  /** Asks the picker that the pool names. What it answers instead of a pick, and its failure in FailClose, are this attempt's. */
  async #ask(picker: ExternalPicker, signal: AbortSignal): Promise<Ticket> {
    const candidate = this.pool.service.pool.candidates(Date.now())[0];
    if (candidate === undefined) throw this.#nothingReady();
    const { method, path, headers, body } = this.#show!(candidate);
    try {
      const authority = headers.find((_, at) => at % 2 === 1 && headers[at - 1] === 'host') ?? '';
      const shown = { method, path, authority, headers, body: Buffer.isBuffer(body) ? body : undefined };
      this.#asked = await picker.pick({ pick: this.#subject.pick, ...shown }, signal);
      return this.#asked;
    } catch (error) {
      this.pool.service.series?.failed();
      this.close();
      throw error;
    }
  }

  /** The request with what an external picker changes in it. */
  apply(outbound: Outbound): Outbound {
    return this.#asked === undefined ? outbound : this.#asked.apply(outbound);
  }

  /** An answer has begun. A good one may have its headers changed by an external picker. */
  head(status: number, headers: IncomingHttpHeaders): Promise<AnswerEdit | undefined> | undefined {
    if (this.#asked === undefined || status >= 500 || status === 429) return undefined;
    const waits = status < 400 && this.#asked.editsAnswer;
    const flat = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
    const edit = this.#asked.answered(status, flat, this.#member!.endpoint.id);
    return waits ? edit.then(answerEditOf) : undefined;
  }

  #nothingReady(): GatewayError {
    return new GatewayError('TK_NO_BACKEND', `pool ${this.pool.name} has no endpoint that is ready`, { headers: { 'retry-after': '1' } });
  }

  /** The picker's order; endpoints that failed our calls lately come last. */
  #inOrder(now: number): readonly string[] {
    const { pool } = this.pool.service;
    const ids = this.#ticket!.ranked.flatMap(({ id }) => (pool.member(id) === undefined ? [] : id));
    const isOut = (id: string): boolean => !pool.member(id)!.health.available(now);
    return ids.some(isOut) ? [...ids.filter((id) => !isOut(id)), ...ids.filter(isOut)] : ids;
  }

  #at(member: PoolMember): Picked {
    this.#member = member;
    return { endpoint: member, watch: this };
  }

  firstToken(at: number): void {
    this.#ticket?.firstToken(at);
  }

  tokens(count: number, at: number): void {
    this.#ticket?.tokens(count, at);
  }

  ended({ failure, clientGone, facts }: Parameters<AttemptWatch['ended']>[0]): void {
    if (failure !== undefined && !clientGone) {
      // Another endpoint of the pool may be asked: the ticket stays open until the request leaves the pool.
      this.#failed = reasonOf(failure);
      return;
    }
    if (clientGone) this.#failed = 'aborted';
    const usage = facts?.usage;
    if (!clientGone) {
      this.#ticket?.end({
        ...(usage?.input === undefined ? {} : { inputTokens: usage.input }),
        ...(usage?.output === undefined ? {} : { outputTokens: usage.output }),
        ...(usage?.cachedInput === undefined ? {} : { cachedTokens: usage.cachedInput }),
      });
    }
    this.close(usage?.total);
  }

  /** The request goes elsewhere, or is over. What is closed stays closed. */
  close(usedTokens?: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ticket?.fail(this.#failed ?? 'aborted');
    this.#admission?.release(usedTokens);
  }
}

function reasonOf({ reason, answer }: Failure): FailReason {
  if (reason === 'connect') return 'connect';
  if (reason === 'reset' || reason === 'truncated') return 'reset';
  if (reason === 'timeout' || reason === 'idle') return 'timeout';
  if (reason === 'local') return 'client-error';
  const status = answer?.status ?? 500;
  if (status === 429) return 'overloaded';
  return status >= 500 ? 'server-error' : 'client-error';
}

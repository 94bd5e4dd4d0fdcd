import type { IncomingHttpHeaders } from 'node:http';

import { AttemptFailed } from '#core/attempt/failure';
import { GatewayError } from '#core/errors';
import { isHeaderValue } from '#core/http/sendable';

import type { EppClient } from '../epp/client.ts';
import type { EppExchange } from '../epp/exchange.ts';
import { decide, type FailureMode } from '../epp/failure-mode.ts';
import { EppFailure } from '../epp/failure.ts';
import type { Header } from '../epp/header-edit.ts';
import type { Immediate, Picked, PickOutcome } from '../epp/request-side.ts';
import { inSubset, type PickRequest, type RankedEndpoint, type Ticket } from '../picker/policy.ts';
import { pairsOf, permittedEdit } from './external-edit.ts';
import { ConnectionDoubt, Patience, PickerOutage } from './external-outage.ts';
import { ShownResponse } from './external-response.ts';
import { type ExternalTicket, OwnTicket, PickedTicket } from './external-ticket.ts';

export type { ExternalTicket } from './external-ticket.ts';

export interface ExternalPickerOptions {
  /** Connected to the picker's Service; its settings say how much of requests and answers the picker sees. `close` closes it. */
  readonly client: EppClient;
  /** `endpointPickerRef.failureMode` of the InferencePool. */
  readonly failureMode: FailureMode;
  /** Endpoints that may be picked now, `ip:port`: the hint to the picker when they are not all of the pool. */
  readonly candidates: () => readonly string[];
  /** All endpoints of the pool. What a picker names beyond them is skipped. */
  readonly endpoints: () => readonly string[];
  /** FailOpen: the gateway's own choice among the candidates. */
  readonly own: (request: PickRequest) => Ticket;
  /**
   * The gateway's own accounting of what the picker chose, told of all that the ticket is told: so that `own` knows the load, and the caches,
   * on the day that the picker fails.
   * @default none
   */
  readonly follow?: (request: PickRequest, endpoints: readonly string[]) => Ticket;
  /** For the log. An outage is told once, and its end; notes of one sort once a minute. */
  readonly warn: (message: string) => void;
  /**
   * Bytes of one answer that the picker may be behind before it sees no more of it.
   * @default 4 MiB
   */
  readonly maxBehindBytes?: number;
  /** Milliseconds that never go back. @default performance.now */
  readonly now?: () => number;
}

export interface ExternalRequest {
  readonly pick: PickRequest;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authority: string;
  /** What would go to the pod, flat name/value list. The picker sees all of it: leave out the credentials that are not its business. */
  readonly headers: readonly string[];
  /** What would go to the pod. */
  readonly body: Buffer | undefined;
}

const MIB = 1024 * 1024;

/**
 * Chooses pods of an InferencePool through its external endpoint picker (`spec.endpointPickerRef`), over the Endpoint Picker Protocol.
 *
 * Followed: the ordered list; header edits and a new body of the request (`apply`), but for framing, host, pseudo headers and credentials
 * that the picker was not shown; an immediate response in place of a pick; header edits of the answer, if the caller applies what `answered`
 * resolves with. Not followed: a body of the answer that the picker rewrites (so a model name that it replaced in the request is not put
 * back), trailers, and an immediate response once a pod has answered.
 *
 * In FailOpen, a picker that did not reply to several picks in a row is asked by one request a second until it does: the others
 * do not wait for its time limit.
 */
export class ExternalPicker {
  readonly #options: ExternalPickerOptions;
  readonly #outage: PickerOutage;
  /** With its replies to the heads of answers. */
  readonly #patience: Patience;
  readonly #doubt: ConnectionDoubt;
  #closed = false;

  constructor(options: ExternalPickerOptions) {
    this.#options = options;
    const now = options.now ?? (() => performance.now());
    this.#outage = new PickerOutage(options.warn, now);
    this.#patience = new Patience(now);
    this.#doubt = new ConnectionDoubt(now);
  }

  /**
   * @param signal ends the exchange while it is about the pick; afterwards that is `fail` of the ticket
   * @throws AttemptFailed with the answer of a picker that answered itself: its status, headers and body as they are
   * @throws GatewayError in FailClose: 503 without a usable pick, 504 when none came in time
   * @throws the signal's reason
   */
  async pick(request: ExternalRequest, signal: AbortSignal): Promise<ExternalTicket> {
    signal.throwIfAborted();
    if (this.#options.failureMode === 'FailOpen' && !this.#outage.worthAsking) {
      this.#outage.skipped();
      return this.#own(request);
    }
    let exchange: EppExchange | undefined;
    const abandon = (): void => exchange?.cancel(new Error('the request ended before the pick', { cause: signal.reason }));
    signal.addEventListener('abort', abandon, { once: true });
    try {
      const shown = shownHeaders(request);
      exchange = this.#open(request, shown);
      const outcome = await outcomeOf(exchange, request.body);
      this.#doubt.answered();
      signal.throwIfAborted();
      if (outcome.kind === 'immediate') {
        this.#outage.answered();
        throw answerOf(outcome);
      }
      return this.#picked(request, outcome, shown, exchange);
    } catch (error) {
      exchange?.cancel();
      signal.throwIfAborted();
      if (error instanceof EppFailure) return this.#without(request, error);
      throw error;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  /** Closes the connection to the picker. Exchanges that are open go on to their end; a pick from now on finds no picker. */
  close(): void {
    this.#closed = true;
    this.#options.client.close();
  }

  #open(request: ExternalRequest, shown: readonly Header[]): EppExchange {
    if (this.#closed) throw new EppFailure('unreachable', 'endpoint picker: the connection to it was closed');
    const subset = this.#subset(request.pick);
    return this.#options.client.open({
      headers: [
        [':method', request.method],
        [':path', request.path],
        [':authority', request.authority],
        // Pods are called in plain text as a rule, and no picker is known to care.
        [':scheme', 'http'],
        ...shown,
      ],
      endOfStream: request.body === undefined,
      ...(subset === undefined ? {} : { subset }),
    });
  }

  /** The hint; undefined: any endpoint of the pool. */
  #subset({ subset }: PickRequest): string[] | undefined {
    const candidates = this.#options.candidates().filter((id) => inSubset(id, subset));
    const all = this.#options.endpoints();
    const named = new Set(candidates);
    return all.every((id) => named.has(id)) ? undefined : candidates;
  }

  #picked(request: ExternalRequest, picked: Picked, shown: readonly Header[], exchange: EppExchange): ExternalTicket {
    const endpoints = this.#usable(request.pick, picked);
    if (picked.failure === undefined) this.#outage.answered();
    const edit = permittedEdit(picked.headers, shown);
    if (edit.refused.length > 0) {
      this.#outage.note('refused-headers', `the endpoint picker may not change the headers ${[...new Set(edit.refused)].join(', ')}`);
    }
    const followed = this.#options.follow?.(request.pick, endpoints);
    return new PickedTicket({
      ranked: rankedOf(endpoints, picked.scores, followed),
      edit,
      body: picked.bodyReplaced ? picked.body : undefined,
      response: new ShownResponse({
        exchange,
        maxBehindBytes: this.#options.maxBehindBytes ?? 4 * MIB,
        patience: this.#patience,
        note: (sort, message) => this.#outage.note(sort, message),
      }),
      knows: (id) => this.#options.endpoints().includes(id),
      followed,
    });
  }

  /** The picker's list without what the pool does not have; what may no longer be picked goes last. */
  #usable({ subset }: PickRequest, picked: Picked): string[] {
    const all = new Set(this.#options.endpoints());
    const known = picked.endpoints.filter((id) => all.has(id) && inSubset(id, subset));
    const skipped = [...picked.ignoredEndpoints, ...picked.endpoints.filter((id) => !known.includes(id))].join(', ');
    if (known.length === 0) throw new EppFailure('protocol', `the endpoint picker named no endpoint that may serve (${skipped})`);
    if (skipped !== '') this.#outage.note('skipped', `the endpoint picker named endpoints that may not serve: ${skipped}`);
    const candidates = new Set(this.#options.candidates());
    return [...known.filter((id) => candidates.has(id)), ...known.filter((id) => !candidates.has(id))];
  }

  #without(request: ExternalRequest, failure: EppFailure): ExternalTicket {
    const { failureMode } = this.#options;
    const decision = decide({ kind: 'failed', failure: { kind: failure.kind, afterPick: false } }, failureMode);
    const open = decision.act === 'pick-self';
    const consequence = open ? 'the gateway picks by itself' : 'requests are refused';
    const silent = failure.kind === 'unreachable' || failure.kind === 'timeout';
    if (failure.kind === 'timeout' && !this.#closed && this.#doubt.silent()) this.#options.client.reconnect();
    this.#outage.failed(`${failure.message}: ${consequence} (failureMode ${failureMode})`, silent);
    if (open) return this.#own(request);
    // Addresses inside the cluster are for the log, not for the client.
    if (failure.kind === 'timeout')
      throw new GatewayError('TK_TIMEOUT', 'the endpoint picker of the pool did not answer in time', { cause: failure });
    throw new GatewayError('TK_NO_BACKEND', 'the endpoint picker of the pool names no endpoint', {
      headers: { 'retry-after': '1' },
      cause: failure,
    });
  }

  #own({ pick }: ExternalRequest): ExternalTicket {
    return new OwnTicket(this.#options.own(pick));
  }
}

/** The authority says where the request goes: a `host` beside it could only contradict it. */
function shownHeaders({ headers }: ExternalRequest): Header[] {
  return pairsOf(headers).filter(([name]) => name !== 'host');
}

async function outcomeOf(exchange: EppExchange, body: Buffer | undefined): Promise<PickOutcome> {
  if (body === undefined) return exchange.picked;
  const [outcome] = await Promise.all([exchange.picked, exchange.requestBody(body)]);
  return outcome;
}

function answerOf({ status, headers: list, body, details }: Immediate): AttemptFailed {
  // Names come from the picker: none may be a property that every object has.
  const headers = Object.create(null) as IncomingHttpHeaders;
  for (const [name, value] of list) {
    if (!isHeaderValue(value)) continue;
    if (name === 'set-cookie') headers[name] = [...(headers[name] ?? []), value];
    else headers[name] = headers[name] === undefined ? value : `${String(headers[name])}, ${value}`;
  }
  return new AttemptFailed({
    reason: 'status',
    message: `the endpoint picker of the pool answered ${status}`,
    answer: { status, headers, body },
    ...(details === '' ? {} : { cause: details }),
  });
}

function rankedOf(endpoints: readonly string[], scores: Picked['scores'], followed: Ticket | undefined): RankedEndpoint[] {
  const scored = scores !== undefined && endpoints.every((id) => Object.hasOwn(scores, id));
  return endpoints.map((id, index) => {
    const known = followed?.ranked.find((endpoint) => endpoint.id === id);
    return {
      id,
      // A picker that tells no scores has said which is better, and no more.
      score: scored ? scores[id]! : -index,
      matchedTokens: known?.matchedTokens ?? 0,
      ...(known?.estTtftMs === undefined ? {} : { estTtftMs: known.estTtftMs }),
    };
  });
}

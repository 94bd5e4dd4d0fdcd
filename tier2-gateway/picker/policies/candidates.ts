import type { Decision } from '../decisions.ts';
import { inSubset } from '../policy.ts';
import type { EndpointInfo, EndpointMetrics, FailReason, PickRequest, Policy, RankedEndpoint, Surroundings, Ticket } from '../policy.ts';

/** What the simple policies know about an endpoint. */
export interface Candidate {
  info: EndpointInfo;
  /** Own requests in flight. */
  requests: number;
  /** Their prompt tokens without a first token yet, less those that were cached. */
  tokens: number;
  metrics: EndpointMetrics | undefined;
  metricsAt: number;
}

export interface Choice {
  readonly candidate: Candidate;
  readonly score: number;
  readonly matchedTokens?: number;
}

/** Keeps endpoints and own requests in flight; how to choose is the subclass's. */
export abstract class CandidatePolicy implements Policy {
  protected readonly around: Surroundings;
  protected readonly candidates = new Map<string, Candidate>();
  readonly #open = new Set<CountingTicket>();
  readonly #ticketTtlMs: number;

  constructor(around: Surroundings, ticketTtlMs = 600_000) {
    this.around = around;
    this.#ticketTtlMs = ticketTtlMs;
  }

  /** Best first, all of those given or fewer. */
  protected abstract choose(candidates: readonly Candidate[], request: PickRequest): readonly Choice[];

  /** The request goes there. */
  protected onReserved(_candidate: Candidate, _request: PickRequest): void {}

  /** The endpoint is gone. */
  protected onRemoved(_candidate: Candidate): void {}

  setEndpoints(endpoints: readonly EndpointInfo[]): void {
    const listed = new Map(endpoints.map((info) => [info.id, info]));
    for (const [id, candidate] of this.candidates) {
      if (listed.get(id)?.pod === candidate.info.pod) continue;
      this.candidates.delete(id);
      this.onRemoved(candidate);
    }
    for (const info of endpoints) {
      const known = this.candidates.get(info.id);
      if (known !== undefined) known.info = info;
      else this.candidates.set(info.id, { info, requests: 0, tokens: 0, metrics: undefined, metricsAt: 0 });
    }
  }

  observeMetrics(id: string, metrics: EndpointMetrics, at: number): void {
    const candidate = this.candidates.get(id);
    if (candidate === undefined) return;
    candidate.metrics = metrics;
    candidate.metricsAt = at;
  }

  /** The last values stay, as in the reference. */
  metricsFailed(_id: string, _at: number): void {}

  pick(request: PickRequest): Ticket {
    const eligible = [...this.candidates.values()].filter(({ info }) => info.ready && !info.draining && inSubset(info.id, request.subset));
    const choices = eligible.length === 0 ? [] : this.choose(eligible, request);
    const ticket = new CountingTicket(
      choices,
      request,
      (id) => this.candidates.get(id),
      (candidate) => this.onReserved(candidate, request),
      this.around.now,
      (closed) => this.#open.delete(closed),
    );
    if (ticket.endpoint !== undefined) this.#open.add(ticket);
    return ticket;
  }

  sweep(now: number): number {
    let expired = 0;
    for (const ticket of this.#open) {
      if (now - ticket.lastSign <= this.#ticketTtlMs) continue;
      ticket.end();
      expired++;
    }
    return expired;
  }

  /** Own requests per endpoint. */
  inFlight(): readonly number[] {
    return [...this.candidates.values()].map(({ requests }) => requests);
  }

  /** These policies keep no decisions. */
  explain(_requestId: string): Decision | undefined {
    return undefined;
  }

  /** Fisher and Yates. */
  protected shuffled<T>(items: readonly T[]): T[] {
    const mixed = [...items];
    for (let last = mixed.length - 1; last > 0; last--) {
      const other = Math.floor(this.around.random() * (last + 1));
      [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
    }
    return mixed;
  }
}

class CountingTicket implements Ticket {
  readonly ranked: readonly RankedEndpoint[];
  lastSign: number;
  readonly #find: (id: string) => Candidate | undefined;
  readonly #reserved: (candidate: Candidate) => void;
  readonly #now: () => number;
  readonly #onClose: (ticket: CountingTicket) => void;
  readonly #request: PickRequest;
  #candidate: Candidate | undefined;
  #tokens = 0;
  #closed = false;

  constructor(
    choices: readonly Choice[],
    request: PickRequest,
    find: (id: string) => Candidate | undefined,
    reserved: (candidate: Candidate) => void,
    now: () => number,
    onClose: (ticket: CountingTicket) => void,
  ) {
    this.ranked = choices.map(({ candidate, score, matchedTokens = 0 }) => ({ id: candidate.info.id, score, matchedTokens }));
    this.#request = request;
    this.#find = find;
    this.#reserved = reserved;
    this.#now = now;
    this.#onClose = onClose;
    this.lastSign = now();
    if (choices.length > 0) this.#reserve(choices[0]!.candidate);
    else this.#closed = true;
  }

  get endpoint(): string | undefined {
    return this.#candidate?.info.id;
  }

  #reserve(candidate: Candidate): void {
    const matched = this.ranked.find(({ id }) => id === candidate.info.id)?.matchedTokens ?? 0;
    this.#candidate = candidate;
    this.#tokens = Math.max(0, Math.round(this.#request.inputTokens - matched));
    candidate.requests++;
    candidate.tokens += this.#tokens;
    this.#reserved(candidate);
  }

  #leave(): void {
    if (this.#candidate === undefined) return;
    this.#candidate.requests--;
    this.#candidate.tokens -= this.#tokens;
    this.#tokens = 0;
    this.#candidate = undefined;
  }

  moveTo(id: string, _reason?: FailReason): boolean {
    if (this.#closed) return false;
    this.lastSign = this.#now();
    const candidate = this.#find(id);
    if (candidate !== undefined && candidate === this.#candidate) return true;
    this.#leave();
    if (candidate === undefined) return false;
    this.#reserve(candidate);
    return true;
  }

  firstToken(_at: number): void {
    this.lastSign = this.#now();
    if (this.#candidate === undefined) return;
    this.#candidate.tokens -= this.#tokens;
    this.#tokens = 0;
  }

  tokens(_count: number, _at: number): void {
    this.lastSign = this.#now();
  }

  end(): void {
    if (this.#closed) return;
    this.#leave();
    this.#closed = true;
    this.#onClose(this);
  }

  fail(_reason: FailReason): void {
    this.end();
  }
}

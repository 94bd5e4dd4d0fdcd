import { costOf } from './cost.ts';
import type { CostContext } from './cost.ts';
import { DecisionRing, TERM, TERMS } from './decisions.ts';
import type { Decision, DecisionRecord } from './decisions.ts';
import { bytesOfBlocks, finish, PromptHasher } from './digest.ts';
import { EndpointState } from './endpoint.ts';
import { Homes, isKnown } from './home.ts';
import { PoolModels } from './learning.ts';
import { OutputLengths } from './output-lengths.ts';
import { inSubset } from './policy.ts';
import type { EndpointInfo, EndpointMetrics, PickRequest, Policy, RankedEndpoint, Surroundings, Ticket } from './policy.ts';
import { PrefixIndex } from './prefix-index.ts';
import type { Salt } from './prefix-index.ts';
import { foreignLoad } from './scraped.ts';
import type { ForeignLoad } from './scraped.ts';
import { Sessions } from './sessions.ts';
import { pickerSettings } from './settings.ts';
import type { PickerSettings } from './settings.ts';
import { outputKey, PickerTicket } from './ticket.ts';
import type { PickerState } from './ticket.ts';

/** No model server restarts faster. */
const NO_RESTART_MS = 1_000;

/** What `Picker.endpoints` tells, for metrics and the admin API. */
export interface EndpointSummary {
  readonly id: string;
  readonly requests: number;
  readonly pendingPrefillTokens: number;
  readonly streams: number;
  readonly kvTokens: number;
  readonly kvCapacity: number;
  readonly foreign: Readonly<ForeignLoad>;
  readonly metricsConfidence: number;
  readonly indexedBlocks: number;
  readonly cacheTrust: number;
  readonly prefillTokensPerSecond: number;
  readonly tpotMs: number;
}

/**
 * Chooses the endpoint on which a request costs least, all told (cost.ts), and reserves there in the same step: the next pick already
 * sees it. Everything is kept in memory and bounded.
 */
export class Picker implements Policy {
  readonly settings: PickerSettings;
  readonly index: PrefixIndex;
  readonly #around: Surroundings;
  readonly #endpoints = new Map<string, EndpointState>();
  readonly #decisions: DecisionRing;
  readonly #state: PickerState;
  readonly #depths: Int32Array;
  readonly #salts = new Map<string, Salt>();
  readonly #secret: string;
  readonly #pool: PoolModels;
  #started = false;

  constructor(options: Surroundings & { readonly settings?: Partial<PickerSettings> }) {
    this.#around = { now: options.now, random: options.random };
    this.settings = pickerSettings(options.settings);
    this.index = new PrefixIndex({ maxBytes: this.settings.indexBytes, maxEndpoints: this.settings.maxEndpoints });
    this.#pool = new PoolModels(this.settings);
    this.#decisions = new DecisionRing(this.settings.decisions);
    this.#depths = new Int32Array(this.index.slots);
    // Nobody outside can aim for collisions.
    this.#secret = `${options.random()}${options.random()}`;
    this.#state = {
      settings: this.settings,
      index: this.index,
      endpoints: this.#endpoints,
      sessions: new Sessions(this.settings.maxSessions, this.settings.sessionTtlMs),
      open: new Set(),
      unseen: new Set(),
      now: options.now,
      homes: new Homes(),
      outputs: new OutputLengths(this.settings.expectedOutput),
      bytesPerToken: 4,
      usualInput: 512,
      hitRate: 0,
      scrapesBelieved: 0,
    };
  }

  setEndpoints(endpoints: readonly EndpointInfo[]): void {
    const now = this.#around.now();
    const listed = new Set(endpoints.map((info) => info.id));
    for (const [id, endpoint] of this.#endpoints) if (!listed.has(id)) this.#remove(id, endpoint);
    for (const info of endpoints) {
      let known = this.#endpoints.get(info.id);
      // Another pod with the address of an old one.
      if (known !== undefined && known.info.pod !== info.pod) {
        this.#remove(info.id, known);
        known = undefined;
      }
      if (known === undefined) {
        this.#endpoints.set(info.id, this.#create(info, now));
        continue;
      }
      if (info.startedAt !== undefined && known.info.startedAt !== undefined && info.startedAt !== known.info.startedAt) {
        known.restarted(this.index, now);
      } else if (info.ready && !known.info.ready) known.readySince = now;
      known.info = info;
    }
    this.#started ||= endpoints.length > 0;
  }

  #create(info: EndpointInfo, now: number): EndpointState {
    // Those that are there when the gateway starts are not new.
    const readySince = info.startedAt ?? (this.#started ? now : -Infinity);
    return new EndpointState(info, this.index.addEndpoint(), readySince, this.settings, this.#pool);
  }

  #remove(id: string, endpoint: EndpointState): void {
    endpoint.removed = true;
    this.index.removeEndpoint(endpoint.slot);
    this.#endpoints.delete(id);
  }

  observeMetrics(id: string, metrics: EndpointMetrics, at: number): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    const before = endpoint.scraped.last?.prefixQueries;
    const fell = before !== undefined && metrics.prefixQueries !== undefined && metrics.prefixQueries < before;
    if (fell && !this.#hasStreamSince(endpoint, at - NO_RESTART_MS)) {
      endpoint.restarted(this.index, this.#around.now());
    }
    const capacity = (metrics.blockSize ?? 0) * (metrics.numBlocks ?? 0) || endpoint.kvCapacity;
    endpoint.scraped.observe(metrics, at, endpoint.load, capacity);
  }

  /** A stream that began before is proof that the server has not restarted since: then the scrape is an old one. */
  #hasStreamSince(endpoint: EndpointState, at: number): boolean {
    for (const ticket of this.#state.open) if (ticket.streamsFrom(endpoint, at)) return true;
    return false;
  }

  metricsFailed(id: string, _at: number): void {
    this.#endpoints.get(id)?.scraped.failed();
  }

  pick(request: PickRequest): Ticket {
    const now = this.#around.now();
    for (const ticket of this.#state.unseen) ticket.presumeFirstToken(now);
    const record = this.#decisions.start(request.id, now, this.#endpoints.size);
    record.model = request.model;
    record.lora = request.lora;
    record.priority = request.priority;
    record.inputTokens = request.inputTokens;

    const candidates = this.#candidates(request, record);
    const salt = this.#salt(request);
    if (candidates.length === 0) return new PickerTicket(this.#state, request, salt, [], record, 0);
    this.index.match(request.prompt, salt, this.#depths);
    const { normal, confidence } = foreignLoad(candidates, now, this.settings);
    this.#state.scrapesBelieved = confidence;
    let coldest = 1;
    let warmest = 0;
    for (const candidate of candidates) {
      const warmth = candidate.warmth(now);
      coldest = Math.min(coldest, warmth);
      warmest = Math.max(warmest, warmth);
    }
    const { maxOutput, expectedOutput = this.#state.outputs.expected(outputKey(request), maxOutput) } = request;
    const context: CostContext = {
      request,
      settings: this.settings,
      index: this.index,
      now,
      expectedOutput,
      bytesPerToken: this.#state.bytesPerToken,
      normal,
      scrapesBelieved: confidence,
      usualInput: this.#state.usualInput,
      hitRate: this.#state.hitRate,
      sessionEndpoint: request.session === undefined ? undefined : this.#state.sessions.get(request.tenant, request.session, now),
      warmest,
      draw: coldest < warmest ? this.#around.random() : 0,
    };
    const home = this.#homeOf(request, candidates);
    for (let row = 0; row < candidates.length; row++) {
      const endpoint = candidates[row]!;
      const depth = endpoint.slot < 0 ? 0 : this.#depths[endpoint.slot]!;
      record.ids.push(endpoint.info.id);
      const matched = matchedTokens(endpoint, depth, request);
      const believed = row === home ? Math.max(matched, this.#state.homes.expected(request.inputTokens)) : matched;
      costOf(endpoint, believed, context, record.terms, row);
    }
    const ranked = this.#rank(candidates, record);
    const ticket = new PickerTicket(this.#state, request, salt, ranked, record, expectedOutput);
    ticket.reserve(candidates[record.chosen]!, record.term(record.chosen, 'estTtft'), record.chosen === home);
    return ticket;
  }

  /** Row of the prompt's home, if no endpoint is known to have it; else -1. */
  #homeOf({ prompt }: PickRequest, candidates: readonly EndpointState[]): number {
    for (const { slot } of candidates) if (slot >= 0 && isKnown(this.#depths[slot]!)) return -1;
    return this.#state.homes.find(prompt, candidates);
  }

  #candidates(request: PickRequest, record: DecisionRecord): EndpointState[] {
    const candidates: EndpointState[] = [];
    for (const endpoint of this.#endpoints.values()) {
      const { id, ready, draining } = endpoint.info;
      const why = draining ? 'draining' : !ready ? 'not ready' : !inSubset(id, request.subset) ? 'not in the subset' : undefined;
      if (why === undefined) candidates.push(endpoint);
      else record.excluded.push({ id, why });
    }
    return candidates;
  }

  /** All candidates by cost. Of those that are as good as the best, the less loaded of two at random comes first. */
  #rank(candidates: readonly EndpointState[], record: DecisionRecord): readonly RankedEndpoint[] {
    const { terms } = record;
    const total = (row: number): number => terms[row * TERMS.length + TERM.total]!;
    const rows = candidates.map((_, row) => row).sort((one, other) => total(one) - total(other));
    const best = total(rows[0]!);
    const limit = best + this.settings.tieMs;
    let ties = 1;
    while (ties < rows.length && total(rows[ties]!) <= limit) ties++;
    if (ties > 1) {
      const one = Math.floor(this.#around.random() * ties);
      const other = (one + 1 + Math.floor(this.#around.random() * (ties - 1))) % ties;
      const load = (place: number): number => candidates[rows[place]!]!.load.requests;
      const chosen = load(other) < load(one) ? other : one;
      rows.unshift(...rows.splice(chosen, 1));
    }
    record.ties = ties;
    record.chosen = rows[0]!;
    return rows.map((row) => ({
      id: record.ids[row]!,
      score: total(row),
      estTtftMs: terms[row * TERMS.length + TERM.estTtft]!,
      matchedTokens: terms[row * TERMS.length + TERM.matchedTokens]!,
    }));
  }

  #salt(request: PickRequest): Salt {
    const { model, lora = '', tenant } = request;
    const key = `${model.length}:${model}${lora.length}:${lora}${tenant}`;
    let salt = this.#salts.get(key);
    if (salt === undefined) {
      // A bound, not a policy: hashing again is cheap.
      if (this.#salts.size >= 10_000) this.#salts.clear();
      const hasher = new PromptHasher();
      hasher.text(`${this.#secret}${key}`);
      const { a, b, word, wordBytes } = hasher.digest().state;
      const lo = finish(a ^ Math.imul(word + wordBytes, 0x27d4eb2f), b);
      salt = { lo, hi: finish(b ^ lo, a + word) };
      this.#salts.set(key, salt);
    }
    return salt;
  }

  sweep(now: number): number {
    this.#state.sessions.sweep(now);
    let expired = 0;
    for (const ticket of this.#state.open) {
      if (now - ticket.lastSign <= this.settings.ticketTtlMs) continue;
      ticket.expire(now);
      expired++;
    }
    return expired;
  }

  explain(requestId: string): Decision | undefined {
    return this.settings.decisions === 0 ? undefined : this.#decisions.find(requestId);
  }

  /**
   * How full the least loaded endpoint is that takes requests: 0 idle, 1 and above full. Full is when its KV cache is spoken for, or when it
   * runs as many requests as it may; what waits there, waits there in vain. 1 without an endpoint.
   */
  saturation(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const endpoint of this.#endpoints.values()) {
      if (!endpoint.info.ready || endpoint.info.draining) continue;
      const { foreign } = endpoint.scraped;
      const kv = (endpoint.ownKv(this.index, this.#state.bytesPerToken) + foreign.kvTokens) / endpoint.kvCapacity;
      const places = (endpoint.load.requests + foreign.running + foreign.waiting) / this.settings.maxRunning;
      least = Math.min(least, Math.max(kv, places));
    }
    return least === Number.POSITIVE_INFINITY ? 1 : least;
  }

  endpoints(): readonly EndpointSummary[] {
    const now = this.#around.now();
    return [...this.#endpoints.values()].map((endpoint) => {
      const kvTokens = endpoint.ownKv(this.index, this.#state.bytesPerToken) + endpoint.scraped.foreign.kvTokens;
      return {
        id: endpoint.info.id,
        requests: endpoint.load.requests,
        pendingPrefillTokens: endpoint.load.pendingPrefill,
        streams: endpoint.load.streams,
        kvTokens,
        kvCapacity: endpoint.kvCapacity,
        foreign: { ...endpoint.scraped.foreign },
        metricsConfidence: endpoint.scraped.confidence(now, this.settings),
        indexedBlocks: this.index.entriesOf(endpoint.slot),
        cacheTrust: endpoint.trust,
        prefillTokensPerSecond: 1_000 / endpoint.speed.prefillMsPerToken(now),
        tpotMs: endpoint.speed.tpotMs(endpoint.load.streams, kvTokens, now),
      };
    });
  }
}

/** Blocks are bytes; the request says how many tokens all bytes are. The engine computes at least the last token. */
export function matchedTokens(endpoint: EndpointState, depth: number, request: PickRequest): number {
  if (depth === 0) return 0;
  const share = bytesOfBlocks(depth) / request.prompt.bytes;
  return Math.min(request.inputTokens - 1, Math.floor(share * request.inputTokens * endpoint.trust));
}

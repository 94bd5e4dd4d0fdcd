import type { DecisionRecord } from './decisions.ts';
import { bytesOfBlocks, PromptDigest } from './digest.ts';
import type { EndpointState } from './endpoint.ts';
import type { Homes } from './home.ts';
import { Reservation } from './load.ts';
import type { OutputLengths } from './output-lengths.ts';
import type { FailReason, Outcome, PickRequest, RankedEndpoint, Ticket } from './policy.ts';
import type { Claim, PrefixIndex, Salt } from './prefix-index.ts';
import type { Sessions } from './sessions.ts';
import type { PickerSettings } from './settings.ts';

/** What all tickets of a picker share. */
export interface PickerState {
  readonly settings: PickerSettings;
  readonly index: PrefixIndex;
  readonly endpoints: ReadonlyMap<string, EndpointState>;
  readonly sessions: Sessions;
  readonly open: Set<PickerTicket>;
  /** Those of them whose first token will not be seen, and is not due yet. */
  readonly unseen: Set<PickerTicket>;
  readonly outputs: OutputLengths;
  readonly homes: Homes;
  readonly now: () => number;
  /** Running means over the pool's requests. */
  bytesPerToken: number;
  usualInput: number;
  hitRate: number;
  /** Mean confidence in the scrapes at the last pick. */
  scrapesBelieved: number;
}

const MEAN_RATE = 0.02;
/** Output tokens and time that one observation of the time per token covers at least. */
const TPOT_TOKENS = 16;
const TPOT_MS = 200;
/** Share of the KV cache beyond which streams may be out of the batch for a while: then their pace says nothing. */
const FULL = 0.97;

/** Where a request's reservation is. */
interface Hold {
  readonly endpoint: EndpointState;
  readonly reservation: Reservation;
  readonly claim: Claim;
  readonly at: number;
  /** Tokens to prefill before the first one of this request, its own included. */
  readonly prefillAhead: number;
  /** Tokens that the index said were cached, whether or not it was trusted. */
  readonly predictedCached: number;
  readonly isHome: boolean;
  /** False where the time to first token will say nothing about prefill: KV or places were short, it cannot be seen, or what is cached is not known. */
  readonly telling: boolean;
  readonly firstTokenDue: number;
}

/** Whose answers are of about one length. */
export function outputKey({ model, lora }: PickRequest): string {
  return lora ?? model;
}

export class PickerTicket implements Ticket {
  readonly ranked: readonly RankedEndpoint[];
  /** Last event, ms. */
  lastSign: number;
  readonly #state: PickerState;
  readonly #request: PickRequest;
  readonly #salt: Salt;
  readonly #record: DecisionRecord;
  readonly #expectedOutput: number;
  #hold: Hold | undefined;
  #closed: boolean;
  #tpotFrom = 0;
  #tpotTokens = 0;
  /** What the endpoint had prefilled at that time. */
  #tpotPrefilled = 0;

  constructor(
    state: PickerState,
    request: PickRequest,
    salt: Salt,
    ranked: readonly RankedEndpoint[],
    record: DecisionRecord,
    expectedOutput: number,
  ) {
    this.#state = state;
    this.#request = request;
    this.#salt = salt;
    this.ranked = ranked;
    this.#record = record;
    this.#expectedOutput = Math.max(0, Math.round(expectedOutput));
    this.lastSign = record.at;
    this.#closed = ranked.length === 0;
    if (!this.#closed) state.open.add(this);
  }

  get endpoint(): string | undefined {
    return this.#hold?.endpoint.info.id;
  }

  /** Whether the endpoint has been answering this request since before a time. */
  streamsFrom(endpoint: EndpointState, at: number): boolean {
    return this.#hold?.endpoint === endpoint && this.#hold.reservation.phase === 'decode' && this.#hold.at <= at;
  }

  /**
   * Called by the picker, for the first choice.
   * @param isHome nobody is known to have the prompt, and the endpoint is its home
   */
  reserve(endpoint: EndpointState, estTtftMs: number, isHome = false): void {
    const { index, bytesPerToken, now } = this.#state;
    const { prompt, inputTokens, lora } = this.#request;
    const at = now();
    const { load } = endpoint;
    const { scraped } = endpoint;
    const foreignKv = scraped.foreign.kvTokens * scraped.confidence(at, this.#state.settings) * this.#state.scrapesBelieved;
    const room = endpoint.kvCapacity - load.looseKv - foreignKv;
    index.setCapacity(endpoint.slot, Math.max(0, room) * bytesPerToken);
    const claim = index.claim(endpoint.slot, prompt, this.#salt);
    const tokensPerByte = prompt.bytes === 0 ? 0 : inputTokens / prompt.bytes;
    const cached = Math.min(Math.max(0, inputTokens - 1), bytesOfBlocks(claim.matched) * tokensPerByte);
    const uncached = Math.max(1, Math.round(inputTokens - cached * endpoint.trust));
    const loose = Math.max(0, Math.round(inputTokens - bytesOfBlocks(claim.entries.length) * tokensPerByte));
    const msPerToken = endpoint.speed.prefillMsPerToken(at);
    const prefillAhead = load.prefillLeft(at, msPerToken) + uncached;
    const kvAfter = endpoint.ownKv(index, bytesPerToken) + foreignKv + uncached;
    this.#hold = {
      endpoint,
      reservation: new Reservation(load, uncached, loose, this.#expectedOutput, at),
      claim,
      at,
      prefillAhead,
      predictedCached: bytesOfBlocks(claim.confirmed) * tokensPerByte,
      isHome,
      telling:
        !isHome && this.#request.streaming !== false && kvAfter < endpoint.kvCapacity && load.requests < this.#state.settings.maxRunning,
      firstTokenDue: at + endpoint.speed.baseTtftMs(at) + prefillAhead * msPerToken,
    };
    if (this.#request.streaming === false) this.#state.unseen.add(this);
    if (lora !== undefined) endpoint.loras.start(lora, endpoint.loraSlots);
    this.#event(`reserved on ${endpoint.info.id}, first token expected after ${estTtftMs.toFixed(1)} ms`);
  }

  moveTo(id: string, reason?: FailReason): boolean {
    if (this.#closed) return false;
    const endpoint = this.#state.endpoints.get(id);
    if (endpoint !== undefined && endpoint === this.#hold?.endpoint && reason === undefined) return true;
    this.#sign();
    this.#leave(reason);
    this.#tpotTokens = 0;
    if (endpoint === undefined) {
      this.#event(`moved to ${id}, which is unknown`);
      return false;
    }
    this.#event(`moved to ${id}`);
    this.reserve(endpoint, this.ranked.find((candidate) => candidate.id === id)?.estTtftMs ?? Number.NaN);
    return true;
  }

  /** The answer comes in one piece: by now its first token should be there. */
  presumeFirstToken(now: number): void {
    if (this.#hold === undefined || this.#hold.firstTokenDue > now) return;
    this.#hold.reservation.firstToken(now);
    this.#state.unseen.delete(this);
  }

  firstToken(at: number): void {
    if (this.#hold?.reservation.firstToken(at) !== true) return;
    const { endpoint, telling, prefillAhead, at: reservedAt } = this.#hold;
    this.#tpotFrom = at;
    this.#tpotPrefilled = endpoint.load.prefilled;
    if (telling) endpoint.speed.observeTtft(at - reservedAt, prefillAhead, at);
    this.#event(`first token after ${(at - reservedAt).toFixed(1)} ms`);
    this.#answered(this.#hold, at);
  }

  /** The endpoint has computed the prompt. */
  #answered({ endpoint, claim }: Hold, at: number): void {
    this.#sign();
    this.#state.index.confirm(claim);
    endpoint.succeeded();
    if (this.#request.session !== undefined) {
      this.#state.sessions.set(this.#request.tenant, this.#request.session, endpoint.info.id, at);
    }
  }

  tokens(count: number, at: number): void {
    const hold = this.#hold;
    if (hold === undefined || !(count > 0)) return;
    this.#sign();
    // A server that sends no sign of the first token of its own.
    if (hold.reservation.phase === 'prefill') this.firstToken(at);
    hold.reservation.tokens(Math.round(count));
    this.#tpotTokens += count;
    if (this.#tpotTokens >= TPOT_TOKENS && at - this.#tpotFrom >= TPOT_MS) this.#learnTpot(hold, at);
  }

  #learnTpot(hold: Hold, at: number): void {
    const { load, speed, scraped } = hold.endpoint;
    const kv = hold.endpoint.ownKv(this.#state.index, this.#state.bytesPerToken) + scraped.foreign.kvTokens;
    const took = at - this.#tpotFrom;
    const isFull = kv > FULL * hold.endpoint.kvCapacity;
    // Prefills of others held the stream up meanwhile; that is a cost of theirs, not of decoding.
    const stalled = (load.prefilled - this.#tpotPrefilled) * speed.prefillMsPerToken(at);
    if (!isFull) speed.observeTpot(Math.max(took - stalled, took / 4) / this.#tpotTokens, load.streams + scraped.foreign.running, kv, at);
    this.#tpotFrom = at;
    this.#tpotPrefilled = load.prefilled;
    this.#tpotTokens = 0;
  }

  end(outcome: Outcome = {}): void {
    const hold = this.#hold;
    if (this.#closed || hold === undefined) {
      this.#close();
      return;
    }
    const at = outcome.at ?? this.#state.now();
    // Without a first token that was seen, neither its time nor the time per token is known.
    if (hold.reservation.phase === 'prefill' || this.#request.streaming === false) {
      this.#answered(hold, at);
    } else {
      const late = (outcome.outputTokens ?? 0) - hold.reservation.written - 1;
      if (late > 0) this.#tpotTokens += late;
      if (this.#tpotTokens >= TPOT_TOKENS && at > this.#tpotFrom) this.#learnTpot(hold, at);
    }
    this.#learnPrompt(hold, outcome);
    const written = outcome.outputTokens ?? hold.reservation.written;
    if (written > 0) this.#state.outputs.observe(outputKey(this.#request), written);
    // While the prompt's blocks are still held, so that the answer's find them.
    if (outcome.output !== undefined) this.#indexAnswer(hold, outcome.output);
    this.#event(`ended: ${outcome.outputTokens ?? hold.reservation.written} tokens, ${outcome.cachedTokens ?? 'unknown'} cached`);
    this.#leave(undefined, at);
    this.#close();
  }

  #learnPrompt(hold: Hold, { inputTokens, cachedTokens }: Outcome): void {
    const state = this.#state;
    const { prompt } = this.#request;
    const input = inputTokens ?? this.#request.inputTokens;
    if (input <= 0) return;
    state.usualInput += MEAN_RATE * (input - state.usualInput);
    if (inputTokens !== undefined && prompt.bytes > 0) {
      const ratio = Math.max(1, Math.min(16, prompt.bytes / inputTokens));
      state.bytesPerToken += MEAN_RATE * (ratio - state.bytesPerToken);
    }
    const cached = cachedTokens ?? hold.predictedCached * hold.endpoint.trust;
    state.hitRate += MEAN_RATE * (Math.min(1, cached / input) - state.hitRate);
    if (hold.isHome && cachedTokens !== undefined) state.homes.observe(cachedTokens, input);
    // Against what the server counts, where it says so: our own count is an estimate.
    const predicted = (hold.predictedCached * input) / Math.max(1, this.#request.inputTokens);
    if (cachedTokens !== undefined && !hold.endpoint.removed) hold.endpoint.cacheFeedback(predicted, cachedTokens);
  }

  #indexAnswer(hold: Hold, output: string | Uint8Array | PromptDigest): void {
    if (!hold.claim.open || hold.endpoint.removed) return;
    const { index } = this.#state;
    const digest = output instanceof PromptDigest ? output : this.#request.prompt.continued(output);
    const claim = index.claim(hold.claim.slot, digest, this.#salt);
    if (hold.claim.epoch === claim.epoch) index.confirm(claim);
    index.release(claim);
  }

  fail(reason: FailReason): void {
    if (this.#closed) return;
    this.#event(`failed: ${reason}`);
    this.#leave(reason);
    this.#close();
  }

  /** Nobody closed the ticket. */
  expire(now: number): void {
    this.#event('expired: nobody ended it');
    this.#leave(undefined, now);
    this.#close();
  }

  /** Gives the reservation back. Blocks that no first token has confirmed leave the index. */
  #leave(reason: FailReason | undefined, at = this.#state.now()): void {
    const hold = this.#hold;
    if (hold === undefined) return;
    this.#hold = undefined;
    this.#state.unseen.delete(this);
    hold.reservation.release(at);
    this.#state.index.release(hold.claim);
    if (this.#request.lora !== undefined) hold.endpoint.loras.end(this.#request.lora);
    if (reason !== undefined && reason !== 'aborted' && reason !== 'client-error') hold.endpoint.failed(at);
  }

  #close(): void {
    this.#closed = true;
    this.#state.open.delete(this);
  }

  #sign(): void {
    this.lastSign = this.#state.now();
  }

  /** The ring may have given the record to a later request. */
  #event(what: string): void {
    if (this.#record.requestId === this.#request.id) this.#record.event(this.#state.now(), what);
  }
}

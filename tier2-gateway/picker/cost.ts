import { TERM, TERMS } from './decisions.ts';
import type { EndpointState } from './endpoint.ts';
import type { LoraPlace } from './lora.ts';
import type { PickRequest } from './policy.ts';
import type { PrefixIndex } from './prefix-index.ts';
import type { ForeignLoad } from './scraped.ts';
import type { PickerSettings } from './settings.ts';

/** What is the same for all candidates of one pick. */
export interface CostContext {
  readonly request: PickRequest;
  readonly settings: PickerSettings;
  readonly index: PrefixIndex;
  readonly now: number;
  readonly expectedOutput: number;
  readonly bytesPerToken: number;
  /** Mean foreign load, by the confidence in each scrape: what an endpoint without one counts as. */
  readonly normal: ForeignLoad;
  /** Mean confidence in the candidates' scrapes. Where most of them fail or cannot be true, the others are probably wrong too. */
  readonly scrapesBelieved: number;
  /** Tokens of a usual prompt, for foreign requests that wait. */
  readonly usualInput: number;
  /** Share of prompt tokens that are cached, lately: how probable it is that a displaced prefix is asked for again. */
  readonly hitRate: number;
  /** Where the session was served last. */
  readonly sessionEndpoint: string | undefined;
  /** Warmth of the warmest candidate: where all are new, none of them is spared. */
  readonly warmest: number;
  /** 0 to 1, drawn for this pick: a new endpoint is spared by all picks but as large a share of them as its warmth is. */
  readonly draw: number;
}

/** Loads per adapter place: a swap costs a load now, and one later for the adapter that is pushed out. */
const LORA_LOADS: Readonly<Record<LoraPlace, number>> = { resident: 0, 'free-slot': 1, swap: 1.5, full: 1.5 };

/** Adds one term to the row's total. */
function put(out: Float64Array, row: number, term: number, ms: number): number {
  out[row + term] = ms;
  return ms;
}

/**
 * What it costs to send the request to the endpoint, in milliseconds between tokens: the request's own (queue, prefill and waits, of which
 * a millisecond counts `ttftWeight` times; decode), and what it takes from others (streams that it slows, prefixes that it displaces).
 * Writes one row of terms.
 *
 * @param matchedTokens cached there, as far as the index can be trusted
 * @returns the total
 */
export function costOf(endpoint: EndpointState, matchedTokens: number, context: CostContext, out: Float64Array, rowNumber: number): number {
  const { request, settings, now, expectedOutput, normal, scrapesBelieved } = context;
  const { load, speed } = endpoint;
  const row = rowNumber * TERMS.length;

  const confidence = endpoint.scraped.confidence(now, settings);
  const { foreign } = endpoint.scraped;
  const foreignRunning = scrapesBelieved * blend(foreign.running, normal.running, confidence);
  const foreignWaiting = scrapesBelieved * blend(foreign.waiting, normal.waiting, confidence);
  const foreignKv = scrapesBelieved * blend(foreign.kvTokens, normal.kvTokens, confidence);

  const msPerToken = speed.prefillMsPerToken(now);
  const uncached = Math.max(1, request.inputTokens - matchedTokens);
  const ahead = load.prefillLeft(now, msPerToken) + foreignWaiting * context.usualInput;
  const queueMs = ahead * msPerToken;
  const prefillMs = speed.baseTtftMs(now) + uncached * msPerToken;

  // Requests that prefill now decode by the time that this one does; what does not fit waits, and slows nobody.
  const streams = load.requests + foreignRunning + foreignWaiting;
  const kvInUse = endpoint.ownKv(context.index, context.bytesPerToken) + foreignKv;
  // Those that run keep what they have and write more: a cache that is full only then takes streams out of the batch.
  const kvAfter = kvInUse + load.remainingOutput + uncached + expectedOutput;
  const fits = Math.min(1, endpoint.kvCapacity / kvAfter, settings.maxRunning / (streams + 1));
  const tpotMs = speed.tpotMs((streams + 1) * fits, kvAfter * fits, now);
  const decodeMs = Math.max(0, expectedOutput - 1) * tpotMs;

  // Without a free place the request waits until as much as lies before it has ended.
  const outputLeft = load.requests > 0 ? load.remainingOutput / load.requests : expectedOutput / 2;
  const turnoverMs = Math.max(1, outputLeft) * tpotMs;
  const waitMs = (1 / fits - 1) * turnoverMs;

  // A prefill holds up the streams for its whole length; one more stream slows each of their remaining tokens.
  const stalledMs = uncached * msPerToken * (load.streams + foreignRunning);
  const othersOutput = Math.min(load.remainingOutput + (foreignRunning * expectedOutput) / 2, streams * expectedOutput);
  const slowedMs = speed.tpotPerStreamMs(now) * othersOutput * fits;
  const interferenceMs = stalledMs + slowedMs;

  // Who computes them again will hold up the streams that are there then: about as many as now.
  const recomputed = 1 + load.streams + foreignRunning;
  const evictionMs = recomputed * evictionCost(endpoint, uncached + expectedOutput, kvInUse, context);

  let loraMs = 0;
  if (request.lora !== undefined) {
    const place = endpoint.loras.place(request.lora, endpoint.loraSlots, confidence > 0.25 ? endpoint.scraped.last : undefined);
    loraMs = LORA_LOADS[place] * settings.loraLoadMs + (place === 'full' ? turnoverMs : 0);
  }

  const failureMs = endpoint.failurePenaltyMs(now);
  const estTtft = queueMs + prefillMs + waitMs + loraMs;
  // A cost alone would keep all requests away for as long as it is above what load costs the others, and then none.
  const warmth = endpoint.warmth(now) / context.warmest;
  const slowStartMs = context.draw < warmth ? 0 : (queueMs + prefillMs + decodeMs) * (1 / warmth - 1);
  const lateTtft = Math.max(0, estTtft - (request.sloTtftMs ?? Infinity));
  const lateTpot = Math.max(0, tpotMs - (request.sloTpotMs ?? Infinity)) * expectedOutput;
  const sloMs = settings.sloWeight * (settings.ttftWeight * lateTtft + lateTpot);
  const sessionMs = context.sessionEndpoint === endpoint.info.id ? -settings.sessionBonusMs : 0;

  const { ttftWeight } = settings;
  let total = put(out, row, TERM.queue, ttftWeight * queueMs);
  total += put(out, row, TERM.prefill, ttftWeight * prefillMs);
  total += put(out, row, TERM.wait, ttftWeight * waitMs);
  total += put(out, row, TERM.decode, decodeMs);
  total += put(out, row, TERM.interference, interferenceMs);
  total += put(out, row, TERM.eviction, evictionMs);
  total += put(out, row, TERM.lora, ttftWeight * loraMs);
  total += put(out, row, TERM.failure, failureMs);
  total += put(out, row, TERM.slowStart, slowStartMs);
  total += put(out, row, TERM.slo, sloMs);
  total += put(out, row, TERM.session, sessionMs);
  out[row + TERM.total] = total;
  out[row + TERM.estTtft] = estTtft;
  out[row + TERM.estTpot] = tpotMs;
  out[row + TERM.matchedTokens] = matchedTokens;
  out[row + TERM.confidence] = confidence;
  return total;
}

/** Time to compute again what the request displaces, as far as it will probably be asked for. */
function evictionCost(endpoint: EndpointState, tokens: number, kvInUse: number, context: CostContext): number {
  const { index, bytesPerToken, now } = context;
  const idle = (index.usedBytes(endpoint.slot) - index.heldBytes(endpoint.slot)) / bytesPerToken;
  const free = endpoint.kvCapacity - kvInUse - idle;
  const displaced = Math.min(tokens - Math.max(0, free), idle);
  if (displaced <= 0) return 0;
  return displaced * endpoint.speed.prefillMsPerToken(now) * context.hitRate;
}

function blend(seen: number, normal: number, confidence: number): number {
  return normal + confidence * (seen - normal);
}

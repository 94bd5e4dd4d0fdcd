import type { SimulatedPod } from '../../kserve/simulator/pod.ts';
import type { FailReason, Outcome, PickRequest, Policy, RankedEndpoint, Surroundings, Ticket } from '../../tier2-gateway/picker/policy.ts';
import { DEFAULT_SETTINGS } from '../../tier2-gateway/picker/settings.ts';
import { endpointId } from './gateway.ts';
import { type Prompt, promptOf } from './prompt.ts';

/** What the oracle has in flight on one pod. */
interface Place {
  readonly id: string;
  readonly pod: SimulatedPod;
  readonly open: Set<OracleTicket>;
  /** How many requests in flight begin with these segments. */
  readonly beginnings: Map<string, number>;
}

/**
 * Chooses with knowledge that no gateway has: what is in the caches now, how long each answer will be, what a step of each pod costs, and
 * what all gateways have in flight. It weighs one request at a time, so it is a strong yardstick and no upper bound.
 */
export class Oracle implements Policy {
  readonly #around: Surroundings;
  readonly #places: readonly Place[];
  #promptTokens = 1;
  #cachedTokens = 0;

  constructor(around: Surroundings, pods: readonly SimulatedPod[]) {
    this.#around = around;
    this.#places = pods.map((pod, index) => ({ id: endpointId(index), pod, open: new Set(), beginnings: new Map() }));
  }

  setEndpoints(): void {}
  observeMetrics(): void {}
  metricsFailed(): void {}
  sweep(): number {
    return 0;
  }
  explain(): undefined {
    return undefined;
  }

  pick(request: PickRequest): Ticket {
    const now = this.#around.now();
    const prompt = promptOf(request.prompt);
    const ranked = this.#places
      .filter(({ pod }) => pod.up(now))
      .map((place) => ({ place, cached: cachedOn(place, prompt, request.lora), tie: this.#around.random() }))
      .map((each) => ({ ...each, score: this.#cost(each.place, prompt, each.cached, request.lora, now) }))
      .sort((one, other) => one.score - other.score || one.tie - other.tie);
    this.#promptTokens += prompt.length;
    this.#cachedTokens += ranked[0]?.cached ?? 0;
    return new OracleTicket(
      ranked.map(({ place, cached, score }) => ({ place, cached, score })),
      prompt,
      request.lora,
    );
  }

  /** Milliseconds that the request will take, and that it takes from others; one before the first token counts {@link TTFT_WEIGHT} times. */
  #cost(place: Place, prompt: Prompt, cached: number, lora: string | undefined, now: number): number {
    const { pod, open } = place;
    const { baseMs, perPrefillTokenMs, perDecodeSequenceMs, perContextTokenMs, perPrefillPairMs } = pod.profile.times;
    const { running, waiting, kvUsage } = pod.load();
    const capacity = pod.settings.blocks * pod.settings.blockSize;
    const uncached = prompt.length - cached;
    const output = prompt.answerTokens;
    let pending = 0;
    let remaining = 0;
    // Tokens that the others will write while this one writes its own.
    let together = 0;
    for (const ticket of open) {
      if (ticket.written === 0) pending += ticket.uncached;
      remaining += ticket.remaining;
      together += Math.min(ticket.remaining, output);
    }
    const requests = running + waiting + 1;
    const perToken = perPrefillTokenMs + perPrefillPairMs * (prompt.length / 2);
    const used = kvUsage * capacity + pending;
    const fits = Math.min(1, capacity / (used + remaining + uncached + output));
    const tpot = baseMs + perDecodeSequenceMs * requests * fits + perContextTokenMs * (used * fits + prompt.length);
    const turnover = (open.size === 0 ? output : remaining / open.size) * tpot;
    const queue = pending * perToken + (running > 0 ? tpot / 2 : 0);
    const first = queue + baseMs + uncached * perToken + (1 / fits - 1) * turnover;
    const othersContext = used / Math.max(1, requests);
    const decode =
      output * (baseMs + perDecodeSequenceMs + perContextTokenMs * (prompt.length + output / 2)) +
      together * (perDecodeSequenceMs + perContextTokenMs * othersContext);
    const others = uncached * perToken * running + (perDecodeSequenceMs + perContextTokenMs * prompt.length) * together;
    const empty = capacity - Math.max(used, pod.cachedTokens());
    const displaced = Math.max(0, uncached + output - Math.max(0, empty));
    const eviction = displaced * perToken * (1 + running) * (this.#cachedTokens / this.#promptTokens);
    const adapter = lora === undefined ? 0 : adapterMs(place, lora, turnover);
    return pod.failures.slowness(now) * (TTFT_WEIGHT * (first + adapter) + decode + others + eviction);
  }
}

/** As in the picker's settings: both have the same aim. */
const TTFT_WEIGHT = DEFAULT_SETTINGS.ttftWeight;

/** Until the adapter is there: nothing if it is in use, else its load, and what it pushes out, and a wait where all slots are in use. */
function adapterMs({ pod, open }: Place, lora: string, turnover: number): number {
  const inUse = new Set<string>();
  for (const ticket of open) if (ticket.lora !== undefined) inUse.add(ticket.lora);
  if (inUse.has(lora)) return 0;
  const { loraLoadMs, maxLoras } = pod.settings;
  return inUse.size < maxLoras ? 1.5 * loraLoadMs : 1.5 * loraLoadMs + turnover;
}

/** What the pod will have cached by the time that the request is its turn. */
function cachedOn({ pod, beginnings }: Place, prompt: Prompt, lora: string | undefined): number {
  let inFlight = 0;
  let length = 0;
  for (const [key, end] of beginningsOf(prompt, lora)) {
    length = end;
    if (!beginnings.has(key)) break;
    inFlight = length;
  }
  const cached = pod.cachedPrefixTokens(prompt.content, lora === undefined ? {} : { lora });
  return Math.min(prompt.length - 1, Math.max(cached, inFlight));
}

function* beginningsOf(prompt: Prompt, lora = ''): Generator<readonly [string, number]> {
  let key = lora;
  let end = 0;
  for (const { id, length } of prompt.segments) {
    key += `/${id}`;
    end += length;
    yield [key, end];
  }
}

interface OracleChoice {
  readonly place: Place;
  readonly cached: number;
  readonly score: number;
}

class OracleTicket implements Ticket {
  readonly ranked: readonly RankedEndpoint[];
  readonly #choices: readonly OracleChoice[];
  readonly #prompt: Prompt;
  #place: Place | undefined;
  readonly lora: string | undefined;
  uncached = 0;
  written = 0;

  constructor(choices: readonly OracleChoice[], prompt: Prompt, lora: string | undefined) {
    this.#choices = choices;
    this.lora = lora;
    this.#prompt = prompt;
    this.ranked = choices.map(({ place, cached, score }) => ({ id: place.id, score, matchedTokens: cached }));
    if (choices[0] !== undefined) this.#enter(choices[0]);
  }

  get endpoint(): string | undefined {
    return this.#place?.id;
  }

  get remaining(): number {
    return Math.max(0, this.#prompt.answerTokens - this.written);
  }

  moveTo(id: string): boolean {
    this.#leave();
    const choice = this.#choices.find(({ place }) => place.id === id);
    if (choice === undefined) return false;
    this.#enter(choice);
    return true;
  }

  firstToken(): void {
    this.written = 1;
  }

  tokens(count: number): void {
    this.written += count;
  }

  end(_outcome?: Outcome): void {
    this.#leave();
  }

  fail(_reason: FailReason): void {
    this.#leave();
  }

  #enter({ place, cached }: OracleChoice): void {
    this.#place = place;
    this.uncached = this.#prompt.length - cached;
    this.written = 0;
    place.open.add(this);
    for (const [key] of beginningsOf(this.#prompt, this.lora)) place.beginnings.set(key, (place.beginnings.get(key) ?? 0) + 1);
  }

  #leave(): void {
    const place = this.#place;
    if (place === undefined) return;
    this.#place = undefined;
    place.open.delete(this);
    for (const [key] of beginningsOf(this.#prompt, this.lora)) {
      const left = place.beginnings.get(key)! - 1;
      if (left > 0) place.beginnings.set(key, left);
      else place.beginnings.delete(key);
    }
  }
}

import type { VirtualClock } from '../../kserve/simulator/clock.ts';
import type { Random } from '../../kserve/simulator/engine/random.ts';
import type { SimulatedPod } from '../../kserve/simulator/pod.ts';
import type { EndpointMetrics, Policy, Ticket } from '../../tier2-gateway/picker/policy.ts';
import type { Turn } from './traffic.ts';

/** How a policy learns of the pods' metrics. `every`: at a fixed interval. `adaptive`: as tier two's scraper does. */
export type Scraping =
  | { readonly kind: 'none' }
  | { readonly kind: 'every'; readonly ms: number }
  | { readonly kind: 'adaptive'; readonly busyMs: number; readonly idleMs: number };

/** What becomes of a scrape of the pod with this number: it fails, or tells what was the case so long ago. */
export type ScrapeFault = (pod: number) => 'fine' | 'fails' | { readonly oldMs: number };

export interface GatewayOptions {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly pods: readonly SimulatedPod[];
  readonly policy: Policy;
  readonly model: string;
  readonly random: Random;
  readonly scraping: Scraping;
  /** Whether scrapes may have to be told again later. @default false */
  readonly keepsScrapes?: boolean;
}

/** How one request ended for the client. */
export interface Answer {
  /** `failed`: an error before the first byte. `cut`: the stream ended with an error. */
  readonly kind: 'done' | 'failed' | 'cut';
  readonly ttftMs: number;
  /** Between first and last token. */
  readonly decodeMs: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly attempts: number;
}

/** How often the gateway looks whether pods are ready (the watch of a Kubernetes API is faster, the kubelet's probe slower). */
const HEALTH_MS = 1_000;
/** Until a refused connection is known. */
const CONNECT_MS = 1;
/** Share of the interval that is taken off at random, as tier two's scraper does. */
const JITTER = 0.2;
const SWEEP_MS = 5_000;

export function endpointId(pod: number): string {
  return `10.0.0.${pod + 1}:8000`;
}

/**
 * A tier-two gateway around a policy, on a virtual clock: it tells the policy what the real one would tell it (start, first token, tokens,
 * end, scrapes, readiness), and walks the ordered list while no byte has reached the client.
 */
export class SimulatedGateway {
  readonly #options: GatewayOptions;
  readonly #podOf = new Map<string, SimulatedPod>();
  readonly #inFlight: number[];
  readonly #kept: { at: number; metrics: EndpointMetrics }[][];
  #ready: readonly boolean[] = [];
  #isOn = true;
  #scrapeFault: ScrapeFault | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { clock, pods, scraping, random } = options;
    for (const [index, pod] of pods.entries()) this.#podOf.set(endpointId(index), pod);
    this.#inFlight = pods.map(() => 0);
    this.#kept = pods.map(() => []);
    this.#checkHealth();
    if (scraping.kind === 'none') return;
    for (let index = 0; index < pods.length; index++) {
      const first = scraping.kind === 'every' ? scraping.ms : Math.min(50, pods.length);
      clock.after(random.next() * first, () => this.#scrape(index, scraping.kind === 'every' ? scraping.ms : scraping.busyMs));
    }
  }

  /** Lets the clock come to its end. */
  stop(): void {
    this.#isOn = false;
  }

  /** From now on. */
  breakScrapes(fault: ScrapeFault | undefined): void {
    this.#scrapeFault = fault;
  }

  send(id: string, turn: Turn, done: (answer: Answer) => void): void {
    const { clock, policy, model } = this.#options;
    const { prompt, maxTokens, lora } = turn;
    const ticket = policy.pick({
      id,
      model,
      tenant: 'team',
      prompt: prompt.digest,
      // What a gateway without a tokenizer takes for a token, as the reference does.
      inputTokens: Math.ceil(prompt.digest.bytes / 4),
      priority: 0,
      ...(lora === undefined ? {} : { lora }),
      ...(maxTokens === undefined ? {} : { maxOutput: maxTokens }),
    });
    const places = ticket.ranked.map((endpoint) => endpoint.id);
    this.#attempt({ id, turn, ticket, places, place: 0, sentAt: clock.now, done });
  }

  #attempt(request: Request): void {
    const { clock } = this.#options;
    const { id, turn, ticket, places, place, sentAt, done } = request;
    const endpoint = places[place];
    if (endpoint === undefined) {
      ticket.fail('connect');
      done({ kind: 'failed', ttftMs: 0, decodeMs: 0, outputTokens: 0, cachedTokens: 0, attempts: place });
      return;
    }
    if (place > 0) ticket.moveTo(endpoint, request.reason ?? 'connect');
    const index = indexOf(endpoint);
    const pod = this.#podOf.get(endpoint)!;
    const { prompt, maxTokens, lora } = turn;
    const outputTokens = prompt.answerTokens;
    this.#inFlight[index]!++;
    const next = (reason: 'connect' | 'reset' | 'server-error', delayMs: number): void => {
      this.#inFlight[index]!--;
      clock.after(delayMs, () => this.#attempt({ ...request, place: place + 1, reason }));
    };
    let firstTokenAt: number | undefined;
    const submission = pod.submit(
      {
        id: `${this.#options.name}/${id}/${place}`,
        content: prompt.content,
        outputTokens,
        ends: maxTokens === outputTokens ? 'length' : 'stop',
        ...(maxTokens === undefined ? {} : { maxTokens }),
        ...(lora === undefined ? {} : { lora }),
      },
      {
        token: (_sequence, now) => {
          if (firstTokenAt === undefined) {
            firstTokenAt = now;
            ticket.firstToken(now);
          } else {
            ticket.tokens(1, now);
          }
        },
        finished: (sequence, now, reason) => {
          const failed = reason === 'error' || reason === 'abort';
          if (failed && firstTokenAt === undefined) {
            next('reset', 0);
            return;
          }
          this.#inFlight[index]!--;
          if (failed) ticket.fail('reset');
          else {
            ticket.end({
              inputTokens: prompt.length,
              cachedTokens: sequence.cachedTokens,
              outputTokens: sequence.output,
              output: prompt.continued(sequence.output),
              at: now,
            });
          }
          done({
            kind: failed ? 'cut' : 'done',
            ttftMs: (firstTokenAt ?? now) - sentAt,
            decodeMs: now - (firstTokenAt ?? now),
            outputTokens: sequence.output,
            cachedTokens: sequence.cachedTokens,
            attempts: place + 1,
          });
        },
      },
      clock.now,
    );
    if (submission.kind === 'down') next('connect', CONNECT_MS);
    else if (submission.kind !== 'accepted') next('server-error', CONNECT_MS);
  }

  #checkHealth(): void {
    if (!this.#isOn) return;
    const { clock, pods, policy } = this.#options;
    const ready = pods.map((pod) => pod.healthy(clock.now));
    if (ready.some((value, index) => value !== this.#ready[index])) {
      this.#ready = ready;
      policy.setEndpoints(
        pods.map((pod, index) => ({ id: endpointId(index), pod: pod.name, labels: {}, ready: ready[index]!, draining: false })),
      );
    }
    if (clock.now % SWEEP_MS === 0) policy.sweep(clock.now);
    clock.after(HEALTH_MS, () => this.#checkHealth());
  }

  #scrape(index: number, intervalMs: number): void {
    if (!this.#isOn) return;
    const { clock, pods, policy, scraping, keepsScrapes, random } = this.#options;
    const pod = pods[index]!;
    const { now } = clock;
    const metrics = pod.up(now) ? scrape(pod) : undefined;
    const fault = this.#scrapeFault?.(index) ?? 'fine';
    if (keepsScrapes === true && metrics !== undefined) this.#keep(index, metrics);
    const told = fault === 'fails' ? undefined : fault === 'fine' ? metrics : this.#old(index, now - fault.oldMs);
    if (told === undefined) policy.metricsFailed(endpointId(index), now);
    else policy.observeMetrics(endpointId(index), told, now);
    if (scraping.kind === 'every') clock.after(scraping.ms, () => this.#scrape(index, scraping.ms));
    if (scraping.kind !== 'adaptive') return;
    const busy = (told !== undefined && told.running + told.waiting > 0) || this.#inFlight[index]! > 0;
    const next = busy ? scraping.busyMs : Math.min(scraping.idleMs, intervalMs * 1.5);
    clock.after(next * (1 - JITTER * random.next()), () => this.#scrape(index, next));
  }

  #keep(index: number, metrics: EndpointMetrics): void {
    this.#kept[index]!.push({ at: this.#options.clock.now, metrics });
  }

  /** The last scrape before a time, or the first one. */
  #old(index: number, at: number): EndpointMetrics | undefined {
    const kept = this.#kept[index]!;
    while (kept.length > 1 && kept[1]!.at <= at) kept.shift();
    return kept[0]?.metrics;
  }
}

interface Request {
  readonly id: string;
  readonly turn: Turn;
  readonly ticket: Ticket;
  readonly places: readonly string[];
  readonly place: number;
  readonly reason?: 'connect' | 'reset' | 'server-error';
  readonly sentAt: number;
  readonly done: (answer: Answer) => void;
}

function indexOf(endpoint: string): number {
  return Number(endpoint.slice('10.0.0.'.length, endpoint.indexOf(':'))) - 1;
}

/** What the page of metrics says. */
function scrape(pod: SimulatedPod): EndpointMetrics {
  const { running, waiting, kvUsage } = pod.reported();
  const { prefixCacheQueries, prefixCacheHits } = pod.metrics();
  const loras = [...pod.loraInfo.values()].at(-1);
  return {
    running,
    waiting,
    kvUsage,
    blockSize: pod.settings.blockSize,
    numBlocks: pod.settings.blocks,
    maxLora: pod.settings.maxLoras,
    runningLoras: names(loras?.running),
    waitingLoras: names(loras?.waiting),
    prefixQueries: prefixCacheQueries,
    prefixHits: prefixCacheHits,
  };
}

function names(list: string | undefined): readonly string[] {
  return list === undefined || list === '' ? [] : list.split(',');
}

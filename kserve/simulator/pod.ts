import type { BlockEvents } from './engine/blocks.ts';
import type { Content } from './engine/content.ts';
import { Engine, type EngineSnapshot, type ReportedGauges } from './engine/engine.ts';
import { EngineMetrics } from './engine/metrics.ts';
import type { Profile } from './engine/profile.ts';
import { Random } from './engine/random.ts';
import type { EngineRequest, EngineSettings, FinishReason, StepInfo } from './engine/request.ts';
import type { Sequence } from './engine/sequence.ts';
import type { Machine } from './clock.ts';
import { type Failure, FailurePlan, type Verdict } from './failures.ts';

export interface PodOptions {
  readonly name: string;
  readonly model: string;
  readonly profile: Profile;
  /** @default 0 */
  readonly seed?: number | string;
  /** Adapters that requests may name from the start. @default none */
  readonly loras?: readonly string[];
  /** @default 4 */
  readonly maxLoras?: number;
  /** Engines in this pod, each with a cache of its own. @default 1 */
  readonly dataParallelSize?: number;
  /** @default 16 */
  readonly blockSize?: number;
  /** @default true */
  readonly prefixCaching?: boolean;
  /** @default fcfs */
  readonly policy?: 'fcfs' | 'priority';
  /** Until then after the creation there is no pod. @default 0 */
  readonly startupMs?: number;
  /** @default none */
  readonly failures?: readonly Failure[];
  /** Instead of the profile's. */
  readonly limits?: Partial<Pick<Profile, 'kvTokens' | 'maxModelLen' | 'maxNumBatchedTokens' | 'maxNumSeqs' | 'loraLoadMs'>>;
  /** Told of every step. */
  readonly step?: (info: StepInfo, rank: number) => void;
  /** Told what enters and leaves the prefix cache of a rank. */
  readonly blockEvents?: (rank: number) => BlockEvents;
}

/** Told about one request. Must not call the pod back, except `abort`. */
export interface RequestListener {
  admitted?(sequence: Sequence, now: number): void;
  token?(sequence: Sequence, now: number): void;
  /** `error`: the pod crashed, or an injected failure cut the answer. */
  finished?(sequence: Sequence, now: number, reason: FinishReason): void;
}

export type Submission =
  | { readonly kind: 'accepted'; readonly rank: number }
  | { readonly kind: 'down' }
  | Exclude<Verdict, { kind: 'serve' }>;

export interface PodSnapshot extends EngineSnapshot {
  readonly ready: boolean;
  readonly ranks: readonly EngineSnapshot[];
}

interface Entry {
  readonly rank: number;
  readonly listener: RequestListener;
  readonly resetAfterTokens: number | undefined;
}

/** A model server: its engines, its metrics, its adapters and what goes wrong with it. Without timers, like {@link Engine}. */
export class SimulatedPod implements Machine {
  readonly name: string;
  readonly model: string;
  readonly profile: Profile;
  readonly settings: EngineSettings;
  readonly adapters: Set<string>;
  readonly failures = new FailurePlan();
  /** Values of `vllm:lora_requests_info`: label set to the time of its last update in milliseconds. */
  readonly loraInfo = new Map<string, { readonly running: string; readonly waiting: string; at: number }>();
  readonly #options: PodOptions;
  readonly #random: Random;
  readonly #entries = new Map<string, Entry>();
  #engines: Engine[] = [];
  #metrics: EngineMetrics[] = [];
  #downUntil: number;
  #sleepLevel = 0;
  #onDown: ((until: number) => void) | undefined;

  /** @param now the creation, on the caller's clock */
  constructor(options: PodOptions, now = 0) {
    const { profile, limits = {}, blockSize = 16 } = options;
    const kvTokens = limits.kvTokens ?? profile.kvTokens;
    this.#options = options;
    this.name = options.name;
    this.model = options.model;
    this.profile = profile;
    this.settings = {
      model: options.model,
      blockSize,
      blocks: Math.floor(kvTokens / blockSize),
      maxModelLen: limits.maxModelLen ?? Math.min(profile.maxModelLen, kvTokens),
      maxNumBatchedTokens: limits.maxNumBatchedTokens ?? profile.maxNumBatchedTokens,
      maxNumSeqs: limits.maxNumSeqs ?? profile.maxNumSeqs,
      policy: options.policy ?? 'fcfs',
      prefixCaching: options.prefixCaching ?? true,
      maxLoras: options.maxLoras ?? 4,
      loraLoadMs: limits.loraLoadMs ?? profile.loraLoadMs,
      transferPerTokenMs: profile.transferPerTokenMs,
    };
    this.adapters = new Set(options.loras);
    this.#random = new Random(`${options.seed ?? 0}/${options.name}`);
    this.#downUntil = now + (options.startupMs ?? 0);
    this.failures.set(options.failures ?? [], now);
    this.#boot();
  }

  get ranks(): number {
    return this.#engines.length;
  }

  /** Counters and histograms of one rank; they start again after a crash. */
  metrics(rank = 0): EngineMetrics {
    return this.#metrics[rank]!;
  }

  /** Whether there is a process that listens. */
  up(now: number): boolean {
    return now >= this.#downUntil;
  }

  /** When it will be up again; in the past if it is. */
  get downUntil(): number {
    return this.#downUntil;
  }

  /** What `/health` says. */
  healthy(now: number): boolean {
    return this.up(now) && !this.failures.unready(now);
  }

  /** 0: awake; 1: the weights are off the machine; 2: they are gone. */
  get sleepLevel(): number {
    return this.#sleepLevel;
  }

  /** Calls back when the pod crashes. */
  onDown(callback: (until: number) => void): void {
    this.#onDown = callback;
  }

  /** What the failure rules make of a request to an endpoint. Draws from the seeded random numbers: ask once per request. */
  decide(endpoint: string, now: number): Verdict {
    this.advance(now);
    const verdict = this.failures.decide(endpoint, now, this.#random);
    if (verdict.kind === 'crash') this.crash(now, verdict.restartMs);
    return verdict;
  }

  /**
   * Hands a request to an engine: the one that is asked for, or the one with the least to do (as vLLM counts: four times waiting plus
   * running).
   * @param verdict from {@link decide}, where one call makes several requests
   * @throws RangeError if it can never fit
   */
  submit(request: EngineRequest, listener: RequestListener, now: number, rank?: number, verdict?: Verdict): Submission {
    const decided = verdict ?? this.decide('', now);
    if (decided.kind !== 'serve') return decided;
    this.advance(now);
    if (!this.up(now)) return { kind: 'down' };
    const chosen = rank ?? this.#leastLoaded();
    const engine = this.#engines[chosen];
    if (engine === undefined) throw new RangeError(`the pod has ${this.ranks} data-parallel ranks, and no rank ${chosen}`);
    if (this.#entries.has(request.id)) throw new RangeError(`a request with the id "${request.id}" is in the pod already`);
    this.#entries.set(request.id, { rank: chosen, listener, resetAfterTokens: decided.resetAfterTokens });
    try {
      engine.submit(request, now);
    } catch (error) {
      this.#entries.delete(request.id);
      throw error;
    }
    if (decided.resetAfterTokens === 0) engine.abort(request.id, now, 'error');
    return { kind: 'accepted', rank: chosen };
  }

  /** @returns false if it is not under way */
  abort(id: string, now: number): boolean {
    const entry = this.#entries.get(id);
    return entry !== undefined && this.#engines[entry.rank]!.abort(id, now);
  }

  nextEventAt(): number {
    let next = this.failures.nextCrashAt();
    for (const engine of this.#engines) next = Math.min(next, engine.nextEventAt());
    return next;
  }

  advance(now: number): void {
    const crashAt = this.failures.nextCrashAt();
    if (crashAt <= now) {
      this.#advanceEngines(crashAt);
      const restartMs = this.failures.crash(crashAt);
      if (restartMs !== undefined) this.crash(crashAt, restartMs);
    }
    this.#advanceEngines(now);
  }

  /** Everything under way fails, the cache is lost, and the pod is away for a time. */
  crash(now: number, restartMs: number): void {
    for (const engine of this.#engines) engine.crash(now);
    this.#downUntil = Math.max(this.#downUntil, now + restartMs);
    this.#sleepLevel = 0;
    this.loraInfo.clear();
    this.#boot();
    this.#onDown?.(this.#downUntil);
  }

  sleep(now: number, level: 1 | 2 = 1): void {
    this.advance(now);
    this.#sleepLevel = level;
    for (const engine of this.#engines) engine.sleep(now);
  }

  wake(now: number): void {
    this.advance(now);
    this.#sleepLevel = 0;
    for (const engine of this.#engines) engine.wake(now);
  }

  /** Forgets an adapter. @returns false if it is not known, or if running requests use it */
  unloadLora(adapter: string): boolean {
    if (!this.adapters.has(adapter) || this.#engines.some(({ loras }) => loras.running.includes(adapter))) return false;
    for (const engine of this.#engines) engine.loras.unload(adapter);
    return this.adapters.delete(adapter);
  }

  /** Forgets what the prefix caches hold. @returns false, and keeps all, while requests hold blocks */
  resetPrefixCache(): boolean {
    if (this.#engines.some(({ allocator }) => allocator.usage > 0)) return false;
    for (const engine of this.#engines) engine.allocator.clear();
    return true;
  }

  snapshot(now: number): PodSnapshot {
    const ranks = this.#engines.map((engine) => engine.snapshot());
    const sum = (read: (rank: EngineSnapshot) => number): number => ranks.reduce((total, rank) => total + read(rank), 0);
    return {
      ready: this.healthy(now),
      ranks,
      running: sum(({ running }) => running),
      waiting: sum(({ waiting }) => waiting),
      deferred: sum(({ deferred }) => deferred),
      kvUsage: sum(({ kvUsage }) => kvUsage) / ranks.length,
      runningLoras: [...new Set(ranks.flatMap(({ runningLoras }) => runningLoras))],
      waitingLoras: [...new Set(ranks.flatMap(({ waitingLoras }) => waitingLoras))],
      pendingPrefillTokens: sum(({ pendingPrefillTokens }) => pendingPrefillTokens),
      preemptions: sum(({ preemptions }) => preemptions),
    };
  }

  /** Tokens of a prompt that a rank's prefix cache holds now; without a rank, the most that any rank holds. */
  cachedPrefixTokens(content: Content, scope: { readonly lora?: string; readonly salt?: string } = {}, rank?: number): number {
    const engines = rank === undefined ? this.#engines : [this.#engines[rank]!];
    return Math.max(...engines.map((engine) => engine.cachedPrefixTokens(content, scope.lora, scope.salt)));
  }

  /** Requests in one rank: running and waiting. Cheaper than a snapshot. */
  load(rank = 0): { readonly running: number; readonly waiting: number; readonly kvUsage: number } {
    const engine = this.#engines[rank]!;
    return { running: engine.running, waiting: engine.waiting, kvUsage: engine.allocator.usage };
  }

  /** Tokens that the prefix cache of one rank holds, in use or not. */
  cachedTokens(rank = 0): number {
    return this.#engines[rank]!.allocator.cachedHashes * this.settings.blockSize;
  }

  /** What a scrape of one rank says of the same: as old as the engine's step under way. */
  reported(rank = 0): ReportedGauges {
    return this.#engines[rank]!.reported;
  }

  #boot(): void {
    const count = this.#options.dataParallelSize ?? 1;
    this.#metrics = Array.from({ length: count }, () => new EngineMetrics(this.settings.maxModelLen));
    this.#engines = this.#metrics.map((metrics, rank) => this.#engine(metrics, rank));
  }

  #engine(metrics: EngineMetrics, rank: number): Engine {
    const { step, blockEvents } = this.#options;
    return new Engine(
      this.settings,
      this.profile.times,
      {
        admitted: (sequence, now) => {
          metrics.admitted(sequence);
          this.#noteLoras(sequence, now);
          this.#entries.get(sequence.request.id)?.listener.admitted?.(sequence, now);
        },
        token: (sequence, now) => {
          metrics.token(sequence, now);
          const entry = this.#entries.get(sequence.request.id)!;
          entry.listener.token?.(sequence, now);
          if (entry.resetAfterTokens === sequence.output) this.#engines[rank]!.abort(sequence.request.id, now, 'error');
        },
        gap: (gapMs, count) => metrics.gap(gapMs, count),
        preempted: () => {
          metrics.preemptions++;
        },
        finished: (sequence, now, reason) => {
          metrics.finished(sequence, now, reason);
          this.#noteLoras(sequence, now);
          const entry = this.#entries.get(sequence.request.id);
          this.#entries.delete(sequence.request.id);
          entry?.listener.finished?.(sequence, now, reason);
        },
        step: (info) => {
          metrics.step(info);
          step?.(info, rank);
        },
      },
      blockEvents?.(rank),
    );
  }

  #noteLoras({ request }: Sequence, now: number): void {
    if (request.lora !== undefined) this.noteLoras(now);
  }

  /** Updates `vllm:lora_requests_info` with what runs and waits now. */
  noteLoras(now: number): void {
    const snapshots = this.#engines.map((engine) => engine.snapshot());
    const running = [...new Set(snapshots.flatMap(({ runningLoras }) => runningLoras))].join(',');
    const waiting = [...new Set(snapshots.flatMap(({ waitingLoras }) => waitingLoras))].join(',');
    const key = `${running}/${waiting}`;
    this.loraInfo.delete(key);
    this.loraInfo.set(key, { running, waiting, at: now });
    // vLLM keeps every label set for ever. A few old ones are enough to show that readers look for the newest.
    if (this.loraInfo.size > 8) this.loraInfo.delete(this.loraInfo.keys().next().value!);
  }

  #advanceEngines(now: number): void {
    const slowness = this.failures.slowness(now);
    for (const engine of this.#engines) {
      engine.slowness = slowness;
      engine.advance(now);
    }
  }

  #leastLoaded(): number {
    let best = 0;
    let least = Infinity;
    for (const [rank, engine] of this.#engines.entries()) {
      const load = 4 * engine.waiting + engine.running;
      if (load < least) {
        best = rank;
        least = load;
      }
    }
    return best;
  }
}

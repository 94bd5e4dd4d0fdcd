import type { FinishReason, StepInfo } from './request.ts';
import type { Sequence } from './sequence.ts';

const TIME_TO_FIRST_TOKEN = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
const TOKEN_GAP = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
const REQUEST_LATENCY = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
const ITERATION_TOKENS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];
const PARAMETER_N = [1, 2, 5, 10, 20];

/** A histogram as Prometheus means it: `counts[i]` counts what is at most `bounds[i]` and above the bound before. */
export class Histogram {
  readonly bounds: readonly number[];
  /** One more than there are bounds: the last counts what is above all. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number, times = 1): void {
    let at = 0;
    while (at < this.bounds.length && value > this.bounds[at]!) at++;
    this.counts[at]! += times;
    this.sum += value * times;
    this.count += times;
  }
}

/** The counters and histograms of one engine, with vLLM's names (without the `vllm:` and `_total`) and buckets. Seconds and tokens. */
export class EngineMetrics {
  prefixCacheQueries = 0;
  prefixCacheHits = 0;
  externalPrefixCacheQueries = 0;
  externalPrefixCacheHits = 0;
  preemptions = 0;
  promptTokens = 0;
  promptTokensCached = 0;
  generationTokens = 0;
  readonly success: Record<FinishReason, number> = { stop: 0, length: 0, abort: 0, error: 0 };
  readonly timeToFirstToken = new Histogram(TIME_TO_FIRST_TOKEN);
  readonly interTokenLatency = new Histogram(TOKEN_GAP);
  readonly timePerOutputToken = new Histogram(TOKEN_GAP);
  readonly e2eLatency = new Histogram(REQUEST_LATENCY);
  readonly queueTime = new Histogram(REQUEST_LATENCY);
  readonly inferenceTime = new Histogram(REQUEST_LATENCY);
  readonly prefillTime = new Histogram(REQUEST_LATENCY);
  readonly decodeTime = new Histogram(REQUEST_LATENCY);
  readonly iterationTokens = new Histogram(ITERATION_TOKENS);
  readonly parameterN = new Histogram(PARAMETER_N);
  readonly requestPromptTokens: Histogram;
  readonly requestGenerationTokens: Histogram;
  readonly requestMaxGenerationTokens: Histogram;
  readonly parameterMaxTokens: Histogram;
  readonly prefillComputedTokens: Histogram;

  constructor(maxModelLen: number) {
    const tokens = tokenBuckets(maxModelLen);
    this.requestPromptTokens = new Histogram(tokens);
    this.requestGenerationTokens = new Histogram(tokens);
    this.requestMaxGenerationTokens = new Histogram(tokens);
    this.parameterMaxTokens = new Histogram(tokens);
    this.prefillComputedTokens = new Histogram(tokens);
  }

  admitted({ request, cachedTokens }: Sequence): void {
    this.prefixCacheQueries += request.content.length;
    this.prefixCacheHits += cachedTokens;
  }

  token(sequence: Sequence, now: number): void {
    this.generationTokens++;
    if (sequence.output === 1) this.#prefilled(sequence, now);
  }

  gap(gapMs: number, count: number): void {
    this.interTokenLatency.observe(gapMs / 1000, count);
  }

  step({ prefillTokens, decodeTokens }: StepInfo): void {
    this.iterationTokens.observe(prefillTokens + decodeTokens);
  }

  finished(sequence: Sequence, now: number, reason: FinishReason): void {
    const { request, arrivedAt, admittedAt, firstTokenAt, output } = sequence;
    this.success[reason]++;
    if (request.outputTokens === 0 && reason !== 'abort' && reason !== 'error') this.#prefilled(sequence, undefined);
    this.e2eLatency.observe((now - arrivedAt) / 1000);
    this.queueTime.observe(((admittedAt ?? now) - arrivedAt) / 1000);
    if (admittedAt !== undefined) {
      this.inferenceTime.observe((now - admittedAt) / 1000);
      this.prefillTime.observe(((firstTokenAt ?? now) - admittedAt) / 1000);
    }
    this.decodeTime.observe((now - (firstTokenAt ?? now)) / 1000);
    this.timePerOutputToken.observe(output > 1 && firstTokenAt !== undefined ? (now - firstTokenAt) / 1000 / (output - 1) : 0);
    this.requestPromptTokens.observe(request.content.length);
    this.requestGenerationTokens.observe(output);
    this.requestMaxGenerationTokens.observe(output);
    this.parameterN.observe(request.n ?? 1);
    if (request.maxTokens !== undefined) this.parameterMaxTokens.observe(request.maxTokens);
    this.prefillComputedTokens.observe(request.content.length - sequence.cachedTokens - sequence.transferredTokens);
  }

  #prefilled(sequence: Sequence, firstTokenAt: number | undefined): void {
    const { request, cachedTokens, transferredTokens } = sequence;
    this.promptTokens += request.content.length;
    this.promptTokensCached += cachedTokens + transferredTokens;
    if (request.remotePrefill === true) {
      this.externalPrefixCacheQueries += request.content.length - cachedTokens;
      this.externalPrefixCacheHits += transferredTokens;
    }
    if (firstTokenAt !== undefined) this.timeToFirstToken.observe((firstTokenAt - sequence.arrivedAt) / 1000);
  }
}

/** 1, 2, 5, 10, 20, 50 … up to the longest sequence. */
export function tokenBuckets(max: number): number[] {
  const buckets: number[] = [];
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) {
      if (digit * power > max) return buckets;
      buckets.push(digit * power);
    }
  }
}

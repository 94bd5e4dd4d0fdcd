import type { AttemptRecord } from '../../attempt/call.ts';
import type { Usage } from '../../llm/usage.ts';
import type { AiTarget } from '../../providers/target.ts';
import type { BackendApi } from '../../read/endpoints.ts';
import type { GatewayRequest } from '../../serve/request.ts';
import type { Metrics } from '../metrics.ts';
import { BackendMetrics } from './backend-series.ts';
import { type ErrorType, errorTypeOf } from './error-type.ts';
import { type GenAiLabels, GenAiMetrics } from './gen-ai-series.ts';
import type { Counter, Histogram } from './instruments.ts';

/** Series of one operation, bound once. */
interface OperationSeries {
  readonly duration: Histogram;
  readonly overhead: Histogram;
  /** Of answers without an error, by status. */
  readonly succeeded: Map<number, Counter>;
}

/** The reference's names of what backends speak. */
const PROVIDERS: Readonly<Partial<Record<BackendApi, string>>> = {
  OpenAI: 'openai',
  AzureOpenAI: 'azure.openai',
  Anthropic: 'anthropic',
  Cohere: 'cohere',
};

const UNKNOWN = 'unknown';

/** What a finished request adds to the metrics that both tiers have, and to the reference's. */
export class RequestMetrics {
  readonly #metrics: Metrics;
  readonly #backends: BackendMetrics;
  readonly #genAi: GenAiMetrics;
  readonly #operations = new Map<string, OperationSeries>();
  readonly #sources: Readonly<Record<Usage['source'] | 'none', Counter>>;

  constructor(metrics: Metrics) {
    const { families } = metrics;
    this.#metrics = metrics;
    this.#backends = new BackendMetrics(families);
    this.#genAi = new GenAiMetrics(families);
    metrics.onForget(() => this.#genAi.forget());
    const source = (name: string): Counter => families.usageSource.with(name);
    this.#sources = { reported: source('reported'), counted: source('counted'), estimated: source('estimated'), none: source('none') };
  }

  /** @param now `performance.now()` of its end */
  record(request: GatewayRequest, status: number, usage: Usage | undefined, now: number): ErrorType | undefined {
    const { outcome, endpoint, startedAt, traceId } = request;
    const errorType = errorTypeOf({ status, errorCode: request.errorCode, outcome });
    const operation = endpoint?.operation ?? 'http';
    const series = this.#operations.get(operation) ?? this.#bind(operation);
    const durationMs = now - startedAt;
    series.duration.observe(durationMs / 1000, traceId);
    if (errorType === undefined) (series.succeeded.get(status) ?? this.#status(series, operation, status)).inc();
    else this.#metrics.families.requests.with(operation, String(status), errorType).inc(1, traceId);
    if (outcome === undefined) return errorType;
    const { attempts } = outcome;
    const firstTokenAt = outcome.tokens > 0 ? outcome.firstTokenAt : undefined;
    if (attempts.length > 0) {
      this.#backends.record(attempts, firstTokenAt, outcome.clientGone);
      if (attempts[0]!.endpoint !== undefined) series.overhead.observe(overheadMs(request, attempts) / 1000, traceId);
    }
    if (endpoint === undefined || request.rule === undefined) return errorType;
    this.#sources[usage?.source ?? 'none'].inc();
    if (!request.rule.ai || this.#metrics.tier !== 'one') return errorType;
    const firstTokenMs = firstTokenAt === undefined ? undefined : firstTokenAt - startedAt;
    this.#genAi.record(this.#labels(request, errorType === undefined, now), { durationMs, firstTokenMs, usage, errorType, traceId });
    return errorType;
  }

  #labels(request: GatewayRequest, takes: boolean, now: number): GenAiLabels {
    const { endpoint, model, outcome } = request;
    const { models, responseModels, headers } = this.#metrics;
    const target = outcome?.attempts.at(-1)?.target as AiTarget | undefined;
    const original = model === undefined ? UNKNOWN : models.of(model, now, takes);
    const override = target?.modelOverride;
    const answered = outcome?.facts.model;
    const labels: GenAiLabels = [
      endpoint!.operation,
      target === undefined ? UNKNOWN : (PROVIDERS[target.schema.name] ?? target.backend.name),
      original,
      override === undefined ? original : models.of(override, now),
      answered === undefined ? UNKNOWN : answered === model ? original : responseModels.of(answered, now, takes),
    ];
    headers?.addTo(labels, request, takes, now);
    return labels;
  }

  #status(series: OperationSeries, operation: string, status: number): Counter {
    const counter = this.#metrics.families.requests.with(operation, String(status), '');
    series.succeeded.set(status, counter);
    return counter;
  }

  #bind(operation: string): OperationSeries {
    const { duration, overhead } = this.#metrics.families;
    const series = { duration: duration.with(operation), overhead: overhead.with(operation), succeeded: new Map<number, Counter>() };
    this.#operations.set(operation, series);
    return series;
  }
}

/** Until the request was sent, without the waits for others; and what each further attempt took to be built. */
function overheadMs({ startedAt, waitedMs }: GatewayRequest, attempts: readonly AttemptRecord[]): number {
  const first = attempts[0]!;
  let ms = (first.sentAt ?? first.startedAt) - startedAt - waitedMs;
  for (let at = 1; at < attempts.length; at++) {
    const { startedAt: began, sentAt = began } = attempts[at]!;
    ms += sentAt - began;
  }
  return Math.max(0, ms);
}

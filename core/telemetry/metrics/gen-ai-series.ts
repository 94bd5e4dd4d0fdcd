import type { Usage } from '../../llm/usage.ts';
import type { Families } from '../metrics.ts';
import type { ErrorType } from './error-type.ts';
import type { Histogram } from './instruments.ts';

/** One combination of the reference's labels. Each series is bound when it is first needed: those that never are would stand there empty. */
interface GenAiSeries {
  succeeded?: Histogram;
  firstToken?: Histogram;
  perToken?: Histogram;
  input?: Histogram;
  output?: Histogram;
}

/**
 * Operation, provider, and the model as the client names it, as the backend is asked for it, and as the answer names it; then the values of
 * headers that are labels.
 */
export type GenAiLabels = [operation: string, provider: string, original: string, request: string, response: string, ...headers: string[]];

const WITHOUT_HEADERS = 5;

/** Of a request that has ended; times in ms. */
export interface GenAiMeasures {
  readonly durationMs: number;
  /** Of streams that had content. */
  readonly firstTokenMs: number | undefined;
  readonly usage: Usage | undefined;
  readonly errorType: ErrorType | undefined;
  readonly traceId: string | undefined;
}

const MOST = 1000;

/** The reference's four metrics. */
export class GenAiMetrics {
  readonly #families: Families;
  readonly #series = new Map<string, GenAiSeries>();

  constructor(families: Families) {
    this.#families = families;
  }

  /** Series may be gone: they are asked for anew. */
  forget(): void {
    this.#series.clear();
  }

  record(labels: GenAiLabels, { durationMs, firstTokenMs, usage, errorType, traceId }: GenAiMeasures): void {
    const { genAiDuration, timeToFirstToken, timePerOutputToken, tokenUsage } = this.#families;
    const series = this.#of(labels);
    const seconds = durationMs / 1000;
    if (errorType === undefined) (series.succeeded ??= genAiDuration.of([...labels, ''])).observe(seconds, traceId);
    else genAiDuration.of([...labels, errorType]).observe(seconds, traceId);
    if (firstTokenMs !== undefined) (series.firstToken ??= timeToFirstToken.of([...labels])).observe(firstTokenMs / 1000, traceId);
    if (usage === undefined) return;
    const { input, output } = usage;
    if (input !== undefined) (series.input ??= tokenUsage.of([...labels, 'input'])).observe(input);
    if (output !== undefined) {
      (series.output ??= tokenUsage.of([...labels, 'output'])).observe(output);
      if (firstTokenMs !== undefined && errorType === undefined && output > 1)
        (series.perToken ??= timePerOutputToken.of([...labels])).observe((durationMs - firstTokenMs) / (output - 1) / 1000);
    }
    if (usage.cachedInput !== undefined) this.#tokens(labels, 'cached_input', usage.cachedInput);
    if (usage.cacheCreation !== undefined) this.#tokens(labels, 'cache_creation_input', usage.cacheCreation);
    if (usage.reasoning !== undefined) this.#tokens(labels, 'reasoning', usage.reasoning);
  }

  #tokens(labels: GenAiLabels, type: string, count: number): void {
    this.#families.tokenUsage.of([...labels, type]).observe(count);
  }

  #of(labels: GenAiLabels): GenAiSeries {
    let key = `${labels[0]}\n${labels[1]}\n${labels[2]}\n${labels[3]}\n${labels[4]}`;
    for (let at = WITHOUT_HEADERS; at < labels.length; at++) key += `\n${labels[at]}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= MOST) this.#series.clear();
    const series: GenAiSeries = {};
    this.#series.set(key, series);
    return series;
  }
}

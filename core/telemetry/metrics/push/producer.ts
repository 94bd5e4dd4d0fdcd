import type { CollectionResult, MetricCollectOptions, MetricData, MetricProducer } from '@opentelemetry/sdk-metrics';
import { emptyResource } from '@opentelemetry/resources';

import type { Metrics } from '../../metrics.ts';
import { metricOf } from './points.ts';
import { processMetrics } from './process-points.ts';

/** Time of reading series after which other work has its turn. */
const SLICE_MS = 4;

/** The table of metrics as a source for the SDK's readers. It has nothing until it is told of which process. */
export class TableProducer implements MetricProducer {
  readonly #scope: { readonly name: string; readonly version: string };
  readonly #began: () => void;
  #metrics: Metrics | undefined;
  #attributes: ReadonlyMap<string, string> = new Map();

  /** @param began told of each reading */
  constructor(scope: { readonly name: string; readonly version: string }, began: () => void) {
    this.#scope = scope;
    this.#began = began;
  }

  use(metrics: Metrics): void {
    this.#metrics = metrics;
    this.#attributes = new Map((metrics.headers?.labels ?? []).map(({ label, attribute }) => [label, attribute]));
  }

  async collect({ timeoutMillis = 10_000 }: MetricCollectOptions = {}): Promise<CollectionResult> {
    this.#began();
    const metrics = this.#metrics;
    const found = metrics === undefined ? [] : await this.#read(metrics, timeoutMillis);
    return {
      // The reader has the resource of the process.
      resourceMetrics: { resource: emptyResource(), scopeMetrics: found.length === 0 ? [] : [{ scope: this.#scope, metrics: found }] },
      errors: [],
    };
  }

  async #read(metrics: Metrics, timeoutMs: number): Promise<MetricData[]> {
    // What hangs has its values of before.
    await within(timeoutMs, metrics.refresh());
    const found: MetricData[] = [];
    const now = Date.now();
    let sliceEnd = performance.now() + SLICE_MS;
    for (const family of metrics.shown) {
      const metric = metricOf(family, this.#attributes, now);
      if (metric !== undefined) found.push(metric);
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      sliceEnd = performance.now() + SLICE_MS;
    }
    if (metrics.process !== undefined) found.push(...(await processMetrics(metrics.process, now)));
    return found;
  }
}

async function within(ms: number, done: Promise<void>): Promise<void> {
  let timer;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms).unref();
  });
  await Promise.race([done, timeUp]);
  clearTimeout(timer);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

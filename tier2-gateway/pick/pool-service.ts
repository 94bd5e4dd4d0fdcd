import type { InferencePool } from '#core/resources/inference/inference-pool';

import { FlowControl } from '../flow/flow-control.ts';
import { Picker } from '../picker/picker.ts';
import type { EndpointSource } from '../pools/endpoint.ts';
import { Pool } from '../pools/pool.ts';

/** How often tickets that nobody ended are looked for. */
const SWEEP_MS = 5000;
/** Names of adapters that are remembered. */
const MAX_ADAPTERS = 10_000;
/** Endpoints tell times since 1970, the picker goes by a clock that never goes back. */
const EPOCH = performance.timeOrigin;

/** One pool at work: its endpoints, the picker that knows their load and caches, and the queue before them. It outlives reloads. */
export class PoolService {
  readonly pool: Pool;
  readonly picker: Picker;
  readonly flow: FlowControl;
  readonly #sweep: NodeJS.Timeout;
  readonly #unsubscribe: () => void;
  readonly #adapters = new Set<string>();

  constructor(resource: InferencePool, source: EndpointSource) {
    this.pool = new Pool(resource, { source });
    this.picker = new Picker({ now: () => performance.now(), random: Math.random });
    this.flow = new FlowControl({ saturation: () => this.picker.saturation(), endpoints: () => this.pool.ready });
    this.#unsubscribe = this.pool.subscribe({
      onEndpoints: (endpoints) => {
        this.picker.setEndpoints(
          endpoints.map(({ id, pod, labels, ready, terminating, startedAt }) => ({
            id,
            pod,
            labels,
            ready,
            draining: terminating,
            ...(startedAt === undefined ? {} : { startedAt: startedAt - EPOCH }),
          })),
        );
        this.flow.onCapacity();
      },
      onMetrics: (id, metrics, at) => {
        for (const name of [...metrics.runningLoras, ...metrics.waitingLoras])
          if (this.#adapters.size < MAX_ADAPTERS) this.#adapters.add(name);
        this.picker.observeMetrics(id, metrics, at - EPOCH);
        this.flow.onCapacity();
      },
      onMetricsFailed: (id, at) => this.picker.metricsFailed(id, at - EPOCH),
    });
    this.#sweep = setInterval(() => void this.picker.sweep(performance.now()), SWEEP_MS).unref();
    this.pool.start();
  }

  /** Whether a model is a LoRA adapter, as far as the servers have told. */
  isAdapter(model: string): boolean {
    return this.#adapters.has(model);
  }

  /** Refuses what waits, and waits for what runs. */
  async stop(): Promise<void> {
    clearInterval(this.#sweep);
    this.flow.drain();
    this.#unsubscribe();
    await this.pool.stop();
  }
}

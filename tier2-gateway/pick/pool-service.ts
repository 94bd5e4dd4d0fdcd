import type { InferencePool } from '#core/resources/inference/inference-pool';

import { EppClient } from '../epp/client.ts';
import { FlowControl } from '../flow/flow-control.ts';
import { Picker } from '../picker/picker.ts';
import type { PoolSeries } from '../metrics/pool-series.ts';
import type { EndpointSource } from '../pools/endpoint.ts';
import type { PickRequest } from '../picker/policy.ts';
import { Pool } from '../pools/pool.ts';
import type { ScrapeRound } from '../pools/scrape.ts';
import type { ExternalReference } from './external-reference.ts';
import { ExternalPicker } from './external.ts';

/** How often tickets that nobody ended are looked for. */
const SWEEP_MS = 5000;
/** Envoy's own default for one message is 200 ms; pickers that wait for room in their queue need longer. */
const PICKER_TIMEOUT_MS = 2000;
/** Names of adapters that are remembered. */
const MAX_ADAPTERS = 10_000;
/** Endpoints tell times since 1970, the picker goes by a clock that never goes back. */
const EPOCH = performance.timeOrigin;

/** What a pool at work is made of. */
export interface PoolServiceParts {
  readonly resource: InferencePool;
  readonly source: EndpointSource;
  /** The picker that the pool names; without one the gateway picks. */
  readonly external: ExternalReference | undefined;
  readonly round: ScrapeRound;
  readonly warn: (message: string) => void;
  /** Undefined: nothing is measured. */
  readonly series?: PoolSeries | undefined;
}

/** One pool at work: its endpoints, the picker that knows their load and caches, and the queue before them. It outlives reloads. */
export class PoolService {
  readonly pool: Pool;
  readonly picker: Picker;
  readonly flow: FlowControl;
  readonly external: ExternalPicker | undefined;
  readonly series: PoolSeries | undefined;
  readonly #sweep: NodeJS.Timeout;
  readonly #unsubscribe: () => void;
  readonly #adapters = new Set<string>();

  constructor({ resource, source, external, round, warn, series }: PoolServiceParts) {
    this.series = series;
    this.pool = new Pool(resource, { source, round, h2c: resource.body.spec.appProtocol === 'kubernetes.io/h2c' });
    this.picker = new Picker({ now: () => performance.now(), random: Math.random });
    this.flow = new FlowControl({
      saturation: () => this.picker.saturation(),
      endpoints: () => this.pool.ready,
      ...(series === undefined ? {} : { onOutcome: series.turn }),
    });
    this.external = external === undefined ? undefined : this.#externalPicker(external, warn);
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

  #externalPicker({ address, tls, failureMode }: ExternalReference, warn: (message: string) => void): ExternalPicker {
    const client = new EppClient({
      address,
      tls,
      mode: 'full-duplex',
      responseMode: 'none',
      messageTimeoutMs: PICKER_TIMEOUT_MS,
      connectTimeoutMs: PICKER_TIMEOUT_MS,
    });
    const { pool, picker } = this;
    const own = (request: PickRequest) => picker.pick(request);
    return new ExternalPicker({
      client,
      failureMode,
      candidates: () => pool.candidates(Date.now()).map(({ endpoint }) => endpoint.id),
      endpoints: () => pool.endpoints().map(({ id }) => id),
      own,
      // So that the gateway knows the load and the caches on the day that the picker fails.
      follow: own,
      warn,
    });
  }

  /** Whether a model is a LoRA adapter, as far as the servers have told. */
  isAdapter(model: string): boolean {
    return this.#adapters.has(model);
  }

  /** Refuses what waits, and waits for what runs. */
  async stop(): Promise<void> {
    clearInterval(this.#sweep);
    this.flow.drain();
    this.external?.close();
    this.#unsubscribe();
    await this.pool.stop();
  }
}

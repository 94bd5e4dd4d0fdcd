import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The one table of metrics. Label values come from configuration or fixed lists, never from a request: their number is bounded. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests = new Counter({
    name: 'tierkit_requests_total',
    help: 'Requests answered, by operation and status of the answer',
    labelNames: ['operation', 'status'],
    registers: [this.registry],
  });
  readonly duration = new Histogram({
    name: 'tierkit_request_duration_seconds',
    help: 'Time from the head of a request to the last byte of its answer',
    labelNames: ['operation'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
    registers: [this.registry],
  });
  readonly attempts = new Counter({
    name: 'tierkit_attempts_total',
    help: 'Attempts at backends, by backend and result (ok, or the reason of the failure)',
    labelNames: ['backend', 'result'],
    registers: [this.registry],
  });
  readonly reloads = new Counter({
    name: 'tierkit_config_reloads_total',
    help: 'Loads of the configuration, by result (ok, refused)',
    labelNames: ['result'],
    registers: [this.registry],
  });
  readonly generation = new Gauge({
    name: 'tierkit_config_generation',
    help: 'Generation of the configuration in service',
    registers: [this.registry],
  });
  readonly inFlight = new Gauge({
    name: 'tierkit_requests_in_flight',
    help: 'Requests that are being answered',
    registers: [this.registry],
  });

  /** Starts the process metrics (CPU, memory, event loop). */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }
}

import type { Families } from '#core/telemetry/metrics';

import type { PoolService } from '../pick/pool-service.ts';
import type { EndpointMetrics } from '../pools/engine-metrics.ts';
import { type PoolLabels, poolLabels } from './pool-series.ts';

const GAUGES = [
  'readyEndpoints',
  'averageKv',
  'averageQueue',
  'averageRunning',
  'endpointQueue',
  'poolReadyPods',
  'poolAverageKv',
  'poolAverageQueue',
  'flowQueue',
  'flowQueueBytes',
  'saturation',
  'staleEndpoints',
  'scrapeAge',
  'endpointRequests',
  'endpointRunning',
  'endpointKv',
  'endpointPrefill',
  'endpointConfidence',
  'prefixSize',
] as const satisfies readonly (keyof Families)[];

/** How the pools stand, set anew for each page: endpoints that are gone are not told of. */
export function poolGauges(services: readonly PoolService[], families: Families): void {
  for (const name of GAUGES) families[name].clear();
  for (const service of services) {
    const labels = poolLabels(service.pool.name);
    poolOf(service, labels, families);
    endpointsOf(service, labels, families);
  }
}

function poolOf({ pool, picker, flow }: PoolService, labels: PoolLabels, families: Families): void {
  families.readyEndpoints.with(...labels).set(pool.ready);
  families.poolReadyPods.with(...labels).set(pool.ready);
  families.saturation.with(...labels, 'effective').set(picker.saturation());
  const { bands } = flow.stats();
  // So that a queue that never was is 0, not absent.
  if (bands.length === 0) {
    families.flowQueue.with('0', ...labels).set(0);
    families.flowQueueBytes.with('0', ...labels).set(0);
  }
  for (const { priority, waiting, bytes } of bands) {
    families.flowQueue.with(String(priority), ...labels).set(waiting);
    families.flowQueueBytes.with(String(priority), ...labels).set(bytes);
  }
}

function endpointsOf({ pool, picker }: PoolService, labels: PoolLabels, families: Families): void {
  const loads = new Map(picker.endpoints().map((load) => [load.id, load]));
  const now = Date.now();
  const seen: EndpointMetrics[] = [];
  let stale = 0;
  let oldest: number | undefined;
  let blocks = 0;
  for (const { id, pod, port, ready, terminating } of pool.endpoints()) {
    const place = [...labels, pod, id] as const;
    const load = loads.get(id);
    if (load !== undefined) {
      blocks += load.indexedBlocks;
      families.endpointRequests.with(pod, String(port), ...labels).set(load.requests);
      families.endpointPrefill.with(...place).set(load.pendingPrefillTokens);
      families.endpointConfidence.with(...place).set(load.metricsConfidence);
    }
    const scrape = pool.lastScrape(id);
    const metrics = scrape?.metrics;
    if (metrics !== undefined) {
      families.endpointRunning.with(...place).set(metrics.running);
      families.endpointKv.with(...place).set(metrics.kvUsage);
      families.endpointQueue.with(...labels, id).set(metrics.waiting);
    }
    if (!ready || terminating) continue;
    if (scrape?.failure !== undefined) stale++;
    if (scrape?.at !== undefined) oldest = Math.min(oldest ?? scrape.at, scrape.at);
    if (metrics !== undefined) seen.push(metrics);
  }
  families.prefixSize.with(...labels).set(blocks);
  families.staleEndpoints.with(...labels).set(stale);
  if (oldest !== undefined) families.scrapeAge.with(...labels).set((now - oldest) / 1000);
  if (seen.length > 0) averages(seen, labels, families);
}

function averages(seen: readonly EndpointMetrics[], labels: PoolLabels, families: Families): void {
  const mean = (of: (metrics: EndpointMetrics) => number): number => seen.reduce((sum, metrics) => sum + of(metrics), 0) / seen.length;
  const kv = mean(({ kvUsage }) => kvUsage);
  const queue = mean(({ waiting }) => waiting);
  families.averageKv.with(...labels).set(kv);
  families.poolAverageKv.with(...labels).set(kv);
  families.averageQueue.with(...labels).set(queue);
  families.poolAverageQueue.with(...labels).set(queue);
  families.averageRunning.with(...labels).set(mean(({ running }) => running));
}

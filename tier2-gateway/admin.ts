import type { FastifyInstance } from 'fastify';

import { EndpointHealth, DEFAULT_HEALTH_CHECK } from '#core/attempt/health';
import type { PodState, PoolState } from '#core/serve/status/feed';
import { standing } from '#core/serve/status/served';

import type { PoolEndpoint } from './pools/endpoint.ts';
import type { EndpointSummary } from './picker/picker.ts';
import type { PoolService } from './pick/pool-service.ts';
import type { PoolsInService } from './pick/pools-in-service.ts';

/** What an operator asks of the pools: /pools, how they are; /explain/REQUEST-ID, why a request went where it went. */
export function poolRoutes(app: FastifyInstance, pools: PoolsInService): void {
  app.get('/pools', () =>
    pools.services().map(({ pool, picker, flow }) => {
      const loads = new Map(picker.endpoints().map((summary) => [summary.id, summary]));
      return {
        pool: pool.name,
        ready: pool.ready,
        saturation: picker.saturation(),
        queue: flow.stats(),
        endpoints: pool.endpoints().map((endpoint) => ({
          ...endpoint,
          inFlight: pool.member(endpoint.id)?.inFlight,
          available: pool.member(endpoint.id)?.health.available(Date.now()),
          metricsFailure: pool.lastScrape(endpoint.id)?.failure,
          load: loads.get(endpoint.id),
        })),
      };
    }),
  );
  app.get<{ Params: { id: string } }>('/explain/:id', async (request, reply) => {
    for (const { pool, picker } of pools.services()) {
      const decision = picker.explain(request.params.id);
      if (decision !== undefined) return { pool: pool.name, ...decision };
    }
    return reply
      .code(404)
      .send({ error: `no decision is kept for the request "${request.params.id.slice(0, 128)}"; the last 1024 of each pool are` });
  });
}

/** The pools for the status page. @param most pods of each that are told */
export function poolStates(pools: PoolsInService, most: number): PoolState[] {
  return pools.services().map((service) => {
    const { pool, picker, flow, external } = service;
    const { running, waiting, waitingBytes } = flow.stats();
    const loads = new Map(picker.endpoints().map((summary) => [summary.id, summary]));
    const pods = pool.endpoints();
    return {
      name: pool.name,
      ready: pool.ready,
      saturation: picker.saturation(),
      externalPicker: external !== undefined,
      queue: { running, waiting, waitingBytes },
      pods: pods.slice(0, most).map((endpoint) => podState(service, endpoint, loads.get(endpoint.id))),
      podsLeftOff: Math.max(0, pods.length - most),
    };
  });
}

/** An endpoint that was never called. */
const UNTRIED = { health: new EndpointHealth(DEFAULT_HEALTH_CHECK), inFlight: 0 };

function podState({ pool }: PoolService, { id, pod, ready, terminating }: PoolEndpoint, load: EndpointSummary | undefined): PodState {
  const scrape = pool.lastScrape(id);
  const metrics = scrape?.metrics;
  return {
    id,
    pod,
    ready: ready && !terminating,
    ...standing(pool.member(id) ?? UNTRIED, Date.now()),
    requests: load?.requests ?? 0,
    streams: load?.streams ?? 0,
    pendingPrefillTokens: load?.pendingPrefillTokens ?? 0,
    kvTokens: load?.kvTokens ?? 0,
    kvCapacity: load?.kvCapacity ?? 0,
    indexedBlocks: load?.indexedBlocks ?? 0,
    tpotMs: load?.tpotMs,
    engine:
      metrics === undefined ? undefined : { running: metrics.running, waiting: metrics.waiting, kvUsage: metrics.kvUsage, at: scrape!.at! },
    metricsFailure: scrape?.failure,
  };
}

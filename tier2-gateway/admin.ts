import type { FastifyInstance } from 'fastify';

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

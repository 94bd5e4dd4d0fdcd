import fastify, { type FastifyInstance } from 'fastify';

import type { Lifecycle } from '../lifecycle.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface ProbesOptions {
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  /** What /readyz says besides, once the process is ready. */
  readonly ready?: () => object;
}

/** A listener for whoever operates a process: /healthz, /readyz, /metrics. More may be added to it. */
export function probesApp({ lifecycle, metrics, ready }: ProbesOptions): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    if (lifecycle.ready) return { status: 'ready', ...ready?.() };
    return reply.code(503).send({ status: lifecycle.draining ? 'draining' : 'starting' });
  });
  app.get('/metrics', async ({ headers }, reply) => {
    const { contentType, body } = await metrics.page(headers.accept);
    return reply.type(contentType).send(body);
  });
  return app;
}

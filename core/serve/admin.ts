import type { Lifecycle } from '../lifecycle.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import fastify, { type FastifyInstance } from 'fastify';

import type { Configuration } from './configuration.ts';
import { describeSnapshot } from './describe.ts';

/** What an operator wants to know of the last reload. */
export interface ReloadState {
  lastError: string | undefined;
  lastAttemptAt: number | undefined;
}

/** The operator's own listener, apart from the one of the clients: /healthz, /readyz, /metrics, /config. */
export function adminApp(configuration: Configuration, lifecycle: Lifecycle, metrics: Metrics, reload: ReloadState): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    if (lifecycle.ready) return { status: 'ready', generation: configuration.current.generation };
    return reply.code(503).send({ status: lifecycle.draining ? 'draining' : 'starting' });
  });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()));
  app.get('/config', () => ({
    ...describeSnapshot(configuration.current),
    ignored: configuration.ignored,
    lastReload: { at: iso(reload.lastAttemptAt), refused: reload.lastError },
  }));
  return app;
}

function iso(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

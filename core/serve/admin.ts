import type { FastifyInstance } from 'fastify';

import type { Metrics } from '../telemetry/metrics.ts';

import { describeSnapshot } from './describe.ts';
import { probesApp } from './probes.ts';
import type { StatusFeedOptions } from './status/feed.ts';
import { statusRoutes } from './status/routes.ts';

/** What an operator wants to know of the last reload. */
export interface ReloadState {
  lastError: string | undefined;
  lastAttemptAt: number | undefined;
}

/** What the admin listener of any service tells. */
export interface AdminParts extends StatusFeedOptions {
  readonly metrics: Metrics;
}

/** The operator's own listener, apart from the one of the clients: /healthz, /readyz, /metrics, /config, and the status page at /. */
export function adminApp(parts: AdminParts): FastifyInstance {
  const { configuration, lifecycle, metrics, reload } = parts;
  const app = probesApp({ lifecycle, metrics, ready: () => readyOf(configuration) });
  app.get('/config', () => ({
    ...describeSnapshot(configuration.current),
    ignored: configuration.ignored,
    lastReload: { at: iso(reload.lastAttemptAt), refused: reload.lastError },
  }));
  statusRoutes(app, parts);
  return app;
}

/** A credential that cannot be fetched makes nobody unready: other backends may do, and the last one may still hold. */
function readyOf({ current, credentials }: AdminParts['configuration']): object {
  return { generation: current.generation, ...(credentials.length === 0 ? {} : { credentials }) };
}

function iso(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

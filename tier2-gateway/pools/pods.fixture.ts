// For tests: a cluster with pods, and what watches them.
import { FakeApiServer } from '#core/kubernetes/api-server.fixture';
import { POD } from '#core/kubernetes/pod';
import { PodWatch } from '#core/kubernetes/pod-watch';
import { fastClock } from '#core/kubernetes/time.fixture';

import { PodEndpoints } from './pod-source.ts';

export interface PodFields {
  /** @default app: m */
  readonly labels?: Readonly<Record<string, string>>;
  /** @default true */
  readonly ready?: boolean;
  /** @default false */
  readonly terminating?: boolean;
  /** @default none */
  readonly ip?: string;
}

export interface TestCluster {
  readonly server: FakeApiServer;
  readonly pods: PodEndpoints;
  readonly warnings: string[];
  /** Keys of what is watched. */
  watching(): string[];
  put(name: string, fields?: PodFields): void;
  remove(name: string): void;
  close(): Promise<void>;
}

export interface ClusterSettings {
  /** Pools whose pods are watched at most. */
  readonly limit?: number;
  /** Pods of one page of a list. */
  readonly pageSize?: number;
  /** How much faster than ours the clock of the watches is. @default 100 */
  readonly speed?: number;
}

export async function startCluster({ limit, pageSize, speed = 100 }: ClusterSettings = {}): Promise<TestCluster> {
  const server = await FakeApiServer.start(POD);
  const warnings: string[] = [];
  const client = await server.client();
  let watch: PodWatch | undefined;
  const pods = new PodEndpoints(
    (onChange) => (watch = new PodWatch({ client, onChange, limit, log: () => undefined, tuning: { clock: fastClock(speed), pageSize } })),
    (message) => warnings.push(message),
  );
  return {
    server,
    pods,
    warnings,
    watching: () => [...watch!.states().keys()],
    put: (name, { labels = { app: 'm' }, ready = true, terminating = false, ip } = {}) =>
      void server.table.put(POD, {
        metadata: {
          name,
          namespace: 'default',
          uid: `uid-${name}`,
          labels,
          ...(terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
        },
        spec: { containers: [] },
        status: {
          phase: 'Running',
          ...(ip === undefined ? {} : { podIP: ip }),
          conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
        },
      }),
    remove: (name) => server.table.remove(POD, 'default', name),
    async close() {
      await watch!.stop();
      await server.leave();
    },
  };
}

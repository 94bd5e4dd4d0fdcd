import { afterEach, expect, it } from 'vitest';

import { FakeApiServer } from '../kubernetes/api-server.fixture.ts';
import type { Stored } from '../kubernetes/object-table.fixture.ts';
import { LEASE } from '../kubernetes/lease.ts';
import type { ResourceType } from '../kubernetes/resource.ts';
import { settle, until } from '../kubernetes/time.fixture.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { ControlledCluster } from './controlled-cluster.ts';
import { ControlledTier } from './controlled-tier.ts';
import { ControllerProcess } from './controller-process.ts';

const type = (group: string, version: string, kind: string, plural: string, namespaced = true): ResourceType => ({
  group,
  version,
  kind,
  plural,
  namespaced,
});
const GATEWAY_API = 'gateway.networking.k8s.io';
const CLASS = type(GATEWAY_API, 'v1', 'GatewayClass', 'gatewayclasses', false);
const GATEWAY = type(GATEWAY_API, 'v1', 'Gateway', 'gateways');
const ROUTE = type(GATEWAY_API, 'v1', 'HTTPRoute', 'httproutes');
const SERVICE = type('', 'v1', 'Service', 'services');
const BUDGET = type('tierkit.dev', 'v1alpha1', 'Budget', 'budgets');
const ONE = 'tierkit.dev/tier-one';
const TWO = 'tierkit.dev/tier-two';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function clusterWith(...gateways: readonly (readonly [name: string, gatewayClass: string])[]): Promise<FakeApiServer> {
  const server = await FakeApiServer.start(CLASS, GATEWAY, ROUTE, SERVICE, BUDGET, LEASE);
  ends.push(() => server.leave());
  const classes = [
    ['one', ONE],
    ['two', TWO],
  ] as const;
  for (const [name, controllerName] of classes)
    server.table.put(CLASS, { apiVersion: `${GATEWAY_API}/v1`, kind: 'GatewayClass', metadata: { name }, spec: { controllerName } });
  for (const [name, gatewayClassName] of gateways) {
    server.table.put(GATEWAY, {
      apiVersion: `${GATEWAY_API}/v1`,
      kind: 'Gateway',
      metadata: { name, namespace: 'apps' },
      spec: { gatewayClassName, listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
    });
  }
  server.table.put(BUDGET, {
    apiVersion: 'tierkit.dev/v1alpha1',
    kind: 'Budget',
    metadata: { name: 'b', namespace: 'apps', generation: 4 },
    spec: { tokens: 1, window: { unit: 'Day', timeZone: 'Europe/Berlinn' } },
  });
  return server;
}

interface Started {
  readonly service: ControllerProcess;
  readonly lines: string[];
  readonly get: (path: string) => Promise<Response>;
}

/** A process of both tiers whose pods are in namespaces of their own. */
async function processOn(server: FakeApiServer, identity: string): Promise<Started> {
  const client = await server.client();
  const metrics = new Metrics('controller');
  const lines: string[] = [];
  const log = (_level: string, message: string): void => void lines.push(message);
  const tiers = [ONE, TWO].map((controllerName) => {
    const namespace = controllerName === ONE ? 'front' : 'models';
    const services = { namespace, selector: { app: namespace }, type: 'ClusterIP', firstPort: 10_000 } as const;
    const servesPools = controllerName === TWO;
    const cluster = new ControlledCluster({ client, sharesClient: true, controllerName, services, servesPools, identity, log });
    cluster.measure(metrics);
    return new ControlledTier({ cluster, log });
  });
  const service = new ControllerProcess({ tiers, metrics, adminHost: '127.0.0.1', adminPort: 0, onStopped: () => client.close() });
  ends.push(() => service.stop());
  await service.listen();
  return { service, lines, get: (path) => fetch(`http://127.0.0.1:${service.adminPort}${path}`) };
}

function conditionsOf(server: FakeApiServer, of: ResourceType, name: string): unknown {
  return (server.table.all(of).find(({ metadata }) => metadata.name === name)?.['status'] as { conditions?: unknown })?.conditions;
}

function holders(server: FakeApiServer): unknown[] {
  return server.table.all(LEASE).map(({ metadata, ...lease }) => {
    return [metadata.namespace, metadata.name, (lease['spec'] as { holderIdentity: string }).holderIdentity];
  });
}

it('writes for both tiers, each where its pods are, and tells how it stands', { timeout: 30_000 }, async () => {
  const server = await clusterWith(['web', 'one'], ['models', 'two'], ['theirs', 'other']);
  const { service, get } = await processOn(server, 'a');
  expect((await get('/healthz')).status).toBe(200);
  expect(await (await get('/readyz')).json()).toEqual({ status: 'starting' });
  expect(await service.start()).toBe(true);
  expect((await get('/readyz')).status).toBe(200);
  await until(() => ['web', 'models'].every((name) => conditionsOf(server, GATEWAY, name) !== undefined));
  await until(() => conditionsOf(server, BUDGET, 'b') !== undefined);
  expect(conditionsOf(server, GATEWAY, 'theirs')).toBeUndefined();
  expect(server.table.all(SERVICE).map(placeOf)).toEqual([
    ['front', 'apps/web', { app: 'front' }],
    ['models', 'apps/models', { app: 'models' }],
  ]);
  // What the cluster makes of a Service: from now on the Gateway leads somewhere.
  for (const service of server.table.all(SERVICE))
    server.table.put(SERVICE, { ...service, spec: { ...(service['spec'] as object), clusterIP: '10.0.0.1' } });
  const programmed = { type: 'Programmed', status: 'True' };
  for (const name of ['web', 'models'])
    await until(() => (conditionsOf(server, GATEWAY, name) as object[]).some((each) => isLike(each, programmed)));
  expect(conditionsOf(server, BUDGET, 'b')).toMatchObject([
    {
      type: 'Accepted',
      status: 'False',
      reason: 'Invalid',
      observedGeneration: 4,
      message: expect.stringContaining('spec.window.timeZone'),
    },
  ]);
  expect(holders(server)).toEqual([
    ['front', 'tierkit.dev.tier-one', 'a'],
    ['models', 'tierkit.dev.tier-two', 'a'],
  ]);
  const page = await (await get('/metrics')).text();
  for (const line of [
    `tierkit_controller_leader{controller="${ONE}"} 1`,
    `tierkit_controller_writes_total{controller="${TWO}",kind="Service",result="ok"} 1`,
    `tierkit_controller_writes_total{controller="${ONE}",kind="Budget",result="ok"} 1`,
    `tierkit_controller_pending_writes{controller="${ONE}"} 0`,
    `tierkit_controller_watches{controller="${ONE}",state="failing"} 0`,
    `tierkit_controller_watch_failures_total{controller="${TWO}"} 0`,
  ])
    expect(page).toContain(`${line}\n`);
  expect(page).toMatch(/tierkit_controller_reconcile_duration_seconds_count\{controller="tierkit.dev\/tier-one"\} [1-9]/);
  expect(page).not.toContain('tierkit_requests_total');
  expect((await get('/config')).status).toBe(404);
});

it('of two processes one writes; when it stops the other one does, at once', { timeout: 60_000 }, async () => {
  const server = await clusterWith();
  const first = await processOn(server, 'a');
  await first.service.start();
  await until(() => holders(server).length === 2);
  const second = await processOn(server, 'b');
  await second.service.start();
  expect((await second.get('/readyz')).status).toBe(200);
  await first.service.stop();
  expect(holders(server).map((each) => (each as string[])[2])).not.toContain('a');
  await until(() => holders(server).every((each) => (each as string[])[2] === 'b'));
  server.table.put(CLASS, {
    apiVersion: `${GATEWAY_API}/v1`,
    kind: 'GatewayClass',
    metadata: { name: 'new' },
    spec: { controllerName: ONE },
  });
  await until(() => conditionsOf(server, CLASS, 'new') !== undefined);
  expect(await (await second.get('/metrics')).text()).toContain(`tierkit_controller_leader{controller="${ONE}"} 1\n`);
});

it('is not ready and writes nothing while it may not read a kind, says which, and goes on when it may', { timeout: 60_000 }, async () => {
  const server = await clusterWith(['web', 'one']);
  server.denied.add(`list httproutes.${GATEWAY_API}`);
  const { service, lines, get } = await processOn(server, 'a');
  const started = service.start();
  await until(() => lines.some((line) => line.includes('grant verb list on resource httproutes')));
  expect((await get('/readyz')).status).toBe(503);
  expect(holders(server)).toEqual([]);
  expect(await (await get('/metrics')).text()).toMatch(/watches\{controller="tierkit.dev\/tier-one",state="failing"\} 1\n/);
  server.denied.clear();
  expect(await started).toBe(true);
  await until(() => conditionsOf(server, GATEWAY, 'web') !== undefined);
});

it('names a write that it may not make, counts it, and makes it once it may', { timeout: 60_000 }, async () => {
  const server = await clusterWith(['web', 'one']);
  server.denied.add('patch services');
  const { service, lines, get } = await processOn(server, 'a');
  await service.start();
  await until(() => lines.some((line) => line.includes('grant verb patch on resource services')));
  const page = await (await get('/metrics')).text();
  expect(page).toMatch(/writes_total\{controller="tierkit.dev\/tier-one",kind="Service",result="forbidden"\} [1-9]/);
  expect(page).toContain(`tierkit_controller_pending_writes{controller="${ONE}"} 1\n`);
  server.denied.clear();
  await until(() => server.table.all(SERVICE).length === 1);
  await until(async () => (await (await get('/metrics')).text()).includes(`tierkit_controller_pending_writes{controller="${ONE}"} 0\n`));
});

it('stops while the cluster is still being read, and leaves no Lease behind', { timeout: 30_000 }, async () => {
  const server = await clusterWith();
  server.faults.push({ verb: 'list', plural: 'gateways', fault: { act: 'hang' }, times: 10 });
  const { service } = await processOn(server, 'a');
  const started = service.start();
  await settle();
  await service.stop();
  expect(await started).toBe(false);
  expect(holders(server)).toEqual([]);
});

it('does not wait for an API server that hangs when it stops', { timeout: 30_000 }, async () => {
  const server = await clusterWith();
  const { service } = await processOn(server, 'a');
  await service.start();
  await until(() => ['one', 'two'].every((name) => conditionsOf(server, CLASS, name) !== undefined));
  for (const verb of ['get', 'update', 'patch']) server.faults.push({ verb, fault: { act: 'hang' }, times: 100 });
  server.table.put(CLASS, {
    apiVersion: `${GATEWAY_API}/v1`,
    kind: 'GatewayClass',
    metadata: { name: 'new' },
    spec: { controllerName: ONE },
  });
  await until(() => server.seen.some(({ verb, name }) => verb === 'patch' && name === 'new'));
  await service.stop();
  expect(service.lifecycle.draining).toBe(true);
});

function placeOf({ metadata, ...service }: Stored): unknown[] {
  return [metadata.namespace, metadata.annotations?.['tierkit.dev/gateway'], (service['spec'] as { selector: unknown }).selector];
}

function isLike(object: object, fields: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(fields).every(([name, value]) => (object as Readonly<Record<string, unknown>>)[name] === value);
}

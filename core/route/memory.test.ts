import { expect, it } from 'vitest';

import { ClusterLoader, type ClusterObject } from '../resources/cluster-load.ts';
import { compile, newShared } from './compile.ts';

const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const object = (apiVersion: string, kind: string, name: string, spec: object): ClusterObject =>
  ({ apiVersion, kind, metadata: { name, ...(kind === 'GatewayClass' ? {} : { namespace: 'default' }) }, spec }) as ClusterObject;
const service = (at: number) => object('v1', 'Service', `s${at % 7}`, { clusterIP: `10.0.${at % 250}.1`, ports: [{ port: 80 }] });
const route = (name: string, to: number) =>
  object(GATEWAY_API, 'HTTPRoute', name, {
    parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'g' }],
    rules: [{ matches: [{ path: { type: 'PathPrefix', value: `/${name}` } }], backendRefs: [{ name: `s${to % 7}`, port: 80 }] }],
  });
const policy = (at: number) =>
  object('gateway.envoyproxy.io/v1alpha1', 'BackendTrafficPolicy', `p${at % 3}`, {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: `r${at % 5}` }],
    rateLimit: { type: 'Global', global: { rules: [{ limit: { requests: (at % 9) + 1, unit: 'Minute' } }] } },
  });
const BASE = [
  object(GATEWAY_API, 'GatewayClass', 'c', { controllerName: 'tierkit.dev/test' }),
  object(GATEWAY_API, 'Gateway', 'g', { gatewayClassName: 'c', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] }),
];

it('keeps after ten thousand changes what the last one uses, and no more', () => {
  const loader = new ClusterLoader('tierkit.dev/test');
  const shared = newShared();
  const { connections, backends, identify } = shared;
  const there = new Map<string, ClusterObject>();
  const put = (each: ClusterObject) => there.set(`${each.kind} ${each.metadata.name}`, each);
  for (const each of BASE) put(each);
  for (let at = 0; at < 10_000; at++) {
    put(service(at));
    put(route(`r${at % 11}`, at));
    put(policy(at));
    // Names that never come back.
    put(route(`once-${at}`, at));
    there.delete(`HTTPRoute once-${at - 3}`);
    connections.kept.begin();
    backends.begin();
    identify.begin();
    shared.memory = compile(loader.load(there.values(), String(at)), shared, { inCluster: true, listenOn: () => 10_000 }).memory;
    connections.kept.commit();
    backends.commit();
    identify.retire();
  }
  const { entries, hosts, policies } = shared.memory!;
  expect([connections.kept.values().length, backends.values().length]).toEqual([7, 7]);
  expect(Object.fromEntries(Object.entries(entries).map(([name, map]) => [name, map.size]))).toEqual({
    routes: 14,
    security: 0,
    refusing: 0,
    backends: 0,
    prepared: 3,
    quotaLimits: 0,
  });
  expect([hosts.size, policies.size]).toEqual([1, 3]);
}, 60_000);

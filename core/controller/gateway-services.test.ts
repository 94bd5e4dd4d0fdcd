import { describe, expect, it } from 'vitest';

import { ClusterLoader, type ClusterObject } from '../resources/cluster-load.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import { gatewayPlaces, gatewayServices, leftServices, says, type ServiceSettings } from './gateway-services.ts';

const SETTINGS: ServiceSettings = {
  controllerName: 'x/y',
  namespace: 'tierkit',
  selector: { app: 'tier-two' },
  type: 'LoadBalancer',
  firstPort: 10_000,
};
const CLASS = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: 'c' },
  spec: { controllerName: 'x/y' },
};

function gateways(...ports: (readonly [name: string, ...ports: number[]])[]): Gateway[] {
  const objects = ports.map(([name, ...each]) => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: 'n' },
    spec: {
      gatewayClassName: 'c',
      listeners: each.map((port, index) => ({ name: `l${index}`, hostname: `h${index}.example.com`, port, protocol: 'HTTP' })),
      infrastructure: { labels: { team: 'a' }, annotations: { note: 'b' } },
    },
  }));
  return new ClusterLoader('x/y').load([CLASS, ...objects] as ClusterObject[], '1').set.all(Gateway);
}

const targets = (service: KubernetesObject) =>
  (service['spec'] as { ports: { port: number; targetPort: number }[] }).ports.map(({ port, targetPort }) => [port, targetPort]);

describe('the Services of Gateways', () => {
  it('have each port once, at a place of its own, with what the Gateway says of its infrastructure', () => {
    const [a, b] = gatewayServices(gateways(['a', 80, 80, 443], ['b', 80]), [], SETTINGS);
    expect(targets(a!)).toEqual([
      [80, 10_000],
      [443, 10_001],
    ]);
    expect(targets(b!)).toEqual([[80, 10_002]]);
    expect(a!.metadata).toMatchObject({
      name: expect.stringMatching(/^gw-n-a-[\da-f]{8}$/) as string,
      namespace: 'tierkit',
      labels: { team: 'a', 'gateway.networking.k8s.io/gateway-name': 'a' },
      annotations: { note: 'b', 'tierkit.dev/gateway': 'n/a' },
    });
  });

  it('stay where they are when others come and go', () => {
    const before = gatewayServices(gateways(['a', 80], ['b', 80]), [], SETTINGS);
    const after = gatewayServices(gateways(['b', 80, 81], ['c', 80]), before, SETTINGS);
    expect(targets(after[0]!)).toEqual([
      [80, 10_001],
      [81, 10_002],
    ]);
    expect(targets(after[1]!)).toEqual([[80, 10_003]]);
    expect(leftServices(after, before, SETTINGS).map(({ metadata }) => metadata.annotations!['tierkit.dev/gateway'])).toEqual(['n/a']);
  });

  it('have names that a Service may have', () => {
    const long = `${'x'.repeat(200)}.y`;
    const [service, other] = gatewayServices(gateways([long, 80], [`${long}z`, 80]), [], SETTINGS);
    for (const { metadata } of [service!, other!]) expect(metadata.name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])$/);
    expect(service!.metadata.name).not.toBe(other!.metadata.name);
    expect(service!.metadata.labels!['gateway.networking.k8s.io/gateway-name']).toBeUndefined();
  });

  it('of another tier in the same namespace are left alone', () => {
    const theirs = gatewayServices(gateways(['a', 80]), [], { ...SETTINGS, controllerName: 'x/z' });
    expect(leftServices([], theirs, SETTINGS)).toEqual([]);
    expect(gatewayPlaces(theirs, SETTINGS).size).toBe(0);
  });

  it('of others are left alone', () => {
    const foreign = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'tierkit' },
      spec: { ports: [{ port: 80, targetPort: 10_000 }] },
    };
    const elsewhere = {
      ...gatewayServices(gateways(['a', 80]), [], SETTINGS)[0]!,
      metadata: { name: 'x', namespace: 'other', annotations: { 'tierkit.dev/gateway': 'n/a' } },
    };
    expect(leftServices([], [foreign, elsewhere], SETTINGS)).toEqual([]);
    expect(gatewayPlaces([foreign, elsewhere], SETTINGS).size).toBe(0);
  });

  it('say where their Gateways are', () => {
    const [service] = gatewayServices(gateways(['a', 80]), [], SETTINGS);
    expect(gatewayPlaces([service!], SETTINGS).get('n/a')).toEqual({ addresses: [], ports: new Set([80]) });
    const status = { loadBalancer: { ingress: [{ ip: '198.18.0.1' }, { hostname: 'lb.example.com' }] } };
    expect(gatewayPlaces([{ ...service!, status }], SETTINGS).get('n/a')?.addresses).toEqual([
      { type: 'IPAddress', value: '198.18.0.1' },
      { type: 'Hostname', value: 'lb.example.com' },
    ]);
    const internal = { ...service!, spec: { ...(service!['spec'] as object), type: 'ClusterIP', clusterIP: '10.96.0.9' } };
    expect(gatewayPlaces([internal], SETTINGS).get('n/a')?.addresses).toEqual([{ type: 'IPAddress', value: '10.96.0.9' }]);
  });
});

it.each([
  [{ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ c: 2 }] }, true],
  [{ b: [{ c: 2 }, { c: 3 }] }, { b: [{ c: 2 }] }, false],
  [{ b: undefined }, { b: {} }, false],
  [{ a: 1 }, { a: '1' }, false],
])('%j says %j: %s', (present, wanted, expected) => {
  expect(says(present, wanted)).toBe(expected);
});

import { describe, expect, it } from 'vitest';

import { ClusterLoader, type ClusterObject } from './cluster-load.ts';
import { Gateway } from './gateway-api/gateway.ts';
import { Secret } from './kubernetes/secret.ts';
import { HTTPRoute } from './gateway-api/http-route.ts';

const GATEWAY_API = 'gateway.networking.k8s.io/v1';

function objectOf(kind: string, name: string, spec: object, more: object = {}, apiVersion = GATEWAY_API): ClusterObject {
  return { apiVersion, kind, metadata: { name, namespace: 'n', ...more }, spec } as ClusterObject;
}
const OURS = objectOf('GatewayClass', 'ours', { controllerName: 'tierkit.dev/test' });
const THEIRS = objectOf('GatewayClass', 'theirs', { controllerName: 'example.com/other' });
const gateway = (name: string, gatewayClassName: string) =>
  objectOf('Gateway', name, { gatewayClassName, listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] });
const route = (name: string, creationTimestamp: string) => objectOf('HTTPRoute', name, {}, { creationTimestamp });

describe('the objects of a cluster', () => {
  it('has the Gateways of its own classes', () => {
    const { set, classes } = new ClusterLoader('tierkit.dev/test').load(
      [gateway('a', 'ours'), gateway('b', 'theirs'), gateway('c', 'none'), OURS, THEIRS],
      '1',
    );
    expect(set.all(Gateway).map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(classes.map(({ metadata }) => metadata.name)).toEqual(['ours']);
  });

  it('are in the order of their age, then of their names', () => {
    const objects = [route('young', '2026-01-02T00:00:00Z'), route('b', '2026-01-01T00:00:00Z'), route('a', '2026-01-01T00:00:00Z')];
    const { set } = new ClusterLoader('x/y').load(objects, '1');
    expect(set.all(HTTPRoute).map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'young']);
  });

  it('stay as they are, and the same object is the same resource at the next load', () => {
    const loader = new ClusterLoader('x/y');
    const object = route('a', '2026-01-01T00:00:00Z');
    const before = structuredClone(object);
    const [first] = loader.load([object], '1').set.all(HTTPRoute);
    expect(first!.body.spec.rules).toHaveLength(1);
    expect(object).toEqual(before);
    expect(loader.load([object], '2').set.all(HTTPRoute)[0]).toBe(first);
  });

  it('that are wrong are told with their object', () => {
    const bad = objectOf('HTTPRoute', 'bad', { nonsense: 1 });
    const { invalid, set, problems } = new ClusterLoader('x/y').load([bad, route('a', '')], '1');
    expect(invalid.get(bad)).toMatchObject([{ resource: 'HTTPRoute n/bad', path: 'spec.nonsense' }]);
    expect(problems).toHaveLength(1);
    expect(set.isInvalid('HTTPRoute', 'n', 'bad')).toBe(true);
  });

  it('has a Gateway with those of its listeners that are right', () => {
    const listeners = [
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'tcp', port: 81, protocol: 'TCP' },
    ];
    const partly = objectOf('Gateway', 'partly', { gatewayClassName: 'ours', listeners });
    const wrong = objectOf('Gateway', 'wrong', { gatewayClassName: 'ours', listeners, nonsense: 1 });
    const { set, invalid } = new ClusterLoader('tierkit.dev/test').load([OURS, partly, wrong], '1');
    expect(set.all(Gateway).map(({ metadata, body }) => [metadata.name, body.spec.listeners.map(({ name }) => name)])).toEqual([
      ['partly', ['http']],
    ]);
    expect(invalid.get(partly)).toMatchObject([{ path: 'spec.listeners[1].protocol' }]);
    expect(set.isInvalid('Gateway', 'n', 'wrong')).toBe(true);
  });

  it('notes which Secrets are looked for', () => {
    const { set } = new ClusterLoader('x/y').load([], '1');
    expect(set.get(Secret, 'n', 's')).toBeUndefined();
    expect([...set.asked(Secret)]).toEqual(['n/s']);
    expect([...set.asked(HTTPRoute)]).toEqual([]);
  });
});

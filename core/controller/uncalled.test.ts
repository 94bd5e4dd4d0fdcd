import { load } from 'js-yaml';
import { expect, it, vi } from 'vitest';

import { ClusterLoader, type ClusterObject } from '../resources/cluster-load.ts';
import { compile } from '../route/compile.ts';
import { CLASS, CONTROLLER, gateway, httpRoute, resource, SERVICE, TO_WEB } from './cluster.fixture.ts';
import { uncalled } from './uncalled.ts';

const JWT = `targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}],
  jwt: {providers: [{name: p, issuer: "https://issuer.example.com", remoteJWKS: {uri: "https://issuer.example.com/keys"}}]}`;

it('what is compiled for statuses has backends and key sets, and no way to call them', async () => {
  const fetched = vi.spyOn(globalThis, 'fetch');
  const yaml = CLASS + gateway('gw') + SERVICE + httpRoute('r', `parentRefs: [{name: gw}], rules: [{${TO_WEB}}]`);
  const policy = resource('gateway.envoyproxy.io/v1alpha1', 'SecurityPolicy', 'jwt', JWT);
  const objects = `${yaml}${policy}`
    .split('---\n')
    .filter((text) => text.trim() !== '')
    .map((text) => load(text) as ClusterObject);
  const shared = uncalled();
  const named = objects.map((object) => ({ ...object, metadata: { namespace: 'default', ...object.metadata } }));
  const loaded = new ClusterLoader(CONTROLLER).load(named, '1');
  const compiled = compile(loaded, shared, { inCluster: true, listenOn: () => 10_000 });
  expect(compiled.problems).toEqual([]);
  const [rule] = compiled.ports[0]!.listeners[0]!.hosts.entries()[0]![1].rules();
  const [endpoint] = rule!.plan.targets[0]!.backend.endpoints;
  expect(endpoint!.origin.port).toBe(80);
  expect(() => endpoint!.pool.dispatch({ path: '/', method: 'GET' }, {})).toThrow('a controller calls no backend');
  await expect(endpoint!.pool.request({ path: '/', method: 'GET', origin: 'http://10.0.0.1' })).rejects.toThrow('calls no backend');
  expect(shared.connections.kept.values()).toEqual([]);
  expect(fetched).not.toHaveBeenCalled();
});

import { expect, test } from 'vitest';

import { Loader } from '#core/resources/load';

import { backendsYaml, routeYaml } from './gateway.fixture.ts';
import { compile, newShared } from '#core/route/compile';
import type { Rule } from '#core/route/rule';

const BASE = backendsYaml([{ name: 'a', port: 1, key: 'key-a' }]);
const POLICY = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: one}]
  apiKeyAuth: {credentialRefs: [{group: "", kind: Secret, name: a}], extractFrom: [{headers: [x-key]}]}`;

/** Loads texts one after the other, each taken into service unless it has problems. */
function loads() {
  const loader = new Loader();
  const shared = newShared();
  return (...documents: string[]) => {
    const loaded = loader.load({ paths: [], texts: [{ file: 'x.yaml', text: documents.join('\n---\n') }], env: {} });
    shared.connections.kept.begin();
    shared.backends.begin();
    shared.identify.begin();
    const compiled = compile(loaded, shared);
    const problems = [...loaded.problems, ...compiled.problems].map(({ message }) => message);
    if (problems.length > 0) {
      shared.connections.kept.rollback();
      shared.backends.rollback();
      return { problems, rules: new Map<string, Rule>(), backends: shared.backends.values().length };
    }
    shared.memory = compiled.memory;
    shared.connections.kept.commit();
    shared.backends.commit();
    shared.identify.retire();
    const rules = compiled.ports[0]!.listeners[0]!.hosts.index('any')?.rules() ?? [];
    return { problems, rules: new Map(rules.map((rule) => [rule.route.name, rule])), backends: shared.backends.values().length };
  };
}

test('only the route that changed is compiled again', () => {
  const load = loads();
  const before = load(BASE, POLICY, routeYaml('one', ['a']), routeYaml('two', ['a']));
  const after = load(
    BASE,
    POLICY,
    routeYaml('one', ['a']),
    routeYaml('two', ['a'], '    timeouts: {request: 5s}'),
    routeYaml('three', ['a']),
  );
  expect([...after.rules.keys()].sort()).toEqual(['one', 'three', 'two']);
  expect(after.rules.get('one')).toBe(before.rules.get('one'));
  expect(after.rules.get('two')).not.toBe(before.rules.get('two'));
  expect(after.rules.get('two')!.plan.requestTimeoutMs).toBe(5000);
  // One policy, one backend, for old and new rules alike.
  expect(after.rules.get('three')!.plan.targets[0]!.backend).toBe(before.rules.get('one')!.plan.targets[0]!.backend);
  expect(after.backends).toBe(before.backends);
});

test('a route that moves to another line is not compiled again', () => {
  const load = loads();
  const before = load(BASE, routeYaml('one', ['a']));
  const after = load(BASE, routeYaml('two', ['a']), routeYaml('one', ['a']));
  expect(after.rules.get('one')).toBe(before.rules.get('one'));
});

test('with any other change everything is compiled again', () => {
  const load = loads();
  const before = load(BASE, POLICY, routeYaml('one', ['a']));
  const after = load(backendsYaml([{ name: 'a', port: 1, key: 'key-b' }]), POLICY, routeYaml('one', ['a']));
  expect(after.rules.get('one')).not.toBe(before.rules.get('one'));
  expect(after.rules.get('one')!.security).not.toBe(before.rules.get('one')!.security);
});

test('a policy whose route is gone is a problem, and what was in service is remembered', () => {
  const load = loads();
  const before = load(BASE, POLICY, routeYaml('one', ['a']));
  expect(load(BASE, POLICY, routeYaml('other', ['a'])).problems).toEqual(['there is no HTTPRoute or AIGatewayRoute default/one']);
  expect(load(BASE, POLICY, routeYaml('one', ['nobody'])).problems).toEqual(['there is no AIServiceBackend default/nobody']);
  const after = load(BASE, POLICY, routeYaml('one', ['a']), routeYaml('two', ['a']));
  expect(after.rules.get('one')!.security).toBe(before.rules.get('one')!.security);
  expect(after.rules.get('two')!.plan.targets[0]!.backend).toBe(before.rules.get('one')!.plan.targets[0]!.backend);
  expect(after.backends).toBe(before.backends);
});

test('a removed route is gone', () => {
  const load = loads();
  load(BASE, routeYaml('one', ['a']), routeYaml('two', ['a']));
  expect([...load(BASE, routeYaml('two', ['a'])).rules.keys()]).toEqual(['two']);
});

import { expect, it } from 'vitest';

import { backend } from '../attempt/attempt.fixture.ts';
import { Mirror } from './mirror.ts';
import { gatewayYaml, httpRouteYaml, routesOf, TO_B } from './route.fixture.ts';

const B = '{group: gateway.envoyproxy.io, kind: Backend, name: b}';
const mirror = (ref: string, more = '') => `{type: RequestMirror, requestMirror: {backendRef: ${ref}${more}}}`;
const routes = (filters: string) => routesOf(gatewayYaml() + httpRouteYaml('web', `rules: [{filters: [${filters}], ${TO_B}}]`));

/** How many of so many requests are copied. */
function taken(of: Mirror, requests: number): number {
  let count = 0;
  for (let request = 0; request < requests; request++) if (of.takes()) count++;
  return count;
}

it.each([
  [0, 0],
  [0.01, 10],
  [0.2, 200],
  [1 / 3, 333],
  [0.5, 500],
  [1, 1000],
])('a share of %f is met within a few requests', (share, expected) => {
  for (let round = 0; round < 20; round++) expect(Math.abs(taken(new Mirror(backend('m'), share), 1000) - expected)).toBeLessThan(6);
});

it('a share has no period: every second request of a client is copied as often as the others', () => {
  const half = new Mirror(backend('m'), 0.5);
  let even = 0;
  for (let request = 0; request < 1000; request++) if (half.takes() && request % 2 === 0) even++;
  expect(even).toBeGreaterThan(200);
  expect(even).toBeLessThan(300);
});

it('comes of percent and of fraction; without either all requests are copied', () => {
  const { mirrors } = routes(
    [mirror(B), mirror(B, ', percent: 0'), mirror(B, ', fraction: {numerator: 1, denominator: 4}')].join(', '),
  ).ordinary('/').filters;
  const [all, none, quarter] = mirrors.map((each) => taken(each, 1000));
  expect([all, none]).toEqual([1000, 0]);
  expect(Math.abs(quarter! - 250)).toBeLessThan(6);
});

it('has connections, health and limits of its own: it is not the backend of requests, even where it is the same', () => {
  const { plan, filters } = routes(mirror(B)).ordinary('/');
  const [copies] = filters.mirrors;
  expect(copies!.backend.name).toBe(plan.targets[0]!.backend.name);
  expect(copies!.backend).not.toBe(plan.targets[0]!.backend);
  expect(copies!.backend.endpoints[0]!.pool).not.toBe(plan.targets[0]!.backend.endpoints[0]!.pool);
  const { backend: serving } = copies!;
  for (let copy = 0; copy < 100; copy++) {
    expect(serving.hasRoom(false)).toBe(true);
    serving.started(serving.endpoints[0]!, 0, false);
  }
  expect(serving.hasRoom(false)).toBe(false);
});

it.each([
  ['{group: gateway.envoyproxy.io, kind: Backend, name: c}', 'backendRef.name: there is no Backend default/c'],
  [
    '{group: inference.networking.k8s.io, kind: InferencePool, name: p}',
    'backendRef.kind: InferencePool of inference.networking.k8s.io cannot be called; name a Service, or a Backend of gateway.envoyproxy.io',
  ],
  [
    '{group: gateway.envoyproxy.io, kind: Backend, name: b, namespace: other}',
    expect.stringContaining('backendRef: Backend other/b is in another namespace'),
  ],
])('that leads nowhere is reported and left out, and the rule served: %s', (ref, problem) => {
  const { problems, ordinary } = routes(`${mirror(ref)}, ${mirror(B)}`);
  const at = 'HTTPRoute default/web: spec.rules[0].filters[0].requestMirror.';
  expect(problems).toEqual([typeof problem === 'string' ? at + problem : problem]);
  expect(ordinary('/')).toMatchObject({ lost: 0, filters: { mirrors: [{}] } });
});

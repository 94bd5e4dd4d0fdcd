import { expect, it } from 'vitest';

import { Loader } from './load.ts';
import { kindOf, References } from './references.ts';

const GRANTS = `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: shared}
spec:
  from:
  - {group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: team}
  - {group: aigateway.envoyproxy.io, kind: BackendSecurityPolicy, namespace: team}
  to:
  - {group: "", kind: Service}
  - {group: "", kind: Secret, name: openai}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: h, namespace: shared}
spec:
  from: [{group: aigateway.envoyproxy.io, kind: BackendSecurityPolicy, namespace: team}]
  to: [{group: "", kind: Secret, name: anthropic}, {group: "", kind: Service, name: one}]
`;

const set = new Loader().load({ paths: [], texts: [{ file: 'g.yaml', text: GRANTS }], env: {} }).set;
const references = new References(set);
const route = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' };
const policy = { group: 'aigateway.envoyproxy.io', kind: 'BackendSecurityPolicy' };
const service = { group: '', kind: 'Service' };
const secret = { group: '', kind: 'Secret' };

it.each([
  ['within a namespace, without a grant', route, 'other', secret, 'other', 'x', true],
  ['any of a kind', route, 'team', service, 'shared', 'x', true],
  ['by name', policy, 'team', secret, 'shared', 'openai', true],
  ['by name, from a second grant', policy, 'team', secret, 'shared', 'anthropic', true],
  ['another name', policy, 'team', secret, 'shared', 'azure', false],
  ['any of a kind, though a second grant names one', policy, 'team', service, 'shared', 'x', true],
  ['another namespace', route, 'other', service, 'shared', 'x', false],
  ['another kind', { ...route, kind: 'GRPCRoute' }, 'team', service, 'shared', 'x', false],
  ['another group', { ...route, group: 'example.com' }, 'team', service, 'shared', 'x', false],
  ['the other way round', service, 'shared', route, 'team', 'x', false],
  ['a grant of another namespace', route, 'team', service, 'private', 'x', false],
])('follows references across namespaces as they are granted: %s', (_name, from, fromNamespace, to, toNamespace, name, permitted) => {
  expect(references.permitted(from, fromNamespace, to, toNamespace, name)).toBe(permitted);
});

it('says why a reference leads nowhere', () => {
  expect(references.missing('ReferenceGrant', 'shared', 'gg')).toBe('there is no ReferenceGrant shared/gg; did you mean "g"?');
  expect(references.missing('ReferenceGrant', 'other', 'gg')).toBe('there is no ReferenceGrant other/gg');
  set.addInvalid({ group: 'gateway.envoyproxy.io', kind: 'Backend', namespace: 'n', name: 'b', targets: [], spec: {} });
  expect(references.missing('Backend', 'n', 'b')).toBe('Backend n/b has problems of its own');
  expect(references.missing('Backend', 'n', 'bb')).toBe('there is no Backend n/bb; did you mean "b"?');
  expect(references.missing({ group: 'example.com', kind: 'Backend' }, 'n', 'bb')).toBe('there is no Backend n/bb');
  expect(references.missing({ group: 'gateway.envoyproxy.io', kind: 'Backend' }, 'n', 'b')).toBe('Backend n/b has problems of its own');
  expect(references.forbidden(route, 'team', secret, 'shared', 'azure')).toBe(
    'Secret shared/azure is in another namespace, and no ReferenceGrant there lets HTTPRoute of team name it',
  );
});

it('reads group and kind of a resource', () => {
  expect(kindOf({ apiVersion: 'v1', kind: 'Secret' })).toEqual(secret);
  expect(kindOf({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' })).toEqual(route);
});

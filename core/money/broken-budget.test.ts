import { describe, expect, it } from 'vitest';

import { Loader } from '../resources/load.ts';
import type { CoveredRequest, CoveringScope } from '../route/covering.ts';
import { moneyOf } from './money.ts';
import { budget } from './money.fixture.ts';

function scopeOf(shared: boolean, ...budgets: readonly string[]): CoveringScope {
  const texts = [{ file: 'test', text: budgets.join('') }];
  return { set: new Loader().load({ paths: [], texts, env: {} }).set, shared, report: () => undefined };
}

function request(
  namespace: string,
  name = 'r',
  kind: 'AIGatewayRoute' | 'HTTPRoute' = 'AIGatewayRoute',
  gateway = 'platform',
): CoveredRequest {
  return {
    identity: { clientId: 'c', claims: undefined, headers: [] } as unknown as CoveredRequest['identity'],
    model: 'm',
    route: { kind, namespace, name },
    gateway: { namespace: gateway, name: 'gw' },
  };
}

const WRONG = 'tokens: many, window: {unit: Day}';
const refusers = (scope: CoveringScope, of: CoveredRequest): string[] =>
  moneyOf(scope)
    .broken.of(of)
    .map(({ name }) => name);

describe('a budget that cannot be read refuses', () => {
  it.each([
    ['its namespace, where it names no targets', `{${WRONG}}`, request('team'), true],
    ['what comes by a Gateway of its namespace', `{${WRONG}}`, request('other', 'r', 'AIGatewayRoute', 'team'), true],
    ["nobody else's", `{${WRONG}}`, request('other'), false],
    ['its target', `{${WRONG}, targetRefs: [{kind: AIGatewayRoute, name: r}]}`, request('team'), true],
    ['no more than its target', `{${WRONG}, targetRefs: [{kind: AIGatewayRoute, name: r}]}`, request('team', 'other'), false],
    [
      'its namespace, where a target cannot be read',
      `{${WRONG}, targetRefs: [{kind: AIGatewayRoute, name: r}, {kind: Pod, name: p}]}`,
      request('team', 'other'),
      true,
    ],
    ['its namespace, where targets are no list', `{${WRONG}, targetRefs: everything}`, request('team'), true],
    ['every client and model of it', `{${WRONG}, match: {clients: [other], models: [other]}}`, request('team'), true],
    ['its namespace, where nothing of it can be read', 'all of it', request('team'), true],
    ['nothing, where it is Soft', `{${WRONG}, mode: Soft}`, request('team'), false],
  ])('%s', (_name, spec, of, refuses) => {
    expect(refusers(scopeOf(true, budget(spec, 'b', 'team')), of)).toEqual(refuses ? ['Budget team/b'] : []);
  });

  it('nothing while it is well', () => {
    expect(refusers(scopeOf(true, budget('{tokens: 1, window: {unit: Day}}', 'b', 'team')), request('team'))).toEqual([]);
  });
});

it.each([
  [false, ['Budget team/b'], ['Budget team/b']],
  [true, ['Budget team/b'], []],
])('where many write (%s), a budget without targets is for its own namespace', (shared, own, others) => {
  const { budgets } = moneyOf(scopeOf(shared, budget('{tokens: 1, window: {unit: Day}}', 'b', 'team')));
  expect(budgets.of(request('team')).map(({ name }) => name)).toEqual(own);
  expect(budgets.of(request('other')).map(({ name }) => name)).toEqual(others);
});

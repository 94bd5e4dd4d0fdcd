import { expect, it } from 'vitest';

import { brief, CLASS, gateway, httpRoute, messageOf, resource, TestCluster } from './cluster.fixture.ts';

const TIERKIT = 'tierkit.dev/v1alpha1';
const BASE = CLASS + gateway('gw') + gateway('theirs', undefined, '', 'theirs');
const budget = (target: string) =>
  resource(TIERKIT, 'Budget', 'b', `targetRefs: [{kind: Gateway, name: ${target}}], tokens: 1, window: {unit: Day}`);
const trace = (target: string) =>
  resource(TIERKIT, 'TracePolicy', 't', `targetRefs: [{kind: Gateway, name: ${target}}], content: {inputs: Hide}`);
const conditionsOf = (yaml: string, kind: string, name: string, servesPools = false) =>
  new TestCluster(BASE + yaml, { servesPools }).status(kind, name)['conditions'];

it.each([
  ['Budget', 'b', budget],
  ['TracePolicy', 't', trace],
])('a %s is accepted, or says what is wrong', (kind, name, made) => {
  expect(brief(conditionsOf(made('gw'), kind, name))).toEqual(['Accepted=True Accepted']);
  const conditions = conditionsOf(made('gww'), kind, name);
  expect(brief(conditions)).toEqual(['Accepted=False TargetNotFound']);
  expect(conditions).toMatchObject([{ observedGeneration: 3 }]);
  expect(messageOf(conditions, 'Accepted')).toMatch(/^spec\.targetRefs\[0\]\.name: there is no Gateway default\/gww; did you mean "?gw/);
});

it('two tiers say the same of what is for the other one', () => {
  for (const servesPools of [true, false])
    expect(brief(conditionsOf(trace('theirs'), 'TracePolicy', 't', servesPools))).toEqual(['Accepted=True Accepted']);
});

it('money is the first tier’s', () => {
  expect(conditionsOf(budget('gw'), 'Budget', 'b', true)).toBeUndefined();
});

const on = (kind: string, rest = 'tokens: 1, window: {unit: Day}') =>
  resource(TIERKIT, 'Budget', 'b', `targetRefs: [{kind: ${kind}, name: r}], ${rest}`);
const reason = (yaml: string) => brief(conditionsOf(yaml, 'Budget', 'b'));
const table = (prices: string) => resource(TIERKIT, 'PriceTable', 'p', `currency: USD, entries: [{model: m, prices: {${prices}}}]`);

it('a target that is there and wrong is not lost, and what is wrong by itself is invalid', () => {
  const broken = httpRoute('r', 'parentRefs: [{name: gw}], rules: [{filters: [{type: Nonsense}]}]');
  expect(reason(broken + on('HTTPRoute'))).toEqual(['Accepted=False Invalid']);
  expect(reason(on('HTTPRoute'))).toEqual(['Accepted=False TargetNotFound']);
  expect(reason(broken + on('AIGatewayRoute'))).toEqual(['Accepted=False TargetNotFound']);
  const priced = table('input: "1"');
  const money = 'amount: "1", currency: USD, window: {unit: Day}';
  expect(reason(priced + on('MCPRoute', money))).toEqual(['Accepted=False TargetNotFound']);
  const wrong = resource('aigateway.envoyproxy.io/v1beta1', 'MCPRoute', 'r', 'parentRefs: [{name: gw}], backends: []');
  expect(reason(priced + wrong + on('MCPRoute', money))).toEqual(['Accepted=False Invalid']);
  expect(reason(on('HTTPRoute', 'tokens: 1, amount: "1", window: {unit: Day}'))).toEqual(['Accepted=False Invalid']);
});

it('a PriceTable has a condition of its generation, and says where a price is wrong', () => {
  expect(conditionsOf(table('input: "1"'), 'PriceTable', 'p')).toMatchObject([{ type: 'Accepted', status: 'True', observedGeneration: 3 }]);
  const conditions = conditionsOf(table(''), 'PriceTable', 'p');
  expect(brief(conditions)).toEqual(['Accepted=False Invalid']);
  expect(messageOf(conditions, 'Accepted')).toBe('spec.entries[0].prices: has no price; one of 0 is "0"');
});

it('a TokenExchange is the first tier’s, and says when its route is lost, and when that has no callers with tokens', () => {
  const secret = '---\napiVersion: v1\nkind: Secret\nmetadata: {name: idp}\nstringData: {client-secret: s}\n';
  const backend = resource('gateway.envoyproxy.io/v1alpha1', 'Backend', 'git', 'endpoints: [{ip: {address: 192.0.2.1, port: 9}}]');
  const route = resource(
    'aigateway.envoyproxy.io/v1beta1',
    'MCPRoute',
    'tools',
    'parentRefs: [{name: gw}], backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: git}]',
  );
  const spec = 'targetRef: {kind: MCPRoute, name: tools}, tokenEndpoint: "https://idp.example", clientID: c, clientSecret: {name: idp}';
  const yaml = secret + backend + resource(TIERKIT, 'TokenExchange', 'x', spec);
  const lost = conditionsOf(yaml, 'TokenExchange', 'x');
  expect(brief(lost)).toEqual(['Accepted=False TargetNotFound']);
  const conditions = conditionsOf(yaml + route, 'TokenExchange', 'x');
  expect(brief(conditions)).toEqual(['Accepted=False Invalid']);
  expect(messageOf(conditions, 'Accepted')).toContain('spec.targetRef: MCPRoute default/tools identifies nobody by a token');
  expect(conditionsOf(yaml + route, 'TokenExchange', 'x', true)).toBeUndefined();
});

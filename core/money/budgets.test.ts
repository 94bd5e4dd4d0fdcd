import { describe, expect, it } from 'vitest';

import type { Identity } from '../identify/identity.ts';

import type { CoveredRequest } from '../route/covering.ts';
import type { BudgetRule } from './budget-rule.ts';
import { budgetsOf } from './budgets.ts';
import { backend, budget, mcpRoute, read, route } from './money.fixture.ts';

const GATEWAY = `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
`;
const POLICY = `---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}], forwardClientIDHeader: X-Team}
`;

function rule(yaml: string): BudgetRule {
  const scope = read(yaml);
  const [found] = budgetsOf(scope);
  if (scope.reported.length > 0) throw new Error(scope.reported.join('\n'));
  return found!;
}

function problems(yaml: string): string[] {
  const scope = read(yaml);
  budgetsOf(scope);
  return scope.reported;
}

function request(parts: Partial<CoveredRequest> & { readonly client?: string; readonly headers?: readonly string[] } = {}): CoveredRequest {
  const { client, headers = [], ...rest } = parts;
  const identity: Identity = { clientId: client, headers };
  return {
    identity,
    model: 'gpt-4o',
    route: { kind: 'AIGatewayRoute', namespace: 'default', name: 'r' },
    gateway: { namespace: 'default', name: 'gw' },
    ...rest,
  };
}

const money = (more = '') =>
  `{amount: "12.5", currency: USD, window: {unit: Month, timeZone: Europe/Berlin}${more === '' ? '' : `, ${more}`}}`;

function id(yaml: string, name?: string): string {
  return rule(budget(yaml, name)).id;
}

it('is hard, closed and strict where nothing else is said', () => {
  const found = rule(budget(money('alerts: [100, 80]'), 'team'));
  expect(found).toMatchObject({
    id: 'Budget/default/team/USD/Month@Europe/Berlin/',
    name: 'Budget default/team',
    hard: true,
    unit: { currency: 'USD' },
    alerts: [80, 100],
    failureMode: 'closed',
    refusesUnknownPrice: true,
    models: undefined,
  });
  expect(Object.isFrozen(found)).toBe(true);
  expect(found.limit(request())).toBe(125_000_000);
  const { window } = found;
  if (window.kind !== 'calendar') throw new Error('no calendar window');
  expect(window.at(Date.parse('2026-03-31T22:00:00Z')).start).toBe(Date.parse('2026-03-31T22:00:00Z'));
});

it('is open and lenient where it is soft', () => {
  expect(rule(budget(money('mode: Soft')))).toMatchObject({ hard: false, failureMode: 'open', refusesUnknownPrice: false });
  expect(rule(budget('{tokens: 5, window: {slidingSeconds: 90}}'))).toMatchObject({
    unit: 'tokens',
    refusesUnknownPrice: false,
    window: { kind: 'sliding', lengthMs: 90_000 },
  });
});

it('has an id that is the same after its amount has changed, another for another count, and never a long one', () => {
  expect(id(money())).toBe(id(money().replace('12.5', '13')));
  const others = [
    money('per: Client'),
    money('per: Model'),
    money().replace('USD', 'EUR'),
    money().replace('Month', 'Day'),
    money().replace('Berlin', 'Paris'),
  ];
  expect(new Set([money(), ...others].map((each) => id(each))).size).toBe(6);
  expect(Buffer.byteLength(id(money(), 'n'.repeat(250)))).toBeLessThanOrEqual(200);
});

describe('it covers', () => {
  const covers = (spec: string, parts: Parameters<typeof request>[0]) => rule(GATEWAY + route('{}') + budget(spec)).covers(request(parts));
  const target = (kind: string, name: string) => money(`targetRefs: [{kind: ${kind}, name: ${name}}]`);
  const elsewhere = { kind: 'AIGatewayRoute', namespace: 'other', name: 'r' } as const;
  const web = { kind: 'HTTPRoute', namespace: 'default', name: 'r' } as const;

  it.each<[string, string, Parameters<typeof request>[0], boolean]>([
    ['everything without targets', money(), { route: elsewhere, gateway: { namespace: 'other', name: 'x' } }, true],
    ['its Gateway', target('Gateway', 'gw'), {}, true],
    ['no other Gateway', target('Gateway', 'gw'), { gateway: { namespace: 'other', name: 'gw' } }, false],
    ['its route', target('AIGatewayRoute', 'r'), {}, true],
    ['no HTTPRoute of that name', target('AIGatewayRoute', 'r'), { route: web }, false],
    ['by HTTPRoute the AIGatewayRoute too', target('HTTPRoute', 'r'), {}, true],
    ['and the HTTPRoute', target('HTTPRoute', 'r'), { route: web }, true],
    ['no route of another namespace', target('AIGatewayRoute', 'r'), { route: elsewhere }, false],
    ['its clients', money('match: {clients: [a, b]}'), { client: 'b' }, true],
    ['no others', money('match: {clients: [a, b]}'), { client: 'c' }, false],
    ['nobody without a name', money('match: {clients: [a, b]}'), {}, false],
    ['its models', money('match: {models: [gpt-4o]}'), {}, true],
    ['by their beginning', money('match: {models: [claude-*, gpt-*]}'), {}, true],
    ['no longer ones', money('match: {models: [gpt-4]}'), {}, false],
    ['no request without a model', money('match: {models: ["*"]}'), { model: undefined }, false],
    ['all of its conditions', money('match: {clients: [a], models: [claude-*]}'), { client: 'a' }, false],
  ])('%s', (_name, spec, parts, expected) => {
    expect(covers(spec, parts)).toBe(expected);
  });
});

describe('of tools it', () => {
  const CALL = { model: undefined, tool: 'git__create', route: { kind: 'MCPRoute', namespace: 'default', name: 'r' } } as const;
  const covers = (spec: string, parts: Parameters<typeof request>[0]): boolean =>
    rule(GATEWAY + backend('a') + mcpRoute('r', ['git']) + route('{}') + budget(spec)).covers(request(parts));

  it.each<[string, string, Parameters<typeof request>[0], boolean]>([
    ['all', money(), CALL, true],
    ['those of its Gateway', money('targetRefs: [{kind: Gateway, name: gw}]'), CALL, true],
    ['those of its MCPRoute', money('targetRefs: [{kind: MCPRoute, name: r}]'), CALL, true],
    ['none of a model', money('targetRefs: [{kind: MCPRoute, name: r}]'), {}, false],
    ['none of a route of another kind', money('targetRefs: [{kind: HTTPRoute, name: r}]'), CALL, false],
    ['nor of that one', money('targetRefs: [{kind: AIGatewayRoute, name: r}]'), CALL, false],
    ['none by models', money('match: {models: ["*"]}'), CALL, false],
    ['those with the name', money('match: {tools: [git__create]}'), CALL, true],
    ['those with the beginning', money('match: {tools: [a, "git__*"]}'), CALL, true],
    ['no other one', money('match: {tools: [git__delete]}'), CALL, false],
    ['no model by tools', money('match: {tools: ["*"]}'), {}, false],
    ['either by both', money('match: {tools: ["git__*"], models: [x]}'), CALL, true],
    ['or a model', money('match: {tools: ["git__*"], models: [gpt-4o]}'), {}, true],
  ])('covers %s', (_name, spec, parts, expected) => {
    expect(covers(spec, parts)).toBe(expected);
  });

  it('is about them where it says so', () => {
    const specs = [
      money(),
      money('match: {models: [m]}'),
      money('match: {tools: ["*"]}'),
      money('targetRefs: [{kind: MCPRoute, name: r}]'),
    ];
    const about = specs.map((spec) => rule(mcpRoute('r', ['git']) + budget(spec)).aboutTools);
    expect(about).toEqual([false, false, true, true]);
  });

  it('counts by tool', () => {
    const found = rule(budget(money('per: Tool')));
    expect([found.subject(request(CALL)), found.subject(request())]).toEqual(['git__create', '']);
  });

  it('reports an MCPRoute that is not there', () => {
    expect(problems(mcpRoute('tools', ['git']) + budget(money('targetRefs: [{kind: MCPRoute, name: tool}]')))).toEqual([
      'Budget default/b: spec.targetRefs[0].name: there is no MCPRoute default/tool; did you mean "tools"?',
    ]);
  });
});

describe('it counts', () => {
  it.each<[string, string, Parameters<typeof request>[0], string]>([
    ['all together', money(), { client: 'a' }, ''],
    ['by client', money('per: Client'), { client: 'a' }, 'a'],
    ['those without a name as one', money('per: Client'), {}, ''],
    ['by model', money('per: Model'), {}, 'gpt-4o'],
    ['by route', money('per: Route'), {}, 'AIGatewayRoute/default/r'],
    ['by a header that a policy sets', money('per: Header, header: X-TEAM'), { headers: ['x-user', 'u', 'x-team', 'red'] }, 'red'],
    ['those without the header as one', money('per: Header, header: X-Team'), { headers: ['x-user', 'u'] }, ''],
  ])('%s', (_name, spec, parts, subject) => {
    expect(rule(POLICY + budget(spec)).subject(request(parts))).toBe(subject);
  });

  it('long names by their hash', () => {
    const subject = rule(budget(money('per: Client'))).subject(request({ client: 'x'.repeat(5000) }));
    expect(subject.length).toBeLessThan(100);
  });
});

it('gives clients their own amount, and 0 suspends', () => {
  const found = rule(budget(money('per: Client, overrides: [{client: big, amount: "1000"}, {client: bad, amount: "0"}]')));
  expect([undefined, 'a', 'big', 'bad'].map((client) => found.limit(request(client === undefined ? {} : { client })))).toEqual([
    125_000_000, 125_000_000, 10_000_000_000, 0,
  ]);
});

it('reports targets and headers that are not there', () => {
  const spec = money(
    'per: Header, header: x-tem, targetRefs: [{kind: Gateway, name: gv}, {kind: HTTPRoute, name: r}, {kind: AIGatewayRoute, name: x}]',
  );
  expect(problems(GATEWAY + POLICY + backend('a') + route('{}') + budget(spec))).toEqual([
    'Budget default/b: spec.targetRefs[0].name: there is no Gateway default/gv; did you mean "gw"?',
    'Budget default/b: spec.targetRefs[2].name: there is no AIGatewayRoute default/x',
    expect.stringMatching(/^Budget default\/b: spec\.header: no SecurityPolicy sets x-tem .*did you mean "X-Team"\?$/),
  ]);
});

import { expect, it } from 'vitest';

import { problemsOf, problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { Budget } from './budget.ts';

const money = (fields: string) => `{amount: "10", currency: USD, window: {unit: Month}, ${fields}}`;

it('fills in that it is hard', () => {
  const body = { spec: { amount: '10', currency: 'USD', window: { unit: 'Month' } } };
  expect(problemsOf(Budget, body)).toEqual([]);
  expect(body.spec).toMatchObject({ mode: 'Hard' });
});

it.each([
  ['money', money('per: Client, overrides: [{client: a, amount: "0"}], alerts: [80, 100]'), []],
  ['tokens', '{tokens: 1000, window: {slidingSeconds: 60}, mode: Soft}', []],
  ['all time', '{tokens: 0, window: {unit: Total}}', []],
  ['a zone', '{tokens: 1, window: {unit: Day, timeZone: Asia/Kathmandu}}', []],
  ['a header', money('per: Header, header: x-team'), []],
  ['tools', money('targetRefs: [{kind: MCPRoute, name: r}], match: {tools: ["git__*"]}, per: Tool'), []],
  [
    'tools in tokens',
    '{tokens: 1, window: {unit: Day}, targetRefs: [{kind: Gateway, name: g}, {kind: MCPRoute, name: r}], match: {tools: [t]}, per: Tool}',
    [
      'spec.targetRefs[1].kind: is for amount: calls of tools are paid in money, and have no tokens',
      'spec.match.tools: is for amount: calls of tools are paid in money, and have no tokens',
      'spec.per: Tool is for amount: calls of tools are paid in money, and have no tokens',
    ],
  ],
  [
    'the group of an MCPRoute',
    money('targetRefs: [{group: gateway.networking.k8s.io, kind: MCPRoute, name: r}]'),
    ['spec.targetRefs[0].group: must be aigateway.envoyproxy.io for MCPRoute, not gateway.networking.k8s.io; it may be left out'],
  ],
  ['neither', '{window: {unit: Day}}', ['spec: one of amount and tokens is required']],
  ['both', money('tokens: 1'), ['spec.tokens: cannot stand beside amount; use two Budgets']],
  ['no currency', '{amount: "1", window: {unit: Day}}', ['spec.currency: is required with amount']],
  ['tokens with a currency', '{tokens: 1, currency: USD, window: {unit: Day}}', ['spec.currency: is for amount, not for tokens']],
  ['half a token', '{tokens: 0.5, window: {unit: Day}}', [expect.stringContaining('must be integer')]],
  [
    'more than can be counted',
    '{amount: "900719926", currency: USD, window: {unit: Day}}',
    ['spec.amount: 900719926 is more than can be counted, which is 900719925'],
  ],
  [
    'finer than can be counted',
    '{amount: "0.00000001", currency: USD, window: {unit: Day}}',
    ['spec.amount: 0.00000001 is finer than can be counted, which is 0.0000001'],
  ],
  ['a unit', '{tokens: 1, window: {unit: Moth}}', [expect.stringMatching(/^spec\.window\.unit: must be one of .*did you mean "Month"\?$/)]],
  ['no window', '{tokens: 1, window: {}}', ['spec.window: one of unit and slidingSeconds is required']],
  ['two windows', '{tokens: 1, window: {unit: Day, slidingSeconds: 1}}', ['spec.window.slidingSeconds: cannot stand beside unit']],
  [
    'a zone that is none',
    '{tokens: 1, window: {unit: Day, timeZone: Europe/Berlinn}}',
    ['spec.window.timeZone: "Europe/Berlinn" is no IANA time zone; did you mean "Europe/Berlin"?'],
  ],
  ['an offset', '{tokens: 1, window: {unit: Day, timeZone: "+02:00"}}', ['spec.window.timeZone: "+02:00" is no IANA time zone']],
  ['a zone of all time', '{tokens: 1, window: {unit: Total, timeZone: UTC}}', ['spec.window.timeZone: is for a unit of the calendar']],
  ['a header for clients', money('per: Client, header: x-team'), ['spec.header: is for per: Header']],
  ['no header', money('per: Header'), ['spec.header: is required with per: Header']],
  [
    'overrides of what is shared',
    money('overrides: [{client: a, amount: "1"}]'),
    [expect.stringMatching(/^spec\.overrides: are for per: Client/)],
  ],
  [
    'an override in the other unit',
    money('per: Client, overrides: [{client: a, tokens: 5}]'),
    [
      'spec.overrides[0].amount: is required, as the budget has amount',
      'spec.overrides[0].tokens: cannot stand here: the budget has amount',
    ],
  ],
  [
    'a client twice',
    money('per: Client, overrides: [{client: a, amount: "1"}, {client: a, amount: "2"}]'),
    ['spec.overrides[1].client: "a" is also in spec.overrides[0]; it may occur once'],
  ],
  ['a hard budget for nothing', money('onUnknownPrice: Ignore'), [expect.stringMatching(/^spec\.onUnknownPrice: Ignore is for mode Soft/)]],
  [
    'a closed soft budget',
    money('mode: Soft, failureMode: Closed'),
    ['spec.failureMode: Closed is for mode Hard: a soft budget refuses nothing'],
  ],
  [
    'prices of tokens',
    '{tokens: 1, window: {unit: Day}, onUnknownPrice: Refuse}',
    ['spec.onUnknownPrice: is for amount: tokens need no price'],
  ],
  ['no target', money('targetRefs: []'), [expect.stringContaining('must NOT have fewer than 1 items')]],
  [
    'a group of another kind',
    money('targetRefs: [{group: gateway.networking.k8s.io, kind: AIGatewayRoute, name: r}]'),
    ['spec.targetRefs[0].group: must be aigateway.envoyproxy.io for AIGatewayRoute, not gateway.networking.k8s.io; it may be left out'],
  ],
  ['an alert twice', money('alerts: [80, 80]'), ['spec.alerts[1]: "80" is also in spec.alerts[0]; it may occur once']],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(Budget, yaml)).toEqual(problems);
});

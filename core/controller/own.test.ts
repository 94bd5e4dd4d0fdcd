import { expect, it } from 'vitest';

import { brief, CLASS, gateway, messageOf, resource, TestCluster } from './cluster.fixture.ts';

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
  expect(brief(conditions)).toEqual(['Accepted=False Invalid']);
  expect(messageOf(conditions, 'Accepted')).toMatch(/^spec\.targetRefs\[0\]\.name: there is no Gateway default\/gww; did you mean "?gw/);
});

it('two tiers say the same of what is for the other one', () => {
  for (const servesPools of [true, false])
    expect(brief(conditionsOf(trace('theirs'), 'TracePolicy', 't', servesPools))).toEqual(['Accepted=True Accepted']);
});

it('money is the first tier’s', () => {
  expect(conditionsOf(budget('gw'), 'Budget', 'b', true)).toBeUndefined();
});

import { expect, it } from 'vitest';

import { budgetsOf } from './budgets.ts';
import { Unpriced } from './cost.ts';
import { pricesOf } from './prices.ts';

import { backend, budget, read, route, table } from './money.fixture.ts';
import { pricedModels, routedModels } from './routed-models.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const asks = (model: string) => `{headers: [{type: Exact, name: x-ai-eg-model, value: ${model}}]}`;
const RULES = [
  `{matches: [${asks('fast')}, ${asks('cheap')}], backendRefs: [{name: a, modelNameOverride: gpt-4o}, {name: c, modelNameOverride: ""}]}`,
  '{backendRefs: [{name: a}]}',
  `{matches: [${asks('own')}], backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]}`,
].join();
const BASE = backend('a') + backend('c', 'Anthropic') + route(RULES);
const PRICES = table('{model: gpt-4o, prices: {input: "1"}}, {model: cheap, provider: Anthropic, prices: {input: "1"}}');

it('lists each model that a route names, at each backend, as the backend calls it', () => {
  expect(routedModels(read(BASE).set).map(({ model, asked, backend: at, provider }) => [asked, model, at, provider])).toEqual([
    ['fast', 'gpt-4o', 'default/a', 'OpenAI'],
    ['cheap', 'gpt-4o', 'default/a', 'OpenAI'],
    ['fast', 'fast', 'default/c', 'Anthropic'],
    ['cheap', 'cheap', 'default/c', 'Anthropic'],
    [undefined, undefined, 'default/a', 'OpenAI'],
    ['own', 'own', 'default/pool', 'vLLM'],
  ]);
});

it.each<[string, string, string[]]>([
  ['no budget refuses', '', []],
  [
    'a hard one refuses what has no price',
    budget('{amount: "1", currency: USD, window: {unit: Day}}'),
    ['fast at default/c', 'own at default/pool'],
  ],
  ['a soft one nothing', budget('{amount: "1", currency: USD, window: {unit: Day}, mode: Soft}'), []],
  ['one of tokens nothing', budget('{tokens: 1, window: {unit: Day}}'), []],
  [
    'one of another currency all',
    budget('{amount: "1", currency: EUR, window: {unit: Day}}'),
    ['gpt-4o at default/a', 'gpt-4o at default/a', 'fast at default/c', 'cheap at default/c', 'own at default/pool'],
  ],
  [
    'what it covers',
    budget('{amount: "1", currency: USD, window: {unit: Day}, match: {models: [own], clients: [x]}}'),
    ['own at default/pool'],
  ],
])('%s', (_name, budgets, expected) => {
  const scope = read(BASE + PRICES + budgets);
  const models = pricedModels(scope.set, pricesOf(scope.set, scope.report), budgetsOf(scope), NOW);
  expect(scope.reported).toEqual([]);
  const refused = models.filter(({ refusedBy }) => refusedBy.length > 0);
  expect(refused.map(({ routed }) => `${routed.model} at ${routed.backend}`)).toEqual(expected);
  expect(models.map(({ price }) => (price instanceof Unpriced ? 'no price' : price?.model))).toEqual([
    'gpt-4o',
    'gpt-4o',
    'no price',
    'cheap',
    undefined,
    'no price',
  ]);
});

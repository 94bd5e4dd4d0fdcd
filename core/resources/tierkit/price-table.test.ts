import { expect, it } from 'vitest';

import { problemsOf, problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { PriceTable } from './price-table.ts';

const entry = (fields: string) => `{currency: USD, entries: [{model: m, prices: {input: "1"}, ${fields}}]}`;

it('takes an entry with everything', () => {
  const prices = { input: '0.075', cachedInput: '0', cacheWrite: '1', cacheWrite1h: '2', output: '3', reasoning: '3', perRequest: '0.01' };
  const full = {
    model: 'gpt-*',
    backend: 'azure',
    prices: { ...prices, inputAudio: '1', outputAudio: '1', inputImage: '1', perImage: '0.04' },
    longInput: { above: 200_000, prices },
    from: '2026-01-01',
    until: '2026-01-01',
    source: 'https://example.com/prices',
    checked: '2026-02-28',
  };
  expect(problemsOf(PriceTable, { spec: { currency: 'EUR', entries: [full] } })).toEqual([]);
});

it('takes tools without models', () => {
  const tool = { tool: 'create_*', server: 'git', route: 'tools', price: '0.01', from: '2026-01-01', until: '2026-01-01' };
  const full = { ...tool, source: 'https://example.com/prices', checked: '2026-02-28' };
  expect(problemsOf(PriceTable, { spec: { currency: 'EUR', tools: [full, { tool: '*', price: '0' }] } })).toEqual([]);
});

const tool = (fields: string) => `{currency: USD, tools: [{tool: t, ${fields}}]}`;

it.each([
  ['neither', '{currency: USD}', ['spec: one of entries and tools is required']],
  ['no tool', '{currency: USD, tools: []}', [expect.stringContaining('spec.tools: must NOT have fewer than 1 items')]],
  ['no price of a tool', tool('server: s'), ['spec.tools[0].price: is required']],
  ['a number as the price of a tool', tool('price: 1'), ['spec.tools[0].price: must be string, not 1']],
  ['a slip in a field of a tool', tool('price: "1", sever: s'), ['spec.tools[0].sever: unknown field; did you mean "server"?']],
  [
    'a star within a tool',
    tool('price: "1"').replace('tool: t', 'tool: a*b'),
    [expect.stringContaining('is no name of a tool, with * at the end')],
  ],
  ['more than can be counted', tool('price: "9007200"'), ['spec.tools[0].price: 9007200 is more than can be counted, which is 9007199']],
  ['a day of a tool that is none', tool('price: "1", from: "2026-02-30"'), ['spec.tools[0].from: 2026-02-30 is a day that does not exist']],
  [
    'an end of a tool before its beginning',
    tool('price: "1", from: "2026-02-02", until: "2026-02-01"'),
    ['spec.tools[0].until: 2026-02-01 is before from, which is 2026-02-02'],
  ],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(PriceTable, yaml)).toEqual(problems);
});

it.each([
  ['no entry', '{currency: USD, entries: []}', [expect.stringContaining('spec.entries: must NOT have fewer than 1 items')]],
  ['no currency', '{entries: [{model: m, prices: {input: "1"}}]}', ['spec.currency: is required']],
  [
    'a currency',
    entry('x: 1').replace('USD', 'usd').replace(', x: 1', ''),
    ['spec.currency: "usd" is no ISO 4217 code of a currency such as USD'],
  ],
  ['a number that YAML reads', entry('').replace('"1"', '0.5'), ['spec.entries[0].prices.input: must be string, not 0.5']],
  ['a negative price', entry('').replace('"1"', '"-1"'), ['spec.entries[0].prices.input: "-1" is no amount in quotes such as "0.075"']],
  ['too fine a price', entry('').replace('"1"', '"0.0000000001"'), [expect.stringContaining('is no amount')]],
  ['no price', entry('').replace('input: "1"', ''), ['spec.entries[0].prices: has no price; one of 0 is "0"']],
  [
    'a slip in the kind of tokens',
    entry('').replace('input', 'ouput'),
    ['spec.entries[0].prices.ouput: unknown field; did you mean "output"?'],
  ],
  [
    'a star in the middle',
    entry('').replace('model: m', 'model: a*b'),
    [expect.stringContaining('is no name of a model, with * at the end')],
  ],
  [
    'backend and provider',
    entry('backend: b, provider: OpenAI'),
    ['spec.entries[0].provider: cannot stand beside backend: a backend speaks one API'],
  ],
  ['a provider', entry('provider: OpenAi'), [expect.stringContaining('did you mean "OpenAI"?')]],
  ['a day that is none', entry('from: "2026-02-30"'), ['spec.entries[0].from: 2026-02-30 is a day that does not exist']],
  ['a month that is none', entry('checked: "2026-13-01"'), ['spec.entries[0].checked: 2026-13-01 is a day that does not exist']],
  [
    'an end before the beginning',
    entry('from: "2026-02-02", until: "2026-02-01"'),
    ['spec.entries[0].until: 2026-02-01 is before from, which is 2026-02-02'],
  ],
  ['no long price', entry('longInput: {above: 1, prices: {}}'), ['spec.entries[0].longInput.prices: has no price; one of 0 is "0"']],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(PriceTable, yaml)).toEqual(problems);
});

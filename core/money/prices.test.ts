import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import type { Usage } from '../llm/usage.ts';
import { Loader } from '../resources/load.ts';

import { Unpriced } from './cost.ts';
import { backend, read, table } from './money.fixture.ts';
import { type Place, type Prices, pricesOf } from './prices.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');

function prices(yaml: string): Prices {
  const { set, reported, report } = read(yaml);
  const found = pricesOf(set, report);
  if (reported.length > 0) throw new Error(reported.join('\n'));
  return found;
}

function problems(yaml: string): string[] {
  const { set, reported, report } = read(yaml);
  pricesOf(set, report);
  return reported;
}

function idOf(found: Prices, model: string, place: Partial<Place> = {}, now = NOW): string {
  const entry = found.find({ model, backend: 'default/a', provider: 'OpenAI', ...place }, now);
  return entry instanceof Unpriced ? entry.reason : entry.id;
}

const entry = (model: string, more = '') => `{model: "${model}", prices: {input: "1", output: "2"}${more === '' ? '' : `, ${more}`}}`;

it('is unknown where a table that cannot be read tells it, and as it was everywhere else', () => {
  const good = table([entry('*'), entry('gpt-4o', 'backend: b')].join());
  const wrong = table([entry('gpt-4o', 'pric: 1'), entry('mine', 'backend: a'), '{backend: c}', '7'].join(), 'wrong');
  const { set, problems: told } = new Loader().load({ paths: [], texts: [{ file: 'test', text: good + wrong + backend('b') }], env: {} });
  expect(told.length).toBeGreaterThan(0);
  const found = pricesOf(set, (_resource, path, message) => expect.unreachable(`${path}: ${message}`));
  const broken = 'PriceTable default/wrong has problems, and no price until they are mended';
  expect(idOf(found, 'gpt-4o')).toBe(broken);
  expect(idOf(found, 'gpt-4o', { backend: 'default/b' })).toBe('default/list/b:gpt-4o');
  expect([idOf(found, 'mine'), idOf(found, 'mine', { backend: 'default/b' })]).toEqual([broken, 'default/list/*']);
  expect(idOf(found, 'any', { backend: 'default/c' })).toBe(broken);
  expect(idOf(found, 'gpt-4')).toBe('default/list/*');
});

describe('the price of a model', () => {
  const found = prices(
    table([entry('gpt-4o'), entry('gpt-4*'), entry('*'), entry('gpt-4o*')].join()) +
      table([entry('*', 'backend: a'), entry('gpt-4o-mini', 'backend: a'), entry('gpt-4o', 'provider: Anthropic')].join(), 'own', 'EUR') +
      backend('a') +
      backend('b'),
  );

  it.each<[string, string, Partial<Place>, string]>([
    ['the exact name goes before all others', 'gpt-4o', { backend: 'default/b' }, 'default/list/gpt-4o'],
    ['then the longest beginning', 'gpt-4o-2024', { backend: 'default/b' }, 'default/list/gpt-4o*'],
    ['and the next', 'gpt-4.1', { backend: 'default/b' }, 'default/list/gpt-4*'],
    ['and any', 'llama', { backend: 'default/b' }, 'default/list/*'],
    ['the backend goes before the name', 'gpt-4o', {}, 'default/own/a:*'],
    ['the name of one backend before its rest', 'gpt-4o-mini', {}, 'default/own/a:gpt-4o-mini'],
    ['the provider goes before the name', 'gpt-4o', { backend: 'default/c', provider: 'Anthropic' }, 'default/own/Anthropic:gpt-4o'],
    ['the backend of another namespace is another', 'gpt-4o', { backend: 'other/a' }, 'default/list/gpt-4o'],
  ])('%s', (_name, model, place, id) => {
    expect(idOf(found, model, place)).toBe(id);
    expect(idOf(found, model, place)).toBe(id);
  });

  it('is none, with the reason, where no entry fits', () => {
    const few = prices(table(entry('gpt-4o')));
    expect(idOf(few, 'gpt-4o-mini')).toBe('no PriceTable has a price of model "gpt-4o-mini" of default/a');
    expect(idOf(few, 'gpt-4o-mini')).toBe('no PriceTable has a price of model "gpt-4o-mini" of default/a');
    expect(idOf(prices(''), 'constructor')).toMatch(/^no PriceTable/);
  });

  it('is found after more names than are kept', () => {
    const all = prices(table([entry('*'), entry('m7')].join()));
    for (let at = 0; at < 10_000; at++) expect(idOf(all, `m${at}`)).toBe(at === 7 ? 'default/list/m7' : 'default/list/*');
    expect(idOf(all, 'm7')).toBe('default/list/m7');
  });
});

describe('prices change at 0:00 UTC', () => {
  const dated = prices(
    table(
      [entry('m', 'until: "2026-01-31"'), entry('m', 'from: "2026-02-01", until: "2026-12-31"'), entry('n', 'from: "2027-01-01"')].join(),
    ),
  );
  it.each([
    ['2026-01-31T23:59:59.999Z', 'default/list/m'],
    ['2026-02-01T00:00:00.000Z', 'default/list/m@2026-02-01'],
    ['2026-12-31T23:59:59.999Z', 'default/list/m@2026-02-01'],
    ['2027-01-01T00:00:00.000Z', 'the price of model "m" of default/a (default/list/m) has ended'],
  ])('%s', (time, id) => {
    expect(idOf(dated, 'm', {}, Date.parse(time))).toBe(id);
  });

  it('and do not hold before', () => {
    expect(idOf(dated, 'n')).toBe('the price of model "n" of default/a (default/list/n@2027-01-01) does not hold yet');
  });

  it('where a wider entry takes over', () => {
    expect(idOf(prices(table([entry('m', 'until: "2026-01-31"'), entry('m*')].join())), 'm')).toBe('default/list/m*');
  });
});

describe('a problem is', () => {
  it('that two entries hold for the same at the same time, in one table or two', () => {
    expect(problems(table([entry('m', 'until: "2026-02-01"'), entry('m', 'from: "2026-02-01"')].join()))).toEqual([
      'PriceTable default/list: spec.entries[1]: holds for the same at the same time as spec.entries[0] of PriceTable default/list: ' +
        'give one of them another model, from or until',
    ]);
    expect(problems(table(entry('m*')) + table(entry('m*'), 'two', 'EUR', 'other'))).toEqual([
      expect.stringContaining(
        'PriceTable other/two: spec.entries[0]: holds for the same at the same time as spec.entries[0] of PriceTable default/list',
      ),
    ]);
  });

  it('not that they differ in model, place or time', () => {
    const different = [
      entry('m'),
      entry('m*'),
      entry('m', 'provider: OpenAI'),
      entry('n', 'until: "2026-01-31"'),
      entry('n', 'from: "2026-02-01"'),
    ];
    expect(problems(table(different.join()))).toEqual([]);
  });

  it('a backend that is not there', () => {
    expect(problems(table(entry('m', 'backend: opnai')) + backend('openai'))).toEqual([
      'PriceTable default/list: spec.entries[0].backend: there is no AIServiceBackend or InferencePool default/opnai; did you mean "openai"?',
    ]);
  });
});

it('a request with a long input costs the other price as a whole', () => {
  const found = prices(table('{model: m, prices: {input: "1", output: "2"}, longInput: {above: 1000, prices: {input: "3", output: "4"}}}'));
  const cost = (input: number) =>
    found.cost({ model: 'm', backend: 'default/a', provider: 'OpenAI' }, { usage: { input, output: 10 } as Usage, images: 0 }, NOW);
  expect(cost(1000)).toMatchObject({ nanos: 1000 * 1000 + 10 * 2000 });
  expect(cost(1001)).toMatchObject({ nanos: 1001 * 3000 + 10 * 4000 });
});

it('the starter table has a source and a day for each of its prices', () => {
  const text = readFileSync(new URL('../../examples/prices/starter.yaml', import.meta.url), 'utf8');
  const { entries } = prices(text);
  expect(entries.length).toBeGreaterThan(10);
  for (const { id, source, checked } of entries)
    expect({ id, source, checked }).toEqual({ id, source: expect.stringMatching(/^https:/), checked: expect.any(Number) });
});

import { expect, test } from 'vitest';

import { row } from './ledger.fixture.ts';
import { Report, Totals, wanted } from './report.ts';

test('sums are by kind and currency, and exact beyond 2^53', () => {
  const totals = new Totals();
  const nanos = Number.MAX_SAFE_INTEGER;
  for (let i = 0; i < 3; i++) totals.add(row({ tokens: { input: nanos, reasoning: 1 }, cost: { nanos, currency: 'USD', parts: {} } }));
  totals.add(row({ cost: { nanos: 5, currency: 'EUR', parts: {} }, provenance: 'estimated', complete: false }));
  expect(totals.tokens('input')).toBe(3n * BigInt(nanos) + 1000n);
  expect(totals.tokens('reasoning')).toBe(3n);
  expect(totals.tokens('input_audio')).toBe(0n);
  expect(totals.cost).toEqual([
    ['EUR', 5n],
    ['USD', 3n * BigInt(nanos)],
  ]);
  expect(totals).toMatchObject({ requests: 4, estimated: 1, incomplete: 1, unpriced: 0, estimatedShare: 0.25 });
});

test('rows with tokens and no price are counted; those that used nothing are not', () => {
  const totals = new Totals();
  totals.add(row({ price: 'none', cost: undefined }));
  totals.add(row({ price: 'none', cost: undefined, tokens: undefined, provenance: 'none' }));
  expect(totals).toMatchObject({ requests: 2, unpriced: 1 });
  expect(new Totals().estimatedShare).toBe(0);
});

test('groups are in order', () => {
  const report = new Report(['client', 'day']);
  for (const [client_id, time] of [
    ['b', '2026-01-02T00:00:00.000Z'],
    ['a","x', '2026-01-02T00:00:00.000Z'],
    ['b', '2026-01-01T23:59:59.999Z'],
    [undefined, '2026-01-02T00:00:00.000Z'],
    ['b', '2026-01-02T12:00:00.000Z'],
  ] as const)
    report.add(row({ client_id, time }));
  expect(report.groups().map(({ values, totals }) => [...values, totals.requests])).toEqual([
    ['', '2026-01-02', 1],
    ['a","x', '2026-01-02', 1],
    ['b', '2026-01-01', 1],
    ['b', '2026-01-02', 2],
  ]);
  expect(report.total.requests).toBe(5);
});

test('names that look the same side by side stay apart', () => {
  const report = new Report(['client', 'model']);
  for (const [client_id, model] of [
    ['a,b', 'c'],
    ['a', 'b,c'],
    ['a","b', 'c'],
    ['a', 'b","c'],
  ] as const)
    report.add(row({ client_id, model }));
  expect(report.groups()).toHaveLength(4);
});

test.each([
  ['model', 'asked'],
  ['backend_model', 'called'],
  ['backend', 'default/openai'],
  ['route', 'default/models'],
] as const)('groups by %s', (group, value) => {
  const report = new Report([group]);
  report.add(row({ model: 'asked', backend_model: 'called' }));
  expect(report.groups().map(({ values }) => values)).toEqual([[value]]);
});

test('groups by tool, which is in no model', () => {
  const report = new Report(['tool', 'model']);
  const { model: _model, backend_model: _backendModel, tokens: _tokens, ...call } = row({ tool: 'git__create' });
  report.add(call);
  report.add(row());
  expect(report.groups().map(({ values }) => values)).toEqual([
    ['', 'gpt-4o'],
    ['git__create', ''],
  ]);
  expect(report.total.unpriced).toBe(0);
});

test('the last day is wanted whole', () => {
  const last = row({ time: '2026-01-31T23:59:59.999Z' });
  expect(wanted(last, { since: '2026-01-31', until: '2026-01-31', client: 'team-a', backend: 'default/openai' })).toBe(true);
  expect(wanted(last, { until: '2026-01-30' })).toBe(false);
  expect(wanted(last, { since: '2026-02-01' })).toBe(false);
  expect(wanted(last, { client: 'team' })).toBe(false);
  expect(wanted(last, { backend: 'default/other' })).toBe(false);
});

import { expect, test } from 'vitest';

import { row } from './ledger.fixture.ts';
import { Receipts, Reconciliation, Tolerance } from './reconcile.ts';
import type { ProviderUsage } from './usage-csv.ts';

function usage(more: Partial<ProviderUsage> = {}): ProviderUsage {
  return { day: '2026-01-31', model: 'gpt-4o', input: 1000n, output: 50n, cost: undefined, currency: 'USD', ...more };
}

function compared(provider: readonly ProviderUsage[], rows: readonly ReturnType<typeof row>[], percent = 1, names?: Map<string, string>) {
  const reconciliation = new Reconciliation(new Tolerance(percent), names);
  for (const each of provider) reconciliation.addProvider(each);
  for (const each of rows) reconciliation.addRow(each);
  return reconciliation;
}

const table = (reconciliation: Reconciliation) =>
  reconciliation.differences().map(({ day, model, figure, ledger, provider, beyond }) => [day, model, figure, ledger, provider, beyond]);

test('sums of a day and model are compared, and only what the provider tells', () => {
  const provider = [usage({ input: 600n }), usage({ input: 1400n, output: undefined })];
  expect(table(compared(provider, [row(), row()]))).toEqual([
    ['2026-01-31', 'gpt-4o', 'input', 2000n, 2000n, false],
    ['2026-01-31', 'gpt-4o', 'output', 100n, 50n, true],
  ]);
});

test('what only one side has is a difference', () => {
  const other = row({ backend_model: 'gpt-5', model: 'gpt-5' });
  expect(table(compared([usage({ output: undefined })], [other]))).toEqual([
    ['2026-01-31', 'gpt-4o', 'input', 0n, 1000n, true],
    ['2026-01-31', 'gpt-5', 'input', 1000n, 0n, true],
  ]);
});

test('a model is known by what the answer, the backend or the client calls it, or by an alias', () => {
  const named = row({ model: 'fast', backend_model: 'gpt-4o', response_model: 'gpt-4o-2024-08-06' });
  for (const model of ['fast', 'gpt-4o', 'gpt-4o-2024-08-06']) expect(table(compared([usage({ model })], [named]))).toHaveLength(2);
  expect(table(compared([usage({ model: 'GPT 4' })], [named]))).toHaveLength(4);
  const names = new Map([['fast', 'GPT 4']]);
  expect(table(compared([usage({ model: 'GPT 4' })], [named], 1, names))).toHaveLength(2);
});

test('without models in the file, days are compared', () => {
  const rows = [row(), row({ backend_model: 'gpt-5' })];
  expect(table(compared([usage({ model: '', output: undefined, input: 2000n })], rows))).toEqual([
    ['2026-01-31', '', 'input', 2000n, 2000n, false],
  ]);
});

test('costs are compared in each currency by itself', () => {
  const provider = [usage({ input: undefined, output: undefined, cost: 3_000_000n })];
  const euro = row({ cost: { nanos: 5, currency: 'EUR', parts: {} } });
  const reconciliation = compared(provider, [row(), euro, row({ cost: undefined, price: 'none' })]);
  expect(table(reconciliation)).toEqual([['2026-01-31', 'gpt-4o', 'USD', 3_000_000n, 3_000_000n, false]]);
  expect(reconciliation).toMatchObject({ unpriced: 1, comparesCosts: true });
  expect(compared([usage()], [row()]).comparesCosts).toBe(false);
});

test('rows of days that the file does not have are left out; days between its days are not', () => {
  const provider = [usage({ day: '2026-01-30', output: undefined }), usage({ day: '2026-02-01', output: undefined })];
  const days = ['2026-01-29', '2026-01-30', '2026-01-31', '2026-02-01', '2026-02-02'];
  const reconciliation = compared(
    provider,
    days.map((day) => row({ time: `${day}T12:00:00.000Z` })),
  );
  expect(reconciliation.outside).toBe(2);
  expect(reconciliation.days).toEqual(['2026-01-30', '2026-02-01']);
  expect(table(reconciliation).map(([day, , , , , beyond]) => [day, beyond])).toEqual([
    ['2026-01-30', false],
    ['2026-01-31', true],
    ['2026-02-01', false],
  ]);
});

test('the tolerance itself is not beyond it, also in sums beyond 2^53', () => {
  const tolerance = new Tolerance(1);
  expect([99n, 100n, 101n].map((ours) => tolerance.isBeyond(ours, 100n))).toEqual([false, false, false]);
  expect([98n, 102n].map((ours) => tolerance.isBeyond(ours, 100n))).toEqual([true, true]);
  const large = 10n ** 20n;
  expect(tolerance.isBeyond(large + large / 100n, large)).toBe(false);
  expect(tolerance.isBeyond(large + large / 100n + 1n, large)).toBe(true);
  expect(tolerance.isBeyond(0n, 0n)).toBe(false);
  expect(tolerance.isBeyond(1n, 0n)).toBe(true);
  expect(new Tolerance(0).isBeyond(1n, 2n)).toBe(true);
  expect(new Tolerance(0.000001).isBeyond(100_000_001n, 100_000_000n)).toBe(false);
});

test('receipts: what does not match is shown, and counts once it is beyond the tolerance', () => {
  const receipts = new Receipts(new Tolerance(1));
  for (let i = 0; i < 10; i++) receipts.add(row({ receipt: { result: 'ok' } }));
  receipts.add(row());
  receipts.add(row({ receipt: { result: 'missing' } }));
  receipts.add(row({ receipt: { result: 'mismatch', input: 1000, output: 60 } }));
  expect(receipts.counts).toEqual({ ok: 10, mismatch: 1, missing: 1, invalid: 0 });
  expect(receipts.shown).toHaveLength(1);
  expect(receipts.beyond).toBe(false);
  receipts.add(row({ receipt: { result: 'mismatch', input: 1000, output: 500 } }));
  expect(receipts.beyond).toBe(true);
});

test('receipts: more and less do not make up for each other; one that is not tier two’s is always told', () => {
  const receipts = new Receipts(new Tolerance(1));
  for (const output of [0, 100]) receipts.add(row({ receipt: { result: 'mismatch', input: 1000, output } }));
  expect(receipts.beyond).toBe(true);
  const invalid = new Receipts(new Tolerance(1));
  expect(invalid.beyond).toBe(false);
  for (let i = 0; i < 30; i++) invalid.add(row({ receipt: { result: 'invalid' } }));
  expect(invalid.beyond).toBe(true);
  expect(invalid.shown).toHaveLength(20);
});

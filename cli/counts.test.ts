import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { COUNTS_OPTIONS, countsOf, failureModeOf } from './counts.ts';

const DEFAULTS = Object.fromEntries(
  Object.entries(COUNTS_OPTIONS).flatMap(([name, option]) => ('default' in option ? [[name, option.default]] : [])),
);

test.each<[Record<string, string>, string]>([
  [{ 'limits-mode': 'lease' }, '--limits-mode must be exact or leases, not "lease"'],
  [{ 'limits-mode': 'leases' }, '--limits-mode leases needs --redis, or REDIS_URL'],
  [{ 'limits-share': '1.5' }, '--limits-share must be a number from 0 to 1, not "1.5"'],
  [{ 'limits-share': 'half' }, '--limits-share must be a number from 0 to 1, not "half"'],
  [{ redis: 'redis://h', 'limits-file': 'f' }, '--limits-file is for counts of this process alone'],
  [{ redis: 'rediss://h', 'redis-ca': '/no/such/file' }, '--redis-ca /no/such/file cannot be read'],
  [{ redis: 'http://user:geheim@h' }, 'the Redis URL begins with http://'],
  [{ redis: 'redis://:geheim@h/x' }, 'the Redis URL ends with a database that is no number'],
])('%j is not understood', async (values, message) => {
  const failure: unknown = await countsOf({ ...DEFAULTS, ...values }, undefined, () => {}).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: 'UsageError', message: expect.stringContaining(message) });
  expect(String(failure)).not.toContain('geheim');
});

test('the failure mode is open or closed', () => {
  expect(failureModeOf(DEFAULTS)).toBe('open');
  expect(() => failureModeOf({ 'limits-failure': 'shut' })).toThrow('--limits-failure must be open or closed, not "shut"');
});

test('without Redis counts are kept here, over a restart where there is a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'counts-'));
  const values = { ...DEFAULTS, 'limits-file': join(folder, 'counts') };
  const window = { kind: 'sliding', lengthMs: 3_600_000 } as const;
  const counter = { key: 'a', window, limit: 10 };
  const charge = { counter, amount: 3, least: 3, shadow: false, failureMode: 'open' } as const;
  const item = {
    charge,
    name: 'a',
    subject: '',
    unit: 'tokens',
    shared: true,
    shadow: false,
    silent: false,
    amount: String,
    used: () => 3,
  };
  const first = await countsOf(values, '', () => {});
  const decision = await first.reserve([item]);
  if (!decision.admitted) throw new Error('refused');
  decision.hold.settle([3]);
  await first.close();
  const second = await countsOf(values, undefined, () => {});
  expect(await second.states([{ counter, shared: true }])).toMatchObject([{ used: 3, remaining: 7 }]);
  await second.close();
  rmSync(folder, { recursive: true });
});

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeEach, expect, test } from 'vitest';

import { row, temporaryFolder } from '../gateway/ledger/ledger.fixture.ts';
import { tierkit } from './command.fixture.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder, 'ledger-2026-01-31T00-00-00-000Z-a.jsonl');
  const rows = [
    row({ client_id: 'a' }),
    row({ client_id: 'b', provenance: 'estimated', cost: { nanos: Number.MAX_SAFE_INTEGER, currency: 'USD', parts: {} } }),
    row({ client_id: 'b', cost: { nanos: Number.MAX_SAFE_INTEGER, currency: 'USD', parts: {} } }),
    row({ client_id: 'c', time: '2026-02-01T00:00:00.000Z', price: 'none', cost: undefined }),
  ];
  writeFileSync(file, rows.map((each) => `${JSON.stringify(each)}\n`).join(''));
});

test('report: a table with a line for each group, and the total', async () => {
  const { code, stdout, stderr } = await tierkit(['ledger', 'report', folder, '--by', 'day,client']);
  expect(stdout).toBe(
    [
      'DAY         CLIENT  REQUESTS  INPUT  CACHED  CACHE WRITE  OUTPUT  REASONING  ESTIMATED  UNPRICED                    COST',
      '2026-01-31  a              1   1000     100            0      50          0      0.0 %         0               0.003 USD',
      '2026-01-31  b              2   2000     200            0     100          0     50.0 %         0  18014398.509481982 USD',
      '2026-02-01  c              1   1000     100            0      50          0      0.0 %         1                       -',
      'total                      4   4000     400            0     200          0     25.0 %         1  18014398.512481982 USD',
      '',
    ].join('\n'),
  );
  expect([code, stderr]).toEqual([0, '']);
});

test('report: JSON, for some days and one client; what is left out is noted on standard error', async () => {
  appendFileSync(file, '{"v":7}\n{"v":1,"ti');
  const { code, stdout, stderr } = await tierkit([
    'ledger',
    'report',
    file,
    '--client',
    'b',
    '--since',
    '2026-01-31',
    '--until',
    '2026-01-31',
    '--by',
    'model',
    '--json',
  ]);
  const totals = {
    requests: 2,
    incomplete: 0,
    estimated: 1,
    estimated_share: 0.5,
    unpriced: 0,
    tokens: expect.objectContaining({ input: 2000, cached_input: 200, output: 100, total: 2100 }) as unknown,
    cost: { USD: '18014398.509481982' },
  };
  expect(JSON.parse(stdout)).toEqual({ total: totals, groups: [{ model: 'gpt-4o', ...totals }] });
  expect(stderr).toMatch(/^note: .*:5: left out: written by a newer version.*\nnote: .*:6: left out: the last line has no end/);
  expect(code).toBe(0);
});

test('reconcile: exit code 1 beyond the tolerance, with what differs', async () => {
  const usage = join(folder, 'usage.csv');
  writeFileSync(usage, '\uFEFFday,name,in,out\r\n2026-01-31,"GPT, 4",2980,100\r\n2026-02-01,"GPT, 4",1000,50\r\n');
  const args = [
    'ledger',
    'reconcile',
    folder,
    '--usage',
    usage,
    '--columns',
    'date=day,model=name,input=in,output=out',
    '--alias',
    'gpt-4o=GPT, 4',
  ];
  const strict = await tierkit(args);
  expect(strict).toEqual({
    code: 1,
    stderr: '',
    stdout: [
      'DAY         MODEL   FIGURE  LEDGER  PROVIDER  DIFFERENCE   PERCENT',
      '2026-01-31  GPT, 4  output     150       100          50  +50.00 %',
      '2026-01-31 to 2026-02-01: 1 of 4 figures differ by more than 1 %',
      'total input: ledger 4000, provider 3980 (+0.50 %)',
      'total output: ledger 200, provider 150 (+33.33 %)',
      'receipts of tier two: 0 ok, 0 mismatched, 0 missing, 0 invalid',
      '',
    ].join('\n'),
  });
  const lax = await tierkit([...args, '--tolerance', '50', '--json']);
  expect(lax.code).toBe(0);
  expect(JSON.parse(lax.stdout)).toMatchObject({
    tolerance_percent: 50,
    beyond: 0,
    differences: [
      { day: '2026-01-31', model: 'GPT, 4', figure: 'input', ledger: 3000, provider: 2980, difference: 20, beyond: false },
      { figure: 'output', percent: 50 },
      { day: '2026-02-01' },
      { day: '2026-02-01' },
    ],
    receipts: { ok: 0, beyond: false },
  });
});

test('reconcile: receipts of tier two alone', async () => {
  appendFileSync(file, `${JSON.stringify(row({ request_id: 'r-9', receipt: { result: 'mismatch', input: 1000, output: 99 } }))}\n`);
  const { code, stdout } = await tierkit(['ledger', 'reconcile', folder]);
  expect(stdout).toBe(
    'receipts of tier two: 0 ok, 1 mismatched, 0 missing, 0 invalid\n' +
      '  2026-01-31T09:30:00.000Z r-9 default/openai: ledger 1000, 50, receipt 1000, 99 (input, output)\n',
  );
  expect(code).toBe(1);
});

test.each([
  [[], 2, 'first say what to do: report or reconcile'],
  [['reprot'], 2, 'there is no "ledger reprot"; did you mean "report"?'],
  [['report'], 2, 'give at least one file or folder of a ledger'],
  [['report', 'missing'], 1, 'there is no file of a ledger at missing'],
  [
    ['report', '.', '--by', 'clint'],
    2,
    '--by knows day, client, model, backend_model, tool, backend, route, not "clint"; did you mean "client"?',
  ],
  [['report', '.', '--since', '2026-02-30'], 2, '--since must be a day such as 2026-01-31, not "2026-02-30"'],
  [['report', '.', '--since', '2026-02-02', '--until', '2026-02-01'], 2, '--since 2026-02-02 is behind --until 2026-02-01'],
  [['report', '.', '--backend', 'openai'], 2, '--backend must be NAMESPACE/NAME such as default/openai, not "openai"'],
  [['report', '.', '--tolerance', '1'], 2, 'unknown option --tolerance'],
  [['reconcile', '.', '--tolerance', 'x'], 2, '--tolerance must be a number of percent such as 0.5, not "x"'],
  [['reconcile', '.', '--alias', 'x'], 2, '--alias must be NAME=NAME'],
  [['reconcile', '.', '--columns', 'day'], 2, '--columns: "day" must be NAME=COLUMN'],
] as const)('a mistake is told: ledger %j', async (args, code, reason) => {
  const result = await tierkit(['ledger', ...args]);
  expect(result.stderr).toContain(`tierkit ledger: ${reason}`);
  expect(result.code).toBe(code);
});

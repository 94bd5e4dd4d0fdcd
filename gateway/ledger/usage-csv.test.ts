import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { temporaryFolder } from './ledger.fixture.ts';
import { columnsOf, nanosIn, type ProviderUsage, readUsage, UsageCsvError } from './usage-csv.ts';

async function read(text: string, columns?: string): Promise<ProviderUsage[]> {
  const file = join(temporaryFolder(), 'usage.csv');
  writeFileSync(file, text);
  const usages: ProviderUsage[] = [];
  for await (const usage of readUsage(file, columns === undefined ? undefined : columnsOf(columns))) usages.push(usage);
  return usages;
}

const JANUARY_31 = { day: '2026-01-31', currency: 'USD' };

test("Anthropic's tokens: what caches gave and took is input too", async () => {
  const header = [
    'usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache',
    'usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read',
    'usage_output_tokens,web_search_count,inference_geo,speed',
  ].join(',');
  const text = `\uFEFF${header}\r\n2026-01-31 23:00,claude-x,key,Default,standard,≤ 200k,1000,200,30,4,50,0,global,\r\n`;
  expect(await read(text)).toEqual([{ ...JANUARY_31, model: 'claude-x', input: 1234n, output: 50n, cost: undefined }]);
});

test("Anthropic's costs", async () => {
  const text = 'usage_date_utc,model,workspace,token_type,cost_usd\n2026-01-31,Claude X,Default,output,0.07\n';
  expect(await read(text)).toEqual([{ ...JANUARY_31, model: 'Claude X', input: undefined, output: undefined, cost: 70_000_000n }]);
});

test("OpenAI's usage: hours without any are left out", async () => {
  const text = [
    'start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,model,input_tokens,output_tokens,input_cached_tokens',
    '1769817600,1769821200,2026-01-31T00:00:00+00:00,2026-01-31T01:00:00+00:00,,,,,,',
    '1769821200,1769824800,2026-01-31T01:00:00+00:00,2026-01-31T02:00:00+00:00,p,3.0,gpt-x,"5,000",1000.0,4000',
  ].join('\n');
  expect(await read(text)).toEqual([{ ...JANUARY_31, model: 'gpt-x', input: 5000n, output: 1000n, cost: undefined }]);
  expect(await read(text.replaceAll('_iso', '_text'))).toHaveLength(1);
});

test("OpenAI's costs have many decimals, a currency, and no model", async () => {
  const text = [
    'start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity',
    '1769817600,1769904000,2026-01-31T00:00:00,2026-02-01T00:00:00,0.003835980000000000000000000000,eur,',
  ].join('\n');
  expect(await read(text)).toEqual([
    { day: '2026-01-31', model: '', input: undefined, output: undefined, cost: 3_835_980n, currency: 'EUR' },
  ]);
});

test('columns can be said, and added up', async () => {
  const text = 'Tag;x,Model Name,fresh,cached,USD\n1769880600,"m, 1",10,5,$0.5\n';
  expect(await read(text, 'date=tag;x,model=model name,input=fresh+cached,cost=usd')).toEqual([
    { ...JANUARY_31, model: 'm, 1', input: 15n, output: undefined, cost: 500_000_000n },
  ]);
});

test('days are those of UTC', async () => {
  const days = (
    await read(
      [
        'when,out',
        '2026-01-31T23:30:00-01:00,1',
        '2026-02-01T00:30:00+0100,1',
        '2026-01-31 12:00,1',
        '2026-01-31T09:30:00.5Z,1',
        '1769880600,1',
      ].join('\n'),
      'date=when,output=out',
    )
  ).map(({ day }) => day);
  expect(days).toEqual(['2026-02-01', '2026-01-31', '2026-01-31', '2026-01-31', '2026-01-31']);
});

test.each([
  ['', undefined, /usage.csv: it is empty$/],
  ['a,b\n', undefined, /usage.csv: line 1: this is no usage file that is known; say with --columns which is which of a, b$/],
  ['day,tokens\n', 'date=dya,output=tokens', /line 1: there is no column "dya"; did you mean "day"\?$/],
  ['day,tokens\n2026-02-30,1\n', 'date=day,output=tokens', /line 2: day must be a date such as .*, not "2026-02-30"$/],
  ['day,tokens\n\n2026-02-20,1.5\n', 'date=day,output=tokens', /line 3: tokens must be a whole number, not "1.5"$/],
  ['day,tokens\n2026-02-20,-1\n', 'date=day,output=tokens', /not "-1"$/],
  ['day,cost\n2026-02-20,"1,5"\n', 'date=day,cost=cost', /line 2: cost must be an amount such as 0.25, not "1,5"$/],
  ['day,cost\n2026-02-20,"1\n', 'date=day,cost=cost', /usage.csv: line 2: a quote/],
])('refuses %j with columns %s', async (text, columns, reason) => {
  await expect(read(text, columns)).rejects.toThrow(UsageCsvError);
  await expect(read(text, columns)).rejects.toThrow(reason);
});

test('a file that is not there', async () => {
  const reading = readUsage('missing.csv', undefined).next();
  await expect(reading).rejects.toThrow(/^missing.csv cannot be read: ENOENT/);
});

test.each([
  ['day', /"day" must be NAME=COLUMN/],
  ['dat=day,cost=c', /"dat" is none of date, model, .*; did you mean "date"\?/],
  ['model=m,cost=c', /date=COLUMN is missing/],
  ['date=d,model=m', /nothing to compare/],
  ['date=', /must be NAME=COLUMN/],
])('refuses columns %s', (columns, reason) => {
  expect(() => columnsOf(columns)).toThrow(reason);
});

test.each([
  ['0', 0n],
  ['1', 1_000_000_000n],
  ['-3.5', -3_500_000_000n],
  ['0.0000000005', 1n],
  ['0.00000000049', 0n],
  ['1.5e-05', 15_000n],
  ['2E3', 2_000_000_000_000n],
  ['$1,234,567.25', 1_234_567_250_000_000n],
  ['9007199254740993.000000001', 9_007_199_254_740_993_000_000_001n],
  ['1.', 1_000_000_000n],
  ['', undefined],
  ['1,23', undefined],
  ['one', undefined],
  ['1e999', undefined],
])('the amount %s is %s billionths', (text, nanos) => {
  expect(nanosIn(text)).toBe(nanos);
});

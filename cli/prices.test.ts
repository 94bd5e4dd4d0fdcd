import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { tierkit } from './command.fixture.ts';

vi.setConfig({ testTimeout: 60_000 });

const STARTER = fileURLToPath(new URL('../examples/prices/starter.yaml', import.meta.url));
const ROUTES = `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: openai}
spec: {schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: openai}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{headers: [{name: x-ai-eg-model, value: fast}]}]
      backendRefs: [{name: openai, modelNameOverride: gpt-4o-mini}]
    - matches: [{headers: [{name: x-ai-eg-model, value: odd}]}]
      backendRefs: [{name: openai}]
    - backendRefs: [{name: openai}]
`;
const BUDGET = `
apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: all}
spec: {amount: "10", currency: USD, window: {unit: Month}}
`;
const BAD = `
apiVersion: tierkit.dev/v1alpha1
kind: PriceTable
metadata: {name: bad}
spec: {currency: USD, entries: [{model: m, backend: opnai, prices: {input: "1"}}, {model: m, backend: opnai, prices: {input: "1"}}]}
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-prices-'));
  for (const [name, text] of Object.entries({ routes: ROUTES, budget: BUDGET, bad: BAD })) writeFileSync(file(name), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string): string {
  return join(folder, `${name}.yaml`);
}

describe.concurrent('tierkit prices check', () => {
  test('lists models with their prices, and entries that hold no more or are old', async () => {
    const { code, stdout, stderr } = await tierkit(['prices', 'check', STARTER, file('routes'), '--on', '2026-11-25']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^MODEL +BACKEND +ROUTE +PRICE\n/);
    expect(stdout).toMatch(/^gpt-4o-mini +default\/openai +default\/r +default\/list-prices\/gpt-4o-mini \(USD\)$/m);
    expect(stdout).toMatch(/^odd +default\/openai +default\/r +no price$/m);
    expect(stdout).toMatch(/^any +default\/openai +default\/r +-$/m);
    expect(stdout).toContain('note: default/list-prices/claude-sonnet-5-5 ended on 2026-10-06\n');
    expect(stdout).toMatch(/^note: default\/list-prices\/gpt-4o was checked 182 days ago: compare it with https:/m);
    expect(stdout).toContain('note: "any" is whatever clients ask for');
    expect(stdout).not.toContain('gpt-6.1-sol was checked');
  });

  test('fails where a hard budget covers a model without a price', async () => {
    const { code, stderr } = await tierkit(['prices', 'check', STARTER, file('routes'), file('budget')]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'Budget default/all refuses model odd of default/openai: no price in its currency is known\n',
    });
  });

  test('tells of tools whose price has ended', async () => {
    const tools = file('tools');
    const spec = '{currency: USD, tools: [{tool: a, price: "1", until: "2026-01-31"}, {tool: b, price: "0"}]}';
    writeFileSync(tools, `apiVersion: tierkit.dev/v1alpha1\nkind: PriceTable\nmetadata: {name: tools}\nspec: ${spec}\n`);
    const { code, stdout } = await tierkit(['prices', 'check', tools, '--on', '2026-11-25']);
    expect(code).toBe(0);
    expect(stdout).toContain('note: default/tools/tool/a ended on 2026-01-31\n');
    expect(stdout).toContain('note: default/tools/tool/b has no "checked" date: compare it\n');
  });

  test('tells what has not begun, as JSON too', async () => {
    const { stdout } = await tierkit(['prices', 'check', STARTER, file('routes'), '--json', '--on', '2026-10-01', '--days', '9999']);
    const { models, notes } = JSON.parse(stdout) as { models: { model?: string; price?: string }[]; notes: string[] };
    expect(notes).toEqual(['default/list-prices/claude-sonnet-5-5@2026-10-07 begins on 2026-10-07']);
    expect(models.map(({ model, price }) => [model, price])).toEqual([
      ['gpt-4o-mini', 'default/list-prices/gpt-4o-mini'],
      ['odd', undefined],
      [undefined, undefined],
    ]);
  });

  test('reports what is wrong with the tables', async () => {
    const { code, stderr } = await tierkit(['prices', 'check', file('bad'), file('routes')]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'spec.entries[0].backend: there is no AIServiceBackend or InferencePool default/opnai; did you mean "openai"?',
    );
    expect(stderr).toContain('spec.entries[1]: holds for the same at the same time as spec.entries[0] of PriceTable default/bad');
  });
});

describe.concurrent('tierkit prices cost', () => {
  const cost = (...args: string[]) => tierkit(['prices', 'cost', STARTER, '--on', '2026-11-25', ...args]);

  test('says the sum and its parts', async () => {
    const args = [
      '--model',
      'claude-opus-5',
      '--input',
      '1000',
      '--cached',
      '500',
      '--cache-write',
      '100',
      '--cache-write-1h',
      '40',
      '--output',
      '10',
    ];
    const { code, stdout } = await cost(...args);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        'KIND          COUNT       USD',
        'cacheWrite1h     40    0.0004',
        'cacheWrite       60  0.000375',
        'cachedInput     500   0.00025',
        'input           400     0.002',
        'output           10   0.00025',
        'sum                  0.003275',
        'by default/list-prices/claude-opus-5\n',
      ].join('\n'),
    );
  });

  test('takes the prices of the day', async () => {
    const { stdout } = await cost(
      '--json',
      '--model',
      'claude-sonnet-5-5',
      '--input',
      '1000000',
      '--cached',
      '1000000',
      '--on',
      '2026-10-06',
    );
    expect(JSON.parse(stdout)).toEqual({
      cost: '0.20',
      currency: 'USD',
      entry: 'default/list-prices/claude-sonnet-5-5',
      parts: [{ kind: 'cachedInput', count: 1_000_000, nanos: 200_000_000, amount: '0.20' }],
    });
  });

  test('has no cost, and not 0, where there is no price', async () => {
    const { code, stdout, stderr } = await cost('--model', 'gpt-4o', '--input', '10', '--input-audio', '1');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe('tierkit prices: there is no cost: default/list-prices/gpt-4o has no price of audio input (inputAudio)\n');
  });

  test.each([
    [['prices'], 'say "check" or "cost"'],
    [['prices', 'chek'], 'there is no "prices chek"; there are "check" and "cost"'],
    [['prices', 'check'], 'give at least one file or folder'],
    [['prices', 'cost', STARTER], '--model is required'],
    [['prices', 'cost', STARTER, '--model', 'm', '--input', '1.5'], '--input must be a whole number, not "1.5"'],
    [['prices', 'check', STARTER, '--on', '2026-02-30'], '--on must be a day such as 2026-12-31, not "2026-02-30"'],
  ])('%j is not understood', async (args, message) => {
    const { code, stderr } = await tierkit(args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

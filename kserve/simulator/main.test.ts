import { expect, test } from 'vitest';

import { readOptions, sim, SIM_HELP } from './main.ts';

test('options are read, and the help names them all', async () => {
  const options = readOptions([
    '--model',
    'm',
    '--pods',
    '2',
    '--profile',
    'qwen3-32b-2xh100',
    '--kv-tokens',
    '50000',
    '--lora',
    'a',
    '--lora',
    'b',
  ]);
  expect(options).toMatchObject({
    model: 'm',
    pods: 2,
    port: 8000,
    loras: ['a', 'b'],
    limits: { kvTokens: 50_000 },
    profile: { name: 'qwen3-32b-2xh100' },
  });
  const lines: string[] = [];
  const handles = await sim(['--port', '0', '--pods', '2'], (line) => lines.push(line));
  expect(lines).toEqual(handles.map(({ name, port }) => `${name}: http://127.0.0.1:${port} serves demo-model (profile demo)`));
  await Promise.all(handles.map((handle) => handle.close()));
  expect(SIM_HELP).toContain('--failures JSON');
});

test.each([
  [['--prot', '1'], 'unknown option --prot; did you mean "port"?'],
  [['--profile', 'dmo'], '--profile must be one of qwen3-32b-2xh100, llama-3.1-8b-h100, demo, not "dmo"; did you mean "demo"?'],
  [['--pods', '0'], '--pods must be a whole number of at least 1, not "0"'],
  [['--speed', 'fast'], '--speed must be a number above 0, not "fast"'],
  [['--failures', '[{]'], '--failures is not JSON'],
])('mistakes are told: %j', (args, message) => {
  expect(() => readOptions(args)).toThrow(message);
});

// The commands as processes; what they do is tested in infra/onboarding.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { tierkit } from './command.fixture.ts';

// cdk8s takes seconds to load where several tests run.
const PATIENCE = { timeout: 60_000 };

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), 'tierkit-onboard-'));
});
afterAll(() => rmSync(out, { recursive: true }));

test('onboard writes files, release changes them, and offboard says how they go', PATIENCE, async () => {
  const made = await tierkit(['onboard', 'search', '--model', 'search-8b', '--owner', 'team-search', '--out', out]);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toContain(`kubectl apply -k ${join(out, 'search/model')}\n`);
  expect(existsSync(join(out, 'search/gateway/route.yaml'))).toBe(true);
  const started = await tierkit(['release', 'search', 'start', 'v2', '--from', out]);
  expect(started).toMatchObject({ code: 0, stdout: expect.stringContaining(`wrote ${join(out, 'search/model/route.yaml')}\n`) });
  const plan = await tierkit(['offboard', 'search', '--from', out]);
  expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('\n1. Ask who still calls "search-8b"\n') });
  const unknown = await tierkit(['offboard', 'ads', '--from', out]);
  expect(unknown).toMatchObject({
    code: 1,
    stderr: `tierkit offboard: ${out} has no team "ads" (there: search); --from names the folder that onboard wrote to\n`,
  });
});

test('all mistakes are told at once', PATIENCE, async () => {
  const { code, stdout, stderr } = await tierkit([
    'onboard',
    'Search',
    '--model',
    'm',
    '--replicas',
    'many',
    '--runtime',
    'vlm',
    '--out',
    out,
  ]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toBe(`tierkit onboard: 4 problems
  NAME: "Search" must be lower case letters, digits and "-", 35 at most, as names of Kubernetes are; did you mean "search"?
  --owner: is required: the team that the model belongs to
  --runtime: there is no "vlm"; did you mean "vllm"? (one of simulator, vllm, kserve)
  --replicas: must be a whole number from 1 to 1000, not "many"
Try "tierkit onboard --help".
`);
});

test.each([
  [['onboard', 'a', 'b'], 'give one NAME, not 2: a b'],
  [['onboard', 'a', '--replica', '2'], 'unknown option --replica; did you mean "replicas"?'],
  [['offboard'], 'give one NAME: that of the namespace'],
  [['release', 'a', 'weight', '10', '20'], 'give one NAME, one STEP and what it takes, not more: 20'],
])('%s is not understood', PATIENCE, async (args, told) => {
  const { code, stderr } = await tierkit(args);
  expect({ code, stderr }).toEqual({ code: 2, stderr: `tierkit ${args[0]}: ${told}\nTry "tierkit ${args[0]} --help".\n` });
});

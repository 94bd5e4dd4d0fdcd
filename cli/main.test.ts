import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { tierkit } from './command.fixture.ts';

// A test starts the program several times: on a slow machine that takes longer than what else tests do.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;

const GOOD = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: default}
`;
/** Refers to a Gateway that is not there; by itself it has no fault. */
const DANGLING = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: gone}], rules: [{matches: [{path: {type: PathPrefix, value: /}}]}]}
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-cli-'));
  writeFileSync(join(folder, 'good.yaml'), GOOD);
  writeFileSync(join(folder, 'dangling.yaml'), DANGLING);
  writeFileSync(join(folder, 'field.yaml'), GOOD.replace('gatewayClassName', 'gatewayClasName'));
  writeFileSync(join(folder, 'bad.yaml'), 'a: [1\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string) => join(folder, name);

describe.concurrent('tierkit', () => {
  test.each([['--help'], ['-h'], ['help']])('%s', async (option) => {
    const { code, stdout, stderr } = await tierkit([option]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of ['run', 'check', 'sim', 'version']) expect(stdout).toContain(`  ${command}`);
  });

  test('nothing at all', async () => {
    const { code, stdout, stderr } = await tierkit([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: tierkit COMMAND');
  });

  test.each([['run'], ['check'], ['version']])('%s --help', async (command) => {
    const { code, stdout } = await tierkit([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: tierkit ${command}`));
  });

  test.each([['version'], ['--version'], ['-v']])('%s', async (word) => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(await tierkit([word])).toEqual({ code: 0, stdout: `tierkit ${version} (node ${process.versions.node})\n`, stderr: '' });
  });

  test.each([
    [
      ['rum'],
      'there is no command "rum"; did you mean "run"? (commands: up, run, tier2, controller, epp, check, crds, onboard, release, offboard, mcp, limits, budgets, prices, ledger, sim, simulate, version)',
    ],
    [
      ['deploy'],
      'there is no command "deploy" (commands: up, run, tier2, controller, epp, check, crds, onboard, release, offboard, mcp, limits, budgets, prices, ledger, sim, simulate, version)',
    ],
    [['run', '--prot', '1'], 'unknown option --prot; did you mean "port"?'],
    [['check', '--jsn', 'x'], 'unknown option --jsn; did you mean "json"?'],
    [['check', '-x', 'x'], 'unknown option --x'],
    [['run', '--port'], "Option '--port <value>' argument missing"],
    [['run', '--port', '65536'], '--port must be a port from 0 to 65535, not "65536"'],
    [['run', '--admin-port', '-1'], '--admin-port'],
    [['run', '--port', '8o'], '--port must be a port from 0 to 65535, not "8o"'],
    [['run', '--drain', '5'], '--drain must be a duration such as 30s, not "5"'],
    [['run', '--root-prefix', 'x'], '--root-prefix must begin with "/", not "x"'],
    [['run', '--endpoint-prefixes', 'open:/x'], '--endpoint-prefixes knows openai, cohere and anthropic, not "open"'],
    [['run', '--endpoint-prefixes', 'openai'], 'the prefix of openai must begin with "/", not ""'],
    [['check'], 'give at least one file or folder'],
  ])('%j is not understood: one line, and where to look', async (args, message) => {
    const { code, stdout, stderr } = await tierkit(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const lines = stderr.trimEnd().split('\n');
    expect(lines[0]).toContain(message);
    expect(lines.slice(1)).toEqual(args.length === 1 && args[0] !== 'check' ? [] : [`Try "tierkit ${args[0]} --help".`]);
  });
});

describe.concurrent('tierkit check', () => {
  test('good resources', async () => {
    const { code, stdout, stderr } = await tierkit(['check', file('good.yaml')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('1 resource, no problem\n');
    expect(stdout).toContain('ignored, without effect here: Namespace default');
  });

  test('a reference to nothing is a problem, unless documents are checked by themselves', async () => {
    const whole = await tierkit(['check', file('good.yaml'), file('dangling.yaml')]);
    expect(whole.code).toBe(1);
    expect(whole.stderr).toMatch(/dangling\.yaml:\d+ \(document 1\): HTTPRoute default\/web: spec\.parentRefs\[0\]\.name: /);
    expect(whole.stdout).toContain('1 problem\n');
    const alone = await tierkit(['check', '--documents-only', file('good.yaml'), file('dangling.yaml')]);
    expect(alone).toMatchObject({ code: 0, stderr: '' });
  });

  test('a folder is read with all its files', async () => {
    const { code, stderr } = await tierkit(['check', folder]);
    expect(code).toBe(1);
    expect(stderr).toContain('field.yaml');
    expect(stderr).toContain('bad.yaml');
    expect(stderr).toMatch(/gatewayClasName.*did you mean "gatewayClassName"/);
  });

  test('--json is JSON, whether there are problems or not', async () => {
    const good = await tierkit(['check', '--json', file('good.yaml')]);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toEqual({ resources: 1, problems: [], ignored: ['Namespace default'], notices: [] });
    const bad = await tierkit(['check', '--json', file('field.yaml')]);
    expect(bad).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(bad.stdout)).toMatchObject({
      problems: [
        {
          file: file('field.yaml'),
          document: 1,
          resource: 'Gateway gw',
          path: expect.any(String) as unknown,
          message: expect.any(String) as unknown,
        },
        {},
      ],
    });
  });

  // Three processes, where others run as well.
  test('--coverage needs no path', { timeout: 60_000 }, async () => {
    const text = await tierkit(['check', '--coverage']);
    expect(text.code).toBe(0);
    expect(text.stdout).toContain('SecurityPolicy (gateway.envoyproxy.io/v1alpha1): every field is read but\n');
    const json = await tierkit(['check', '--coverage', '--json']);
    const { coverage } = JSON.parse(json.stdout) as { coverage: { kind: string; refused: object }[] };
    expect(coverage.find(({ kind }) => kind === 'SecurityPolicy')?.refused).toHaveProperty(['spec.oidc']);
    const both = await tierkit(['check', '--coverage', '--json', file('good.yaml')]);
    expect(JSON.parse(both.stdout)).toMatchObject({ resources: 1, coverage });
  });

  test('a path that is not there', async () => {
    const { code, stderr } = await tierkit(['check', file('gone.yaml')]);
    expect(code).toBe(1);
    expect(stderr).toContain('gone.yaml: there is no such file or folder');
  });
});

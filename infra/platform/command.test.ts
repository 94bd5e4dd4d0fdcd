import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { completed } from './generated.ts';

// Each command is a process of its own, and some start several.
vi.setConfig({ testTimeout: 90_000 });

const COMMAND = join(import.meta.dirname, 'command.ts');
const folder = mkdtempSync(join(tmpdir(), 'tierkit-command-'));

/** A CLI that answers from files, and writes down what it was asked. */
const FAKE = `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const args = process.argv.slice(2).filter((arg) => !['--non-interactive', '--color=never'].includes(arg));
const input = args.includes('set') ? readFileSync(0, 'utf8') : '';
appendFileSync(process.env.FAKE_LOG, JSON.stringify({ args: args.slice(2), input }) + '\\n');
const answers = JSON.parse(process.env.FAKE_ANSWERS);
const [said = '', code = 0] = answers[args[2]] ?? answers[args.slice(2, 4).join(' ')] ?? [];
(code === 0 ? process.stdout : process.stderr).write(said);
process.exitCode = code;
`;

/** An API server where this user may do nothing, and Gateway API is not there. */
const api = createServer((request, response) => {
  const answer = (body: object, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const { url = '' } = request;
  if (url === '/version') return answer({ gitVersion: 'v1.36.3' });
  if (url.endsWith('/selfsubjectaccessreviews')) return answer({ status: { allowed: false } });
  if (url === '/apis/apps/v1')
    return answer({
      resources: [
        { name: 'deployments', kind: 'Deployment', namespaced: true },
        { name: 'deployments/status', kind: 'Deployment', namespaced: true },
      ],
    });
  if (url.includes('gateway.networking') || url.includes('envoyproxy')) return answer({ kind: 'Status', code: 404 }, 404);
  return answer({ resources: KINDS.map((kind) => ({ name: `${kind.toLowerCase()}s`, kind, namespaced: kind !== 'Namespace' })) });
});
const KINDS = [
  'Namespace',
  'Secret',
  'Service',
  'ServiceAccount',
  'ConfigMap',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'PersistentVolumeClaim',
];

const SETTINGS = {
  size: 'dev',
  image: { name: 'registry.example.com/tierkit', tag: '1' },
  observability: { prometheus: { mode: 'off' }, jaeger: { mode: 'off' } },
};
const config = (values: Record<string, unknown>) =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        `tierkit:${key}`,
        { value: typeof value === 'string' ? value : JSON.stringify(value) },
      ]),
    ),
  );
const HERE = { settings: SETTINGS, gatewayContext: 'here' };
const GOOD = {
  version: ['v3.250.0\n'],
  'whoami --verbose': ['User: me\nBackend URL: file:///states\n'],
  'stack --show-name': ['dev\n'],
  config: [config(HERE)],
  'config set': [''],
};

beforeAll(async () => {
  writeFileSync(join(folder, 'pulumi'), FAKE);
  chmodSync(join(folder, 'pulumi'), 0o755);
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const { port } = api.address() as AddressInfo;
  const kubeconfig = {
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}` } }],
    contexts: [
      { name: 'here', context: { cluster: 'c' } },
      { name: 'there', context: { cluster: 'c' } },
    ],
  };
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));
});
afterAll(() => api.close());

let runs = 0;
async function command(args: readonly string[], answers: Record<string, unknown>, env: NodeJS.ProcessEnv = {}) {
  const log = join(folder, `calls-${runs++}`);
  writeFileSync(log, '');
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { PATH: folder, KUBECONFIG: join(folder, 'kubeconfig'), FAKE_LOG: log, FAKE_ANSWERS: JSON.stringify(answers), ...env },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  const calls = readFileSync(log, 'utf8').trim().split('\n').filter(Boolean);
  return { code, said, calls: calls.map((line) => JSON.parse(line) as { args: string[]; input: string }) };
}

test('without Pulumi it says how to get it', async () => {
  const { code, said } = await command(['up'], GOOD, { PATH: join(folder, 'nothing') });
  expect(said).toMatch(/^there is no "pulumi" on PATH.*\n {2}curl -fsSL https:\/\/get\.pulumi\.com \| sh/);
  expect(code).toBe(1);
});

test.each([
  ['whoami --verbose', 'error: PULUMI_ACCESS_TOKEN must be set', /log in, then run this again\.\n {2}pulumi login --local/],
  [
    'stack --show-name',
    'error: no stack selected; please use `pulumi stack select`',
    /no stack to work on: no stack selected.*\n {2}pulumi --cwd \S+ stack init dev/,
  ],
  [
    'config',
    'error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE',
    /encrypted with a passphrase\. Give it as PULUMI_CONFIG_PASSPHRASE/,
  ],
  ['config', 'error: incorrect passphrase', /The passphrase is not the one/],
])('when "pulumi %s" fails with "%s", it says what to do', async (call, error, expected) => {
  const { code, said, calls } = await command(['up'], { ...GOOD, [call]: [error, 255] });
  expect(said).toMatch(expected);
  expect(code).toBe(1);
  expect(calls.map(({ args }) => args[0])).not.toContain('up');
});

test('every setting that is wrong is told, and nothing is asked of a cluster', async () => {
  const settings = { ...SETTINGS, sise: 'dev', tierOne: { replicas: 'two' } };
  const { said, code } = await command(['up'], { ...GOOD, config: [config({ settings, gatewayContext: 'here' })] });
  expect(said).toMatch(/2 problems in the settings\n {2}sise: .*"size".*\n {2}tierOne\.replicas: /);
  expect(said).not.toContain('Kubernetes v');
  expect(code).toBe(1);
});

test('a context that is not there is told with those that are', async () => {
  const { said } = await command(['up'], { ...GOOD, config: [config({ settings: SETTINGS, gatewayContext: 'heer' })] });
  expect(said).toContain('has no context "heer"; did you mean "here"? (its contexts: here, there)');
});

test('missing kinds and missing leave are told together, and Pulumi does not begin', async () => {
  const { said, code, calls } = await command(['up'], GOOD);
  expect(said).toContain('cluster    here: http://127.0.0.1:');
  expect(said).toMatch(
    /the cluster does not know GatewayClass \(gateway\.networking\.k8s\.io\/v1\), Gateway .*\n {4}kubectl apply --server-side -f https:/,
  );
  expect(said).toContain(
    'this user may not get, create, patch, delete deployments.apps in tierkit-controller, tierkit-tier-one, tierkit-tier-two',
  );
  expect(code).toBe(1);
  expect(calls.map(({ args }) => args.slice(0, 2).join(' '))).not.toContain('config set');
});

test.each([['--patience'], ['--patience=5'], ['--patience', 'for ever']])(
  'a patience that is no duration is told: %s %s',
  async (...patience) => {
    const { said, code, calls } = await command(['up', ...patience], GOOD);
    expect(said).toMatch(/^--patience must be a duration such as 5m, or 0, not "/);
    expect({ code, calls }).toEqual({ code: 1, calls: [] });
  },
);

test('keys are made once, and go to Pulumi by its standard input', async () => {
  const { code, said, calls } = await command(['keys', '--stack', 'dev'], GOOD);
  const set = calls.find(({ args }) => args[1] === 'set')!;
  expect(code).toBe(0);
  expect(set.args).toEqual(['config', 'set', '--secret', 'generated', '--stack', 'dev']);
  expect(Object.keys((JSON.parse(set.input) as { pairs: object }).pairs)).toEqual(expect.arrayContaining(['tier-one', 'tier-two']));
  expect(said).toContain(
    'generated  mcp-sessions, mcp-sessions-more, tier-one, tier-two; kept encrypted in the configuration of stack dev',
  );
  expect(said).not.toContain('PRIVATE KEY');

  const again = await command(['keys'], { ...GOOD, config: [config({ ...HERE, generated: JSON.parse(set.input) as object })] });
  expect(again.calls.some(({ args }) => args[1] === 'set')).toBe(false);
});

test('a key pair is rotated step by step, and no step is taken too early', async () => {
  const generated = completed({ pairs: {}, texts: {} }, { pairs: new Set(['tier-one']), texts: new Set(['client-app']) }, 0);
  const kept = { ...GOOD, config: [config({ ...HERE, generated })] };
  const wrong = await command(['keys', 'rotate', 'tier-oen'], kept);
  expect(wrong.said).toContain('there is no key pair "tier-oen"; did you mean "tier-one"?');
  const announced = await command(['keys', 'rotate', 'tier-one'], kept);
  expect(announced.said).toContain('tier-one-2 the other tier will know it beside the old one. Now: npm run platform:up');
  const input = announced.calls.find(({ args }) => args[1] === 'set')!.input;
  const early = await command(['keys', 'rotate', 'tier-one'], {
    ...GOOD,
    config: [config({ ...HERE, generated: JSON.parse(input) as object })],
  });
  expect(early.said).toMatch(/may not be in all pods yet: wait \d+ s, or say --now/);
  expect(early.code).toBe(1);
  const shown = await command(['keys', 'show', 'client-app'], kept);
  expect(shown.said).toBe(`${generated.texts['client-app']}\n`);
});

test('down needs no settings; other options go to Pulumi as they are, and the command is shown', async () => {
  const { said, calls, code } = await command(['down', '-s', 'dev', '--config-file=/c.yaml', '--yes'], { destroy: ['', 0] });
  expect(calls).toEqual([{ args: ['destroy', '--yes', '--stack', 'dev', '--config-file', '/c.yaml'], input: '' }]);
  expect(said).toMatch(/^\$ pulumi --cwd \S+\/infra destroy --yes --stack dev --config-file \/c\.yaml\n/);
  expect(code).toBe(0);
});

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KubernetesClient } from '#core/kubernetes/client';
import { KubernetesError } from '#core/kubernetes/error';
import type { KubernetesObject } from '#core/kubernetes/resource';

import { Clients } from '../../tier2-gateway/real-load.fixture.ts';

const KUBECONFIG = process.env['TIERKIT_TEST_KUBECONFIG'];
const IMAGE = process.env['TIERKIT_IMAGE'];
/** With k6 as its entry point. */
const K6_IMAGE = process.env['TIERKIT_K6_IMAGE'];
const has = (program: string) => spawnSync(program, ['version'], { stdio: 'ignore' }).error === undefined;
const missing = [
  ...(has('pulumi') ? [] : ['pulumi on PATH (https://www.pulumi.com/docs/install/)']),
  ...(has('kubectl') ? [] : ['kubectl on PATH']),
  ...(KUBECONFIG === undefined ? ['TIERKIT_TEST_KUBECONFIG: the kubeconfig of a cluster that may be changed, with the CRDs'] : []),
  ...(IMAGE === undefined ? ['TIERKIT_IMAGE: an image of Tierkit that its nodes have, or can pull'] : []),
];
const isRequired = process.env['REQUIRE_REAL'] === '1';
const isSkipped = missing.length > 0 && !isRequired;
const isLoadSkipped = K6_IMAGE === undefined && !isRequired;
if (isSkipped) process.stderr.write(`skipped: pulumi up on a real cluster; it needs ${missing.join('; ')}\n`);
else if (isLoadSkipped)
  process.stderr.write('skipped: k6 as a Job; it needs TIERKIT_K6_IMAGE, an image that the nodes have, or can pull\n');

const COMMAND = join(import.meta.dirname, 'command.ts');
const INFRA = dirname(import.meta.dirname);
const TEAM = join(INFRA, 'team');
const LOAD = join(INFRA, '../loadtests/k6/run.ts');
const INSTANCE = `tk${process.pid}`;
const STACK = `test-${process.pid}`;
const NAMESPACES = {
  tierOne: `${INSTANCE}-one`,
  tierTwo: `${INSTANCE}-two`,
  controller: `${INSTANCE}-c`,
  redis: `${INSTANCE}-r`,
  observability: `${INSTANCE}-o`,
};
const MODELS = `${INSTANCE}-models`;
const TEAMS = `${INSTANCE}-team`;
const TEAM_KEY = `key-of-a-team-${process.pid}`;
const COMMAND_MS = 420_000;

const settingsFor = (pods: number) => ({
  size: 'dev',
  instance: INSTANCE,
  namespaces: NAMESPACES,
  image: { name: IMAGE?.replace(/:[^:/]*$/, ''), tag: /:([^:/]*)$/.exec(IMAGE ?? '')?.[1] ?? 'latest' },
  tierOne: { replicas: 2, clients: [{ name: 'app' }], exposure: { type: 'ClusterIP' } },
  tierTwo: { replicas: 2 },
  models: [{ namespace: MODELS, name: 'demo', runtime: 'simulator', speed: 100, replicas: pods }],
  observability: { prometheus: { mode: 'off' }, jaeger: { mode: 'off' }, phoenix: { mode: 'off' } },
});

describe.skipIf(isSkipped)('pulumi up on a real cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-pulumi-'));
  const config = join(folder, 'config.yaml');
  const env = {
    ...process.env,
    KUBECONFIG,
    PULUMI_BACKEND_URL: `file://${folder}`,
    PULUMI_CONFIG_PASSPHRASE: 'of a test',
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
  };
  const target = ['--stack', STACK, '--config-file', config];
  let client: KubernetesClient;
  let isUp = false;
  let hasTeam = false;
  const children: ChildProcess[] = [];

  const run = (program: string, args: readonly string[], its: NodeJS.ProcessEnv = env) =>
    new Promise<{ code: number | null; said: string }>((resolve) => {
      const child = spawn(program, args, { env: its, timeout: COMMAND_MS });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
      child.on('close', (code) => resolve({ code, said }));
    });
  const platform = (name: string, ...args: string[]) => run(process.execPath, [COMMAND, name, ...target, ...args]);
  const pulumi = (...args: string[]) => run('pulumi', ['--cwd', INFRA, ...args, '--non-interactive']);
  const teamConfig = join(folder, 'team.yaml');
  const team = (name: string, ...args: string[]) =>
    run('pulumi', ['--cwd', TEAM, name, '--stack', STACK, '--config-file', teamConfig, '--non-interactive', ...args]);
  const write = (pods: number) => writeFileSync(join(folder, 'settings.json'), JSON.stringify(settingsFor(pods)));
  const at = (path: string) => client.request<KubernetesObject>('GET', path);
  const deployment = (namespace: string, name: string) => at(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);

  beforeAll(async () => {
    if (missing.length > 0) throw new Error(`REQUIRE_REAL is set: ${missing.join('; ')}`);
    client = await KubernetesClient.connect({ kubeconfig: KUBECONFIG! });
    const context = spawnSync('kubectl', ['config', 'current-context'], { env, encoding: 'utf8' }).stdout.trim();
    writeFileSync(
      config,
      JSON.stringify({ config: { 'tierkit:settingsFile': join(folder, 'settings.json'), 'tierkit:gatewayContext': context } }),
    );
    write(1);
    const { code, said } = await pulumi('stack', 'init', STACK);
    // It goes to the project whatever file is meant; the configuration gets a salt of its own.
    rmSync(join(INFRA, `Pulumi.${STACK}.yaml`), { force: true });
    if (code !== 0) throw new Error(said);
  }, 60_000);

  afterAll(async () => {
    for (const child of children) child.kill();
    if (hasTeam) await team('destroy', '--yes');
    if (isUp) await platform('down', '--yes', '--non-interactive');
    await client?.close();
  }, COMMAND_MS);

  it('comes up from nothing, answers through both tiers, and says how to ask it', { timeout: COMMAND_MS }, async () => {
    isUp = true;
    const { code, said } = await platform('up', '--yes', '--non-interactive');
    expect({ code, said }).toMatchObject({ code: 0 });
    expect(said).toContain('generated  client-app, mcp-sessions, mcp-sessions-more, tier-one, tier-two; kept encrypted');
    const forward = /after: (kubectl .*) 1975:80$/m.exec(said)![1]!;
    const port = await freePort();
    children.push(spawn('sh', ['-c', `exec ${forward} ${port}:80`], { env, stdio: 'ignore' }));
    const key = await clientKey();
    const answer = await chat(port, key);
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'demo', usage: { prompt_tokens: expect.any(Number) as number } });
    expect(await statusAt(`http://127.0.0.1:${port}`, 'demo', 'wrong')).toBe(401);
  });

  it('is as it was told to be: nothing to change, nothing that changed by itself', { timeout: COMMAND_MS }, async () => {
    const preview = await platform('preview', '--expect-no-changes');
    expect(preview).toMatchObject({ code: 0 });
    const refresh = await pulumi('refresh', '--preview-only', '--expect-no-changes', ...target);
    expect(refresh).toMatchObject({ code: 0 });
    const state = await pulumi('stack', 'export', '--stack', STACK);
    expect(state.said).toContain('4dabf18193072939515e22adb298388d');
    expect(state.said).not.toContain('PRIVATE KEY');
  });

  it('changes in place', { timeout: COMMAND_MS }, async () => {
    const before = await deployment(MODELS, 'demo');
    const tier = await deployment(NAMESPACES.tierOne, 'tier-one');
    write(2);
    const { code, said } = await platform('up', '--yes', '--non-interactive');
    expect({ code, said }).toMatchObject({ code: 0 });
    const after = await deployment(MODELS, 'demo');
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(after['status']).toMatchObject({ readyReplicas: 2 });
    expect((await deployment(NAMESPACES.tierOne, 'tier-one')).metadata.generation).toBe(tier.metadata.generation);
    expect((await platform('status')).code).toBe(0);
  });

  it(
    'takes in a team by a stack of its own, whose key opens its own model, and brings it a new version',
    { timeout: COMMAND_MS },
    async () => {
      const { code, said } = await run('pulumi', ['--cwd', TEAM, 'stack', 'init', STACK, '--non-interactive']);
      rmSync(join(TEAM, `Pulumi.${STACK}.yaml`), { force: true });
      expect({ code, said }).toMatchObject({ code: 0 });
      hasTeam = true;
      const request = { name: TEAMS, model: 'of-the-team', owner: 'team' };
      const writeTeam = (more: object) =>
        writeFileSync(
          teamConfig,
          JSON.stringify({
            config: Object.fromEntries(
              Object.entries({ platform: `organization/tierkit/${STACK}`, request, keys: { app: TEAM_KEY }, ...more }).map(
                ([key, value]) => [`tierkit-team:${key}`, value] as const,
              ),
            ),
          }),
        );
      writeTeam({ keys: {} });
      const keyless = await team('preview');
      expect(keyless.code).not.toBe(0);
      expect(keyless.said).toContain('keys: no app has a key, and every request would be refused');

      writeTeam({});
      expect(await team('up', '--yes')).toMatchObject({ code: 0 });
      expect(await team('preview', '--expect-no-changes')).toMatchObject({ code: 0 });
      const url = `http://${await addressOfTierOne()}`;
      await expect.poll(() => statusAt(url, 'of-the-team', TEAM_KEY), { timeout: 30_000 }).toBe(200);
      expect(await statusAt(url, 'demo', TEAM_KEY)).toBe(401);
      expect(await statusAt(url, 'of-the-team', await clientKey())).toBe(401);

      writeTeam({ release: { version: 'v2', weight: 100 } });
      expect(await team('up', '--yes')).toMatchObject({ code: 0 });
      writeTeam({ version: 'v2' });
      expect(await team('up', '--yes')).toMatchObject({ code: 0 });
      expect(await isGone(`/apis/apps/v1/namespaces/${TEAMS}/deployments/${TEAMS}`)).toBe(true);
      expect(await statusAt(url, 'of-the-team', TEAM_KEY)).toBe(200);

      expect(await team('destroy', '--yes')).toMatchObject({ code: 0 });
      hasTeam = false;
      expect(await isGone(`/api/v1/namespaces/${TEAMS}`)).toBe(true);
      await expect.poll(() => statusAt(url, 'of-the-team', TEAM_KEY), { timeout: 30_000 }).not.toBe(200);
    },
  );

  it.skipIf(isLoadSkipped)(
    'is put under load by k6 in the cluster, through both tiers and past them',
    { timeout: COMMAND_MS },
    async () => {
      if (K6_IMAGE === undefined) throw new Error('REQUIRE_REAL is set: TIERKIT_K6_IMAGE');
      const { items } = await client.request<{ items: KubernetesObject[] }>('GET', `/api/v1/namespaces/${MODELS}/pods`);
      const { podIP } = items[0]!['status'] as { podIP: string };
      const places = {
        BASE_URL: `http://${await addressOfTierOne()}`,
        API_KEY: await clientKey(),
        POD_URLS: `http://${podIP}:8000`,
        SSE: 'yes',
      };
      const args = ['unary', '--job', '--image', K6_IMAGE, '--model', 'demo', '--tiers', 'pods,both', '--duration', '5s', '--rate', '5'];
      const out = join(folder, 'load');
      const { code, said } = await run(process.execPath, [LOAD, ...args, '--rounds', '1', '--out', out], { ...env, ...places });
      expect({ code, said }).toMatchObject({ code: 0 });
      const report = readFileSync(join(out, 'report.md'), 'utf8');
      expect(report).toMatch(/^\| the pods directly \|.*\| 100\.0 % \|/m);
      expect(report).toMatch(/^\| both tiers \|.*\| 100\.0 % \|/m);
    },
  );

  it('rolls each of its Deployments under streams, and every one of them is whole', { timeout: COMMAND_MS }, async () => {
    const headers = { authorization: `Bearer ${await clientKey()}`, 'content-type': 'application/json' };
    const url = `http://${await addressOfTierOne()}/v1/chat/completions`;
    const clients = new Clients(25, (index) => {
      const body = { model: 'demo', stream: true, max_tokens: 20 + (index % 5) * 30, messages: [{ role: 'user', content: `${index}` }] };
      return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    });
    const deployments = [
      [NAMESPACES.tierOne, 'tier-one'],
      [NAMESPACES.tierTwo, 'tier-two'],
      [MODELS, 'demo'],
      [NAMESPACES.controller, 'controller'],
    ] as const;
    for (const [namespace, name] of deployments) {
      for (const args of [['restart'], ['status', '--timeout=120s']]) {
        const { code, said } = await run('kubectl', ['-n', namespace, 'rollout', ...args, `deployment/${name}`]);
        expect({ code, said }).toMatchObject({ code: 0 });
      }
      // Until the last old pod has gone.
      await sleep(8000);
    }
    const { ok, bad } = await clients.end();
    process.stderr.write(`rolled under ${ok} streams\n`);
    expect(bad).toEqual(new Map());
    expect(ok).toBeGreaterThan(100);
  });

  it('goes, and leaves nothing', { timeout: COMMAND_MS }, async () => {
    const { code, said } = await platform('down', '--yes', '--non-interactive');
    expect({ code, said }).toMatchObject({ code: 0 });
    isUp = false;
    for (const namespace of [...Object.values(NAMESPACES), MODELS]) expect(await isGone(`/api/v1/namespaces/${namespace}`)).toBe(true);
    for (const path of [
      '/apis/rbac.authorization.k8s.io/v1/clusterroles',
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      '/apis/gateway.networking.k8s.io/v1/gatewayclasses',
    ]) {
      const { items } = await client.request<{ items: KubernetesObject[] }>('GET', path);
      expect(items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith(INSTANCE))).toEqual([]);
    }
    const { said: state } = await pulumi('stack', 'export', '--stack', STACK);
    expect(state).not.toContain('kubernetes:');
  });

  async function clientKey(): Promise<string> {
    return (await run(process.execPath, [COMMAND, 'keys', ...target, 'show', 'client-app'])).said.trim();
  }

  async function addressOfTierOne(): Promise<string> {
    const gateway = await at(`/apis/gateway.networking.k8s.io/v1/namespaces/${NAMESPACES.tierOne}/gateways/tier-one`);
    return (gateway['status'] as { addresses: { value: string }[] }).addresses[0]!.value;
  }

  async function isGone(path: string): Promise<boolean> {
    try {
      await at(path);
      return false;
    } catch (error) {
      return error instanceof KubernetesError && error.notFound;
    }
  }
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

const post = (url: string, model: string, key: string) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] }),
  });

async function statusAt(url: string, model: string, key: string): Promise<number> {
  const response = await post(url, model, key);
  await response.body?.cancel();
  return response.status;
}

/** Asks until the port is forwarded. */
async function chat(port: number, key: string): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    const response = await post(`http://127.0.0.1:${port}`, 'demo', key).catch((error: unknown) => {
      if (attempt === 60) throw error;
    });
    if (response !== undefined) return response.json();
    await sleep(500);
  }
}

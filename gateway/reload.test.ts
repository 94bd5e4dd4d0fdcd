import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway, type TestGatewayOptions } from './gateway.fixture.ts';
import { TierOne } from './main.ts';
import { ask, below, type Origin, startOrigin, to, webYaml } from './origin.fixture.ts';
import { gatewayYaml } from '#core/route/route.fixture';

interface Config {
  readonly generation: number;
  readonly hash: string;
  readonly lastReload: { readonly at?: string; readonly refused?: string };
  readonly ports: readonly { readonly port: number }[];
}

let dir: string;
let origin: Origin;
const running: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'reload-'));
  origin = await startOrigin('one');
  running.push(origin);
});
afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close();
  rmSync(dir, { recursive: true, force: true });
});

async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({ paths: [dir], ...options });
  running.push(gateway);
  return gateway;
}

function write(name: string, text: string): void {
  writeFileSync(join(dir, name), text);
}

async function configOf({ adminUrl }: TestGateway): Promise<Config> {
  return JSON.parse((await ask(`${adminUrl}/config`)).body) as Config;
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 20 });

/** One route below a prefix. */
const web = (prefix: string, gateway?: string) => webYaml({ web: origin.port }, { web: `{${below(prefix)}, ${to('web')}}` }, gateway);
const statusOf = async (url: string, path: string) => (await ask(url + path)).status;
const listeners = (...ports: number[]) => gatewayYaml(...ports.map((port) => `{name: p${port}, port: ${port}, protocol: HTTP}`));

describe('a file that changes', () => {
  it('is live soon, whether it is written, added, replaced or taken away', async () => {
    write('web.yaml', web('/a'));
    const gateway = await start();
    expect(await statusOf(gateway.url, '/a')).toBe(200);
    expect(await configOf(gateway)).toMatchObject({ generation: 1 });

    write('web.yaml', web('/b'));
    await eventually(async () => expect(await statusOf(gateway.url, '/b')).toBe(200));
    expect(await statusOf(gateway.url, '/a')).toBe(404);

    write('.new', web('/c'));
    renameSync(join(dir, '.new'), join(dir, 'web.yaml'));
    await eventually(async () => expect(await statusOf(gateway.url, '/c')).toBe(200));

    mkdirSync(join(dir, 'more'));
    write(
      'more/second.yaml',
      `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: second}\nspec: {parentRefs: [{name: gw}], rules: [{${below('/d')}, ${to('web')}}]}\n`,
    );
    await eventually(async () => expect(await statusOf(gateway.url, '/d')).toBe(200));

    unlinkSync(join(dir, 'more/second.yaml'));
    await eventually(async () => expect(await statusOf(gateway.url, '/d')).toBe(404));
    expect(await statusOf(gateway.url, '/c')).toBe(200);
  });

  it('is that of a mounted ConfigMap, whose links are swapped', async () => {
    const version = (name: string, prefix: string) => {
      mkdirSync(join(dir, name));
      write(`${name}/web.yaml`, web(prefix));
    };
    version('..v1', '/a');
    version('..v2', '/b');
    symlinkSync('..v1', join(dir, '..data'));
    symlinkSync('..data/web.yaml', join(dir, 'web.yaml'));
    const gateway = await start();
    expect(await statusOf(gateway.url, '/a')).toBe(200);
    symlinkSync('..v2', join(dir, '..data_tmp'));
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
    await eventually(async () => expect(await statusOf(gateway.url, '/b')).toBe(200));
  });

  it('is in a folder that a link leads to, and then leads to another', async () => {
    for (const [name, prefix] of [
      ['v1', '/a'],
      ['v2', '/b'],
    ] as const) {
      mkdirSync(join(dir, name));
      write(`${name}/web.yaml`, web(prefix));
    }
    symlinkSync('v1', join(dir, 'current'));
    const gateway = await start({ paths: [join(dir, 'current')] });
    symlinkSync('v2', join(dir, 'next'));
    renameSync(join(dir, 'next'), join(dir, 'current'));
    await eventually(async () => expect(await statusOf(gateway.url, '/b')).toBe(200));
    // What is behind the link now is what is watched.
    write('v2/web.yaml', web('/c'));
    await eventually(async () => expect(await statusOf(gateway.url, '/c')).toBe(200));
  });

  it('with the same text, or of another name, changes nothing', async () => {
    write('web.yaml', web('/a'));
    const gateway = await start();
    const before = await configOf(gateway);
    write('web.yaml', web('/a'));
    write('notes.md', 'no resource');
    expect(await gateway.tier.reload('test')).toBe(false);
    expect(await configOf(gateway)).toMatchObject({ generation: before.generation, hash: before.hash });
  });
});

describe('a bad configuration', () => {
  it('changes nothing, says why, and a good one is taken later', async () => {
    write('web.yaml', web('/a'));
    const gateway = await start();
    const before = await configOf(gateway);

    write('web.yaml', web('/b').replace('kind: Backend, name: web', 'kind: Backend, name: wbe'));
    await eventually(async () => expect((await configOf(gateway)).lastReload.refused).toBeDefined());
    const refused = await configOf(gateway);
    expect(refused.lastReload.refused).toContain('there is no Backend default/wbe; did you mean "web"?');
    expect(refused).toMatchObject({ generation: before.generation, hash: before.hash });
    expect(gateway.log.filter((line) => line.startsWith('error'))).toEqual([
      expect.stringContaining('error the new configuration is refused, the old one stays in service: 1 problem in the resources'),
    ]);
    expect([await statusOf(gateway.url, '/a'), await statusOf(gateway.url, '/b'), await statusOf(gateway.adminUrl, '/readyz')]).toEqual([
      200, 404, 200,
    ]);
    expect((await ask(`${gateway.adminUrl}/metrics`)).body).toMatch(/reloads\w*\{result="refused"\} [1-9]/);

    write('web.yaml', web('/b'));
    await eventually(async () => expect(await statusOf(gateway.url, '/b')).toBe(200));
    const after = await configOf(gateway);
    expect(after.generation).toBe(before.generation + 1);
    expect(after.lastReload.refused).toBeUndefined();
  });

  it.each<[string, (file: string) => void]>([
    ['that is no YAML', (file) => writeFileSync(file, 'a: [1')],
    ['that is empty', (file) => writeFileSync(file, '')],
    ['that is gone', (file) => unlinkSync(file)],
  ])('%s is one', async (_name, spoil) => {
    write('web.yaml', web('/a'));
    const gateway = await start();
    spoil(join(dir, 'web.yaml'));
    expect(await gateway.tier.reload('test')).toBe(false);
    expect((await configOf(gateway)).lastReload.refused).toBeDefined();
    expect(await statusOf(gateway.url, '/a')).toBe(200);
    write('web.yaml', web('/b'));
    await eventually(async () => expect(await statusOf(gateway.url, '/b')).toBe(200));
  });

  it('that is taken back is no more told of', async () => {
    write('web.yaml', web('/a'));
    const gateway = await start();
    write('web.yaml', 'kind: Zebra');
    await gateway.tier.reload('test');
    expect((await configOf(gateway)).lastReload.refused).toBeDefined();
    write('web.yaml', web('/a'));
    await gateway.tier.reload('test');
    expect(await configOf(gateway)).toMatchObject({ generation: 1, lastReload: { at: expect.any(String) as string } });
    expect((await configOf(gateway)).lastReload.refused).toBeUndefined();
  });

  it('keeps a process from starting, with every reason', async () => {
    write('web.yaml', `${web('/a')}---\nkind: Zebra\n`);
    await expect(start()).rejects.toThrow(/1 problem in the resources\n.*web\.yaml:\d+ \(document 5\): Zebra: apiVersion: is required/);
  });
});

describe('SIGHUP', () => {
  it('loads at once, and reloads that come together come one after the other', async () => {
    write('web.yaml', web('/a'));
    const gateway = await start();
    write('web.yaml', web('/b', listeners(80, 81)));
    // Both would open the new port.
    const changed = await Promise.all([gateway.tier.reload('SIGHUP'), gateway.tier.reload('SIGHUP')]);
    expect(changed.filter(Boolean)).toHaveLength(1);
    expect(await statusOf(gateway.url, '/b')).toBe(200);
    expect([...gateway.tier.ports.keys()]).toEqual([80, 81]);
    expect(gateway.log.join('\n')).toMatch(/info configuration 2 \([0-9a-f]{16}\) is in service: SIGHUP/);
  });
});

const refusing = (url: string) => expect(ask(url)).rejects.toThrow('ECONNREFUSED');

describe('listeners', () => {
  it('come and go with the configuration; those that stay keep their address', async () => {
    write('web.yaml', web('/a', listeners(80)));
    const gateway = await start();
    // The number of a listener does not move another one.
    write('web.yaml', web('/a', listeners(70, 80)));
    await gateway.tier.reload('test');
    const ports = gateway.tier.ports;
    expect([...ports.keys()]).toEqual([70, 80]);
    expect(gateway.url).toBe(`http://127.0.0.1:${ports.get(80)}`);
    const added = `http://127.0.0.1:${ports.get(70)}`;
    expect([await statusOf(gateway.url, '/a'), await statusOf(added, '/a')]).toEqual([200, 200]);
    expect((await configOf(gateway)).ports.map(({ port }) => port)).toEqual([70, 80]);

    write('web.yaml', web('/a', listeners(80)));
    await gateway.tier.reload('test');
    await eventually(() => refusing(added));
    expect(await statusOf(gateway.url, '/a')).toBe(200);
    expect([...gateway.tier.ports.keys()]).toEqual([80]);
  });

  it('that take the place of another take its address', async () => {
    write('web.yaml', web('/a', listeners(80)));
    const gateway = await start();
    write('web.yaml', web('/b', listeners(81)));
    await gateway.tier.reload('test');
    expect([...gateway.tier.ports.keys()]).toEqual([81]);
    expect([await statusOf(gateway.url, '/a'), await statusOf(gateway.url, '/b')]).toEqual([404, 200]);
  });

  it('have their routes each to itself', async () => {
    const second = `\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: second}\nspec: {parentRefs: [{name: gw, port: 81}], rules: [{${below('/second')}, ${to('web')}}]}\n`;
    write('web.yaml', web('/a', listeners(80, 81)) + second);
    const gateway = await start();
    const [first, other] = [...gateway.tier.ports.values()].map((port) => `http://127.0.0.1:${port}`);
    expect([await statusOf(first!, '/second'), await statusOf(other!, '/second'), await statusOf(other!, '/a')]).toEqual([404, 200, 200]);
  });

  it('whose address is taken are a bad configuration, which changes nothing', async () => {
    write('web.yaml', web('/a', listeners(80)));
    const { blocker, first } = await neighbours();
    running.push({ close: () => new Promise((resolve) => blocker.close(() => resolve())) });
    const log: string[] = [];
    const tier = new TierOne({
      sources: { paths: [dir], env: {} },
      host: '127.0.0.1',
      port: first,
      adminPort: 0,
      drainMs: 0,
      accessLog: undefined,
      log: (level, message) => void log.push(`${level} ${message}`),
    });
    await tier.start();
    running.push({ close: () => tier.stop() });
    expect([...tier.ports]).toEqual([[80, first]]);

    write('web.yaml', web('/b', listeners(80, 81)));
    expect(await tier.reload('test')).toBe(false);
    expect(log.at(-1)).toMatch(/^error the new configuration is refused, the old one stays in service: listen EADDRINUSE/);
    expect([await statusOf(`http://127.0.0.1:${first}`, '/a'), await statusOf(`http://127.0.0.1:${first}`, '/b')]).toEqual([200, 404]);
    expect(tier.configuration.current.generation).toBe(1);

    blocker.close();
    await eventually(async () => expect(await tier.reload('test')).toBe(true));
    expect([...tier.ports]).toEqual([
      [80, first],
      [81, first + 1],
    ]);
    expect(await statusOf(`http://127.0.0.1:${first + 1}`, '/b')).toBe(200);
  });
});

/** A port that is free, whose neighbour is taken. */
async function neighbours(): Promise<{ blocker: Server; first: number }> {
  for (;;) {
    const blocker = createServer();
    await new Promise<void>((resolve) => {
      blocker.listen(0, '127.0.0.1', resolve);
    });
    const first = (blocker.address() as AddressInfo).port - 1;
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(first, '127.0.0.1', () => resolve(true));
    });
    if (free) {
      await new Promise((resolve) => probe.close(resolve));
      return { blocker, first };
    }
    blocker.close();
  }
}

describe('a mounted Secret', () => {
  it('that is rotated is the credential of the next request', async () => {
    const versions = join(dir, 'secrets', 'ai');
    mkdirSync(versions, { recursive: true });
    const rotate = (version: string, key: string) => {
      mkdirSync(join(versions, `..${version}`));
      writeFileSync(join(versions, `..${version}`, 'apiKey'), key);
      symlinkSync(`..${version}`, join(versions, '..data_tmp'));
      renameSync(join(versions, '..data_tmp'), join(versions, '..data'));
    };
    rotate('v1', 'sk-old');
    symlinkSync('..data/apiKey', join(versions, 'apiKey'));
    const policy = `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: ai}
spec: {targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ai}], type: APIKey, apiKey: {secretRef: {name: ai}}}
`;
    const ai = await startOrigin('ai');
    running.push(ai);
    mkdirSync(join(dir, 'config'));
    write('config/ai.yaml', `${backendsYaml([{ name: 'ai', port: ai.port }])}\n---${routeYaml('m', ['ai'])}${policy}`);
    const gateway = await start({ paths: [join(dir, 'config')], secretDir: join(dir, 'secrets') });
    const keySent = async () => {
      await ask(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'm', messages: [] }),
      });
      return ai.requests.at(-1)!.headers.authorization;
    };
    expect(await keySent()).toBe('Bearer sk-old');
    rotate('v2', 'sk-new\n');
    await eventually(async () => expect(await keySent()).toBe('Bearer sk-new'));
    expect((await ask(`${gateway.adminUrl}/config`)).body).not.toMatch(/sk-/);
    expect(gateway.log.join('\n')).not.toMatch(/sk-/);
  });
});

describe('which configuration is in service', () => {
  it('is told at the admin port, and to requests that ask where that is allowed', async () => {
    write('web.yaml', web('/a'));
    const gateway = await start({ debugHeaders: true });
    const silent = await start();
    const debug = { headers: { 'x-tierkit-debug': 'config' } };
    const { generation, hash } = await configOf(gateway);
    expect([generation, hash]).toEqual([1, expect.stringMatching(/^[0-9a-f]{16}$/)]);
    expect((await ask(`${gateway.url}/a`, debug)).headers['x-tierkit-config']).toBe(`1 ${hash}`);
    expect((await ask(`${gateway.url}/nothing`, debug)).headers['x-tierkit-config']).toBe(`1 ${hash}`);
    expect((await ask(`${gateway.url}/a`)).headers['x-tierkit-config']).toBeUndefined();
    expect((await ask(`${silent.url}/a`, debug)).headers['x-tierkit-config']).toBeUndefined();
    expect((await configOf(silent)).hash).toBe(hash);

    write('web.yaml', web('/b'));
    await eventually(async () => expect((await configOf(gateway)).generation).toBe(2));
    expect(JSON.parse((await ask(`${gateway.adminUrl}/readyz`)).body)).toEqual({ status: 'ready', generation: 2 });
    const now = (await configOf(gateway)).hash;
    expect(now).not.toBe(hash);
    expect((await ask(`${gateway.url}/b`, debug)).headers['x-tierkit-config']).toBe(`2 ${now}`);
  });
});

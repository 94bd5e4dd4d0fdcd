import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { platform } from '../charts/platform.ts';
import { readSettings } from '../settings.ts';
import type { Prepared } from './preflight.ts';
import { pulumiCli } from './pulumi-cli.ts';
import { upWithPatience } from './up.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-up-test-'));

/** A CLI that is at one resource until it is interrupted or has waited long enough, and then takes a moment to end. */
const FAKE = `#!${process.execPath}
const { appendFileSync, writeFileSync } = require('node:fs');
const { FAKE_LOG, FAKE_RESOURCE, FAKE_MS } = process.env;
const events = process.argv[process.argv.indexOf('--event-log') + 1];
const event = (kind) => appendFileSync(events, JSON.stringify({ [kind]: { metadata: { urn: 'urn:pulumi:dev::t::' + FAKE_RESOURCE } } }) + '\\n');
process.on('SIGINT', () => {
  appendFileSync(FAKE_LOG, 'SIGINT ');
  setTimeout(() => process.exit(255), 300);
});
appendFileSync(FAKE_LOG, process.argv[4] + ' ' + process.env.PULUMI_DEBUG_COMMANDS + ' ');
// The log of a preview comes first, and is longer.
writeFileSync(events, JSON.stringify({ diagnosticEvent: { message: 'x'.repeat(9999) } }) + '\\n');
setTimeout(() => {
  writeFileSync(events, '');
  event('resourcePreEvent');
}, 200);
setTimeout(() => process.exit(0), Number(FAKE_MS));
`;

const RESOURCE = 'tier-one:Deployment/tierkit-tier-one/tier-one';
let pods: object[] = [];
const replicaSet = { metadata: { name: 'tier-one-1', ownerReferences: [{ kind: 'Deployment', name: 'tier-one' }] }, spec: { replicas: 1 } };
const asked: string[] = [];
const api = createServer(({ url = '' }, response) => {
  asked.push(url);
  const items = url.endsWith('/pods') ? pods : url.endsWith('/replicasets') ? [replicaSet] : [];
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ items }));
});
const pod = (reason: string, message = '') => ({
  metadata: { name: 'tier-one-1-a', ownerReferences: [{ kind: 'ReplicaSet', name: 'tier-one-1' }] },
  status: { phase: 'Pending', containerStatuses: [{ name: 'tier-one', image: 'x:1', state: { waiting: { reason, message } } }] },
});

beforeAll(async () => {
  writeFileSync(join(folder, 'pulumi'), FAKE);
  chmodSync(join(folder, 'pulumi'), 0o755);
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const cluster = { server: `http://127.0.0.1:${(api.address() as AddressInfo).port}` };
  writeFileSync(
    join(folder, 'kubeconfig'),
    JSON.stringify({ clusters: [{ name: 'c', cluster }], contexts: [{ name: 'here', context: { cluster: 'c' } }] }),
  );
});
afterAll(() => api.close());
beforeEach(() => asked.splice(0));

async function up(patienceMs: number, { resource = RESOURCE, ms = 1500 } = {}) {
  const log = join(folder, 'log');
  writeFileSync(log, '');
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const settings = readSettings({
    image: { name: 'x', tag: '1' },
    clusters: { gateway: { kubeconfig: join(folder, 'kubeconfig'), context: 'here' } },
    redis: { mode: 'external', url: { existing: 'redis' } },
  });
  const prepared = { settings, parts: platform(settings) } as unknown as Prepared;
  const env = { PATH: folder, FAKE_LOG: log, FAKE_RESOURCE: resource, FAKE_MS: String(ms) };
  const pulumi = pulumiCli({ folder, target: [], env, say });
  const code = await upWithPatience({ pulumi, folder, say }, prepared, ['up', '--yes'], { patienceMs, everyMs: 50 });
  return { code, said, log: readFileSync(log, 'utf8') };
}

test('what does not heal is told, and Pulumi is interrupted once', async () => {
  pods = [pod('ErrImagePull', 'not found')];
  const { code, said, log } = await up(200, { ms: 60_000 });
  expect(said).toEqual([
    `$ pulumi --cwd ${folder} up --yes`,
    '\npod tierkit-tier-one/tier-one-1-a: image x:1 cannot be pulled: not found',
    expect.stringMatching(/^\nThis does not heal by waiting: Pulumi is interrupted/),
  ]);
  expect({ code, log }).toEqual({ code: 255, log: 'up true SIGINT ' });
});

test('a Secret that others make is told with its command', async () => {
  pods = [pod('CreateContainerConfigError', 'secret "redis" not found')];
  const { said } = await up(200, { ms: 60_000 });
  expect(said[1]).toMatch(
    /secret "redis" not found\n {4}kubectl .*--context=here -n tierkit-tier-one create secret generic redis --from-file=REDIS_URL=FILE$/,
  );
});

test('pods that start are waited for', async () => {
  pods = [pod('ContainerCreating')];
  const { code, said, log } = await up(200);
  expect({ code, log, said: said.slice(1) }).toEqual({ code: 0, log: 'up true ', said: [] });
  expect(asked).toContain('/api/v1/namespaces/tierkit-tier-one/pods');
});

test('with no end to patience it waits as long as Pulumi does', async () => {
  pods = [pod('ErrImagePull', 'not found')];
  expect(await up(0)).toMatchObject({ code: 0, log: 'up true ' });
});

test('pods that Pulumi is not at are not looked at', async () => {
  pods = [pod('ErrImagePull', 'not found')];
  expect(await up(200, { resource: 'tier-one:ConfigMap/tierkit-tier-one/x' })).toMatchObject({ code: 0, log: 'up true ' });
  expect(asked).toEqual([]);
});

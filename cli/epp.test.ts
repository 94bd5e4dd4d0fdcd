import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { EppTls } from '../tier2-gateway/epp/client.ts';
import { asPicked, clientOf, HEADERS, pickWith } from '../tier2-gateway/epp/picker.fixture.ts';
import { selfSigned } from '#core/http/self-signed';
import { poolYaml } from '../tier2-gateway/tier-two.fixture.ts';
import { type Running, start, tierkit } from './command.fixture.ts';

let folder: string;
const started: Running[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-epp-'));
});
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.splice(0).map(({ ended }) => ended));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const pools = (...names: readonly string[]) => names.map((name, at) => poolYaml(name, [{ address: `127.0.0.1:6${at + 1}` }])).join('---');
const FREE = ['--grpc-port', '0', '--health-port', '0', '--admin-port', '0'];

async function run(...args: readonly string[]): Promise<Running & { readonly address: string; readonly admin: string }> {
  const running = start(['epp', ...FREE, ...args]);
  started.push(running);
  await running.said(/ready; admin on /);
  const address = /ext_proc on (\S+)/.exec(running.stderr())![1]!;
  const admin = /admin on (http:\S+)/.exec(running.stderr())![1]!;
  return { ...running, address, admin };
}

async function pickFrom(address: string, tls: EppTls | 'plaintext'): Promise<readonly string[]> {
  const client = clientOf(address, { tls });
  try {
    const exchange = client.open({ headers: HEADERS });
    const { endpoints } = asPicked(await pickWith(exchange, Buffer.from('{"model":"m","messages":[]}')));
    exchange.close();
    return endpoints;
  } finally {
    client.close();
  }
}

describe('tierkit epp', () => {
  test('picks, follows its file and SIGHUP, and ends on SIGTERM', async () => {
    const file = write('pool.yaml', pools('p'));
    const epp = await run(file);
    expect(epp.stderr()).toContain('picking for InferencePool default/p');
    expect(epp.stderr()).toContain('no gateway can verify');
    expect(await pickFrom(epp.address, { insecure: true })).toEqual(['127.0.0.1:61']);
    writeFileSync(file, pools('p').replace('127.0.0.1:61', '127.0.0.1:69'));
    await epp.said(/configuration 2 .* is in service/);
    expect(await pickFrom(epp.address, { insecure: true })).toEqual(['127.0.0.1:69']);
    writeFileSync(file, pools('p', 'q'));
    epp.child.kill('SIGHUP');
    await epp.said('the new configuration is refused');
    expect(await pickFrom(epp.address, { insecure: true })).toEqual(['127.0.0.1:69']);
    expect((await fetch(`${epp.admin}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${epp.admin}/metrics`)).text()).toContain('tierkit_requests_total');
    epp.child.kill('SIGTERM');
    expect(await epp.ended).toBe(0);
    expect(epp.stdout()).toBe('');
  });

  test('picks for the pool that is named, with the certificate that is given', async () => {
    const { cert, key } = selfSigned(['localhost', '127.0.0.1']);
    const files = ['--tls-cert', write('tls.crt', cert), '--tls-key', write('tls.key', key)];
    const epp = await run(write('two.yaml', pools('p', 'q')), '--pool', 'q', ...files);
    expect(await pickFrom(epp.address.replace('127.0.0.1', 'localhost'), { ca: cert })).toEqual(['127.0.0.1:62']);
    expect(epp.stderr()).not.toContain('no gateway can verify');
  });

  test('is in plain text where that is wanted', async () => {
    const epp = await run(write('plain.yaml', pools('p')), '--insecure-plaintext');
    expect(epp.stderr()).toContain('no TLS');
    expect(await pickFrom(epp.address, 'plaintext')).toEqual(['127.0.0.1:61']);
  });

  test.concurrent.each<[string, number, string, readonly string[]]>([
    ['no PATH', 1, 'no PATH is given', []],
    ['an option that is none', 2, 'did you mean', ['.', '--grcp-port', '1']],
    ['a port that is none', 2, '--health-port must be a port', ['.', '--health-port', 'x']],
    ['half a certificate', 2, '--tls-cert and --tls-key are given together', ['.', '--tls-cert', 'a.crt']],
    ['TLS and none', 2, 'exclude each other', ['.', '--tls-cert', 'a.crt', '--tls-key', 'a.key', '--insecure-plaintext']],
    ['a file that is not there', 1, '--tls-cert: ENOENT', ['.', '--tls-cert', 'gone.crt', '--tls-key', 'gone.key']],
    ['no number of endpoints', 2, '--max-endpoints must be a number', ['.', '--max-endpoints', '0']],
  ])('refuses %s', async (_, code, message, args) => {
    const ended = await tierkit(['epp', ...args]);
    expect(ended.stderr).toContain(message);
    expect(ended.code).toBe(code);
  });

  test('names the pools when one has to be chosen, and the nearest one', async () => {
    const file = write('choose.yaml', pools('chat', 'code'));
    const none = await tierkit(['epp', ...FREE, file]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('choose it with --pool: default/chat, default/code');
    const wrong = await tierkit(['epp', ...FREE, file, '--pool', 'cod']);
    expect(wrong.stderr).toContain('--pool: there is no InferencePool default/cod; did you mean "default/code"?');
  });

  test('says which port is taken', async () => {
    const epp = await run(write('taken.yaml', pools('p')));
    const port = epp.address.split(':')[1]!;
    const second = await tierkit(['epp', ...FREE, '--grpc-port', port, join(folder, 'taken.yaml')]);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(new RegExp(`cannot listen on 127.0.0.1:${port}: .*--grpc-port`));
    const admin = /:(\d+)$/.exec(epp.admin)![1]!;
    const third = await tierkit(['epp', ...FREE, '--admin-port', admin, join(folder, 'taken.yaml')]);
    expect(third.stderr).toContain(`port ${admin} is taken; choose another one with --admin-port`);
  });
});

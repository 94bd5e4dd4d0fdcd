import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { backendsYaml, routeYaml } from '../gateway/gateway.fixture.ts';
import { startRecorder } from '../gateway/recorder.fixture.ts';
import { type Env, type Running, start, tierkit } from './command.fixture.ts';

type Upstream = Awaited<ReturnType<typeof startRecorder>>;
let upstream: Upstream;
let folder: string;
const started: Running[] = [];

beforeAll(async () => {
  upstream = await startRecorder();
  folder = mkdtempSync(join(tmpdir(), 'tierkit-run-'));
});

beforeEach(() => {
  upstream.seen.length = 0;
});

afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.splice(0).map(({ ended }) => ended));
});

afterAll(async () => {
  await upstream.close();
  rmSync(folder, { recursive: true });
});

const FREE = ['--port', '0', '--admin-port', '0'];

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Starts a gateway and waits until it is ready. */
async function run(args: readonly string[], env: Env = {}): Promise<Running & { readonly url: string; readonly admin: string }> {
  const running = start(['run', ...FREE, ...args], env);
  started.push(running);
  await running.said(/ready; admin on /);
  const url = /listening on (http:\S+)/.exec(running.stderr())![1]!;
  const admin = /admin on (http:\S+)/.exec(running.stderr())![1]!;
  return { ...running, url, admin };
}

const chat = (url: string, body: object, signal?: AbortSignal) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [], ...body }),
    ...(signal === undefined ? {} : { signal }),
  });

/** Runs the command of a ready line as a shell would split it, with fetch instead of curl. */
async function paste(gateway: Running): Promise<{ status: number; text: string }> {
  const example = /\n(curl -s [^]*?)\n\n/;
  await gateway.said(example);
  const command = example.exec(gateway.stderr())![1]!;
  const words = [...command.replaceAll('\\\n', ' ').matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
  expect(words.slice(0, 2)).toEqual(['curl', '-s']);
  const headers: [string, string][] = [];
  let body = '';
  for (let at = 3; at < words.length; at += 2) {
    const value = words[at + 1]!;
    if (words[at] === '-d') body = value;
    else headers.push([value.slice(0, value.indexOf(':')), value.slice(value.indexOf(':') + 1).trim()]);
  }
  const answer = await fetch(words[2]!, { method: 'POST', headers, body });
  return { status: answer.status, text: await answer.text() };
}

/** An upstream whose stream goes on until it is told to end. */
function streaming(): { finish: () => void } {
  let finish: (() => void) | undefined;
  upstream.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n');
    finish = () => void response.end('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
  };
  return { finish: () => finish?.() };
}

const env = () => ({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: `http://127.0.0.1:${upstream.port}` });

describe('a start that cannot be', () => {
  test.each<[string, string[], Env, RegExp]>([
    ['nothing to serve', [], {}, /^tierkit run: no PATH is given and no key is set: .*OPENAI_API_KEY/],
    [
      'a bad base URL',
      [],
      { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'localhost:1' },
      /^tierkit run: OPENAI_BASE_URL must be a URL .*"localhost:1" is not$/,
    ],
    ['a key that is none', [], { OPENAI_API_KEY: 'a b' }, /^tierkit run: OPENAI_API_KEY has spaces/],
    [
      'half of Azure',
      [],
      { AZURE_OPENAI_API_KEY: 'k', OPENAI_API_VERSION: '1' },
      /^tierkit run: AZURE_OPENAI_API_KEY is set, and AZURE_OPENAI_ENDPOINT is not/,
    ],
    [
      'a path that is not there',
      ['gone.yaml'],
      {},
      /^tierkit run: 1 problem in the resources\ngone\.yaml: there is no such file or folder$/,
    ],
    ['a plugin that is not there', ['--plugin', 'gone.ts', 'gone.yaml'], {}, /^tierkit run: plugin gone\.ts: there is no such file$/],
    [
      'a foreign address',
      ['--host', '192.0.2.1'],
      { OPENAI_API_KEY: 'k' },
      /^tierkit run: --host 192\.0\.2\.1 is no address of this machine$/,
    ],
    [
      'a foreign address of the admin listener',
      ['--admin-host', '192.0.2.1'],
      { OPENAI_API_KEY: 'k' },
      /^tierkit run: --admin-host 192\.0\.2\.1 is no address of this machine$/,
    ],
  ])('%s is told in one line, and is exit code 1', async (_, args, env, message) => {
    const { code, stdout, stderr } = await tierkit(['run', ...FREE, ...args], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd()).toMatch(message);
  });

  test('bad YAML is told with its file and line', async () => {
    const { code, stderr } = await tierkit(['run', ...FREE, write('bad.yaml', 'kind: Gateway\nspec: {a: [1}\n')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tierkit run: 1 problem in the resources\n.*bad\.yaml:2 \(document 1\): \S.*\n$/);
  });

  test('a port that is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => {
      taken.listen(0, '127.0.0.1', resolve);
    });
    const port = String((taken.address() as AddressInfo).port);
    const [main, admin] = await Promise.all([
      tierkit(['run', '--port', port, '--admin-port', '0'], { OPENAI_API_KEY: 'k' }),
      tierkit(['run', '--port', '0', '--admin-port', port], { OPENAI_API_KEY: 'k' }),
    ]);
    expect(main).toEqual({ code: 1, stdout: '', stderr: `tierkit run: port ${port} is taken; choose another one with --port\n` });
    expect(admin).toEqual({ code: 1, stdout: '', stderr: `tierkit run: port ${port} is taken; choose another one with --admin-port\n` });
    taken.close();
  });
});

describe('a running gateway', () => {
  test('from the environment: its own example works, and each request is a line of JSON', async () => {
    const gateway = await run([], { OPENAI_API_KEY: 'key-${HOME}-$1', OPENAI_BASE_URL: `http://127.0.0.1:${upstream.port}/base/v1` });
    expect(await paste(gateway)).toMatchObject({ status: 200 });
    expect(upstream.last().url).toBe('/base/v1/chat/completions');
    expect(upstream.last().headers.authorization).toBe('Bearer key-${HOME}-$1');
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    const lines = gateway.stdout().trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ response_code: 200, operation: 'chat', genai_tokens_total: 5 });
    expect(gateway.stderr()).not.toContain('key-$');
  });

  test('from the environment with Anthropic alone: its own example works', async () => {
    const gateway = await run([], { ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: `http://127.0.0.1:${upstream.port}` });
    expect(await paste(gateway)).toMatchObject({ status: 200 });
    expect(upstream.last()).toMatchObject({ url: '/v1/messages', headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' } });
  });

  test('from a file: its own example works, a change is live, a bad one is not', async () => {
    const path = write('routes.yaml', [backendsYaml([{ name: 'a', port: upstream.port }]), routeYaml('first', ['a'])].join('\n---\n'));
    const gateway = await run([path]);
    expect(await paste(gateway)).toMatchObject({ status: 200 });

    write('routes.yaml', [backendsYaml([{ name: 'a', port: upstream.port }]), routeYaml('second', ['a'])].join('\n---\n'));
    gateway.child.kill('SIGHUP');
    await gateway.said(/configuration 2 \(\w+\) is in service/);
    expect((await chat(gateway.url, { model: 'second' })).status).toBe(200);
    expect((await chat(gateway.url, { model: 'first' })).status).toBe(404);

    write('routes.yaml', 'kind: [');
    gateway.child.kill('SIGHUP');
    await gateway.said('the old one stays in service');
    expect((await chat(gateway.url, { model: 'second' })).status).toBe(200);
    expect(((await (await fetch(`${gateway.admin}/config`)).json()) as { lastReload: { refused: string } }).lastReload.refused).toContain(
      'routes.yaml',
    );
  });

  test('with endpoints elsewhere, a plugin, and no access log', async () => {
    const plugin = write('plugin.ts', `export default { name: 'p', attempt: (): object => ({ setHeaders: { 'x-plugin': 'was-here' } }) };`);
    const args = ['--root-prefix', '/gw', '--endpoint-prefixes', 'openai:/oai,anthropic:/', '--plugin', plugin, '--no-access-log'];
    const gateway = await run(args, { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: `http://127.0.0.1:${upstream.port}` });
    expect((await chat(`${gateway.url}/gw/oai`, { model: 'm' })).status).toBe(200);
    expect(upstream.last().headers['x-plugin']).toBe('was-here');
    expect((await chat(gateway.url, { model: 'm' })).status).toBe(404);
    gateway.child.kill('SIGINT');
    expect(await gateway.ended).toBe(0);
    expect(gateway.stdout()).toBe('');
  });
});

describe('SIGTERM', () => {
  test('lets a stream come to its end, takes no new request, and is exit code 0', async () => {
    const { finish } = streaming();
    const gateway = await run(['--drain', '20s'], env());
    const reader = (await chat(gateway.url, { model: 'm', stream: true })).body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader.read()).value ?? '';
    gateway.child.kill('SIGTERM');
    await gateway.said('SIGTERM: draining');
    expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(503);
    // The port is closed once load balancers had time to notice.
    const open = () =>
      fetch(`${gateway.url}/v1/models`).then(
        (answer) => answer.text(),
        () => undefined,
      );
    while ((await open()) !== undefined) await sleep(20);
    finish();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
    expect(text).toContain('[DONE]');
    expect(await gateway.ended).toBe(0);
    const lines = gateway
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find((line) => line['operation'] === 'chat')).toMatchObject({ complete: true, response_code: 200, stream: true });
  });

  test('cuts what lasts longer than --drain', async () => {
    streaming();
    const gateway = await run(['--drain', '300ms'], env());
    const reader = (await chat(gateway.url, { model: 'm', stream: true })).body!.getReader();
    await reader.read();
    gateway.child.kill('SIGTERM');
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow('terminated');
    expect(await gateway.ended).toBe(0);
  });

  test('twice ends it at once', async () => {
    streaming();
    const gateway = await run(['--drain', '60s'], env());
    const reader = (await chat(gateway.url, { model: 'm', stream: true })).body!.getReader();
    await reader.read();
    gateway.child.kill('SIGTERM');
    await gateway.said('draining');
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(143);
    await reader.cancel().catch(() => undefined);
  });
});

test('Secrets come from mounted files', async () => {
  const secrets = join(folder, 'secrets');
  mkdirSync(join(secrets, 'a'), { recursive: true });
  const key = createHash('sha1').update('x').digest('hex');
  writeFileSync(join(secrets, 'a', 'apiKey'), `${key}\n`);
  upstream.answer = (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"x"}');
  const yaml = [backendsYaml([{ name: 'a', port: upstream.port, key: 'REMOVE' }]), routeYaml('m', ['a'])]
    .join('\n---\n')
    .replace(/---\napiVersion: v1\nkind: Secret\n[^]*?"REMOVE"}\n*/, '');
  const gateway = await run([write('mounted.yaml', yaml), '--secret-dir', secrets]);
  expect((await chat(gateway.url, { model: 'm' })).status).toBe(200);
  expect(upstream.last().headers.authorization).toBe(`Bearer ${key}`);
});

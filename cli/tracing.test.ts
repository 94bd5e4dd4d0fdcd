import { createServer, type RequestListener } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { afterEach, describe, expect, it } from 'vitest';

import { backendsYaml, routeYaml } from '../gateway/gateway.fixture.ts';
import { type Env, start, tierkit } from './command.fixture.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(answer: RequestListener): Promise<number> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

const ANSWER = JSON.stringify({
  id: 'c',
  model: 'm',
  choices: [{ message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
});

async function run(env: Env) {
  const folder = mkdtempSync(join(tmpdir(), 'tracing-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const port = await listen((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER));
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, `${backendsYaml([{ name: 'a', port }])}\n---\n${routeYaml('m', ['a'])}`);
  const gateway = start(['run', file, '--port', '0', '--admin-port', '0', '--drain', '0s'], { OTEL_BSP_SCHEDULE_DELAY: '10', ...env });
  closers.push(() => gateway.child.kill('SIGKILL'));
  await gateway.said('ready; admin on');
  const [, url, admin] = /listening on (\S+)[^]*admin on (\S+)/.exec(gateway.stderr())!;
  const chat = () =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'canary-content' }] }),
    });
  const lost = async () => {
    const page = await (await fetch(`${admin}/metrics`)).text();
    return Number(/^tierkit_telemetry_dropped_total\{[^}]*\} (\d+)/m.exec(page)?.[1] ?? 0);
  };
  const stop = async () => {
    gateway.child.kill('SIGTERM');
    return gateway.ended;
  };
  return { gateway, chat, lost, stop };
}

describe('a collector', () => {
  it('gets the spans of the last request when the gateway stops, as the standard settings say', async () => {
    const bodies: { readonly headers: object; readonly text: string }[] = [];
    const port = await listen((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push({ headers: request.headers, text: gunzipSync(Buffer.concat(chunks)).toString('latin1') });
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    const { chat, stop, gateway } = await run({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/traces`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-project-name=shop,authorization=Bearer%20canary-header',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_SERVICE_NAME: 'front',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_BSP_SCHEDULE_DELAY: '60000',
    });
    expect((await chat()).status).toBe(200);
    expect(bodies).toEqual([]);
    expect(await stop()).toBe(0);
    const [body] = bodies;
    expect(body!.headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'x-project-name': 'shop' });
    for (const text of ['ChatCompletion', 'front', 'deployment.environment.name', 'openinference.span.kind'])
      expect(body!.text).toContain(text);
    expect(body!.text).not.toContain('canary-content');
    expect(gateway.stderr() + gateway.stdout()).not.toMatch(/canary/);
    expect(gateway.stderr()).toContain('content is hidden');
  });

  it.each([
    ['is not there', (): Promise<number> => Promise.resolve(9)],
    [
      'refuses',
      (): Promise<number> =>
        listen((request, response) => void request.resume().on('end', () => response.writeHead(400).end('canary-said'))),
    ],
  ] as const)('that %s costs no request, and is told once', async (_, portOf) => {
    const port = await portOf();
    const { gateway, chat, lost, stop } = await run({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:canary-password@127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    });
    for (let each = 0; each < 30; each++) {
      const answer = await chat();
      expect(answer.status).toBe(200);
      expect(await answer.text()).toBe(ANSWER);
    }
    await gateway.said(/traces do not reach http:\/\/127\.0\.0\.1:\d+\/v1\/traces: /);
    while ((await lost()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await stop()).toBe(0);
    expect(gateway.stderr().match(/do not reach/g)).toHaveLength(1);
    expect(gateway.stderr()).not.toContain('canary');
  });

  it('that never answers holds neither a request nor the end', async () => {
    const port = await listen(() => undefined);
    const { gateway, chat, lost, stop } = await run({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
      OTEL_BSP_MAX_QUEUE_SIZE: '5',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
    });
    for (let each = 0; each < 30; each++) expect((await chat()).status).toBe(200);
    expect(await lost()).toBeGreaterThan(10);
    expect(await stop()).toBe(0);
    expect(gateway.stderr()).toContain('SIGTERM');
  });
});

it.each([
  [{ AI_GATEWAY_TRACING_SEMCONV: 'openinfrence' }, 'did you mean "openinference"'],
  [{ OPENINFERENCE_HIDE_INPUT: 'true' }, 'did you mean "HIDE_INPUTS"'],
])('%j stops the start', async (env: Env, message) => {
  for (const command of ['run', 'tier2']) {
    const { code, stderr } = await tierkit([command, 'nowhere.yaml'], env);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  }
});

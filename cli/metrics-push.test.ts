import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { backendsYaml, routeYaml } from '../gateway/gateway.fixture.ts';
import { type Env, start, tierkit } from './command.fixture.ts';

// A test starts the program several times: on a slow machine that takes longer than what else tests do.
vi.setConfig({ testTimeout: 60_000 });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const ANSWER = JSON.stringify({ id: 'c', model: 'm', choices: [], usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 } });

interface Seen {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Answers everything, and remembers it. */
async function listen(body: string): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    request.on('end', () => {
      seen.push({ path: request.url!, headers: request.headers, text });
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

/** Extensions as users write them: with the package that is there for that, and nothing of ours. */
const PLUGIN = `
import { metrics, trace } from '@opentelemetry/api';
const tracer = trace.getTracer('plugin');
const checked = metrics.getMeter('plugin').createCounter('plugin.checked');
const told = (name) => {
  checked.add(1);
  tracer.startActiveSpan(name, (span) => span.end());
};
export default {
  name: 'told',
  authorize: async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    told('plugin authorize');
  },
  attempt: async () => told('plugin attempt'),
  settled: () => told('plugin settled'),
};
`;

async function run(env: Env) {
  const folder = mkdtempSync(join(tmpdir(), 'push-'));
  // An extension has its packages beside it.
  symlinkSync(join(import.meta.dirname, '../node_modules'), join(folder, 'node_modules'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const backend = await listen(ANSWER);
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, `${backendsYaml([{ name: 'a', port: backend.port }])}\n---\n${routeYaml('m', ['a'])}`);
  writeFileSync(join(folder, 'plugin.mjs'), PLUGIN);
  const gateway = start(['run', file, '--port', '0', '--admin-port', '0', '--drain', '0s', '--plugin', join(folder, 'plugin.mjs')], env);
  closers.push(() => gateway.child.kill('SIGKILL'));
  await gateway.said('ready; admin on');
  const [, url, admin] = /listening on (\S+)[^]*admin on (\S+)/.exec(gateway.stderr())!;
  const chat = (headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'm', messages: [] }),
    });
  const page = async () => (await fetch(`${admin}/metrics`)).text();
  const stop = async () => {
    gateway.child.kill('SIGTERM');
    return gateway.ended;
  };
  return { gateway, backend, chat, page, stop };
}

interface Told {
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

const spansOf = (seen: readonly Seen[]): Told[] =>
  seen
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ text }) => (JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Told[] }[] }[] }).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));

describe('a gateway', () => {
  it('sends its last metrics, its last spans and those of extensions when it stops, each once', async () => {
    const collector = await listen('{}');
    const { chat, stop, page } = await run({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_BSP_SCHEDULE_DELAY: '60000',
      OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES: 'x-tenant-id:tenant.id',
    });
    expect((await chat({ 'x-tenant-id': 'acme' })).status).toBe(200);
    expect(await page()).toMatch(/^gen_ai_client_token_usage_sum\{.*tenant_id="acme".*\} 7$/m);
    expect(collector.seen).toEqual([]);
    expect(await stop()).toBe(0);
    expect(collector.seen.map(({ path }) => path)).toEqual(['/v1/traces', '/v1/metrics']);
    const spans = spansOf(collector.seen);
    const request = spans.find(({ name }) => name === 'ChatCompletion')!;
    const plugins = spans.filter(({ name }) => name.startsWith('plugin '));
    expect(plugins.map(({ name }) => name).sort()).toEqual(['plugin attempt', 'plugin authorize', 'plugin settled']);
    expect(new Set(plugins.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([request.spanId]));
    const metrics = collector.seen[1]!.text;
    for (const text of ['gen_ai.client.token.usage', '"tenant.id"', 'acme', 'plugin.checked', 'tierkit_telemetry_exported_total'])
      expect([text, metrics.includes(text)]).toEqual([text, true]);
  });

  it('whose collector of metrics is not there answers, says it once, and stops', async () => {
    const { gateway, chat, stop, page } = await run({
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://user:canary-password@127.0.0.1:9/v1/metrics',
      OTEL_METRIC_EXPORT_INTERVAL: '50',
      OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '20',
    });
    await gateway.said(/metrics do not reach http:\/\/127\.0\.0\.1:9\/v1\/metrics: /);
    for (let each = 0; each < 20; each++) expect((await chat()).status).toBe(200);
    while (!/export_failures_total\{signal="metrics"\} ([3-9]|\d\d)/.test(await page()))
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await stop()).toBe(0);
    expect(gateway.stderr().match(/do not reach/g)).toHaveLength(1);
    expect(gateway.stderr() + gateway.stdout()).not.toContain('canary');
  });

  it('gives a client’s baggage to no provider', async () => {
    const collector = await listen('{}');
    for (const env of [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}` }] as Env[]) {
      const { backend, chat, stop } = await run(env);
      expect((await chat({ baggage: 'user=canary', 'x-kept': '1' })).status).toBe(200);
      expect(backend.seen[0]!.headers).toMatchObject({ 'x-kept': '1' });
      expect(backend.seen[0]!.headers).not.toHaveProperty('baggage');
      await stop();
    }
  });
});

it.each([
  [{ OTEL_METRICS_EXPORTER: 'oltp' }, 'did you mean "otlp"'],
  [{ OTEL_PROPAGATORS: 'jaeger' }, 'which is not served'],
  [{ OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES: 'agent-session-id:session.id' }, 'a new value for each conversation'],
])('%j stops the start', async (env: Env, message) => {
  for (const command of [['run'], ['tier2'], ['epp']]) {
    const { code, stderr } = await tierkit([...command, 'nowhere.yaml'], env);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  }
});

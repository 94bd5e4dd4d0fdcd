import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { context, logs, metrics as metricsApi, propagation, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Metrics } from './metrics.ts';
import { openTelemetry, type Telemetry } from './sdk.ts';
import { InvalidTelemetrySettings } from './sdk-settings.ts';

interface Post {
  readonly path: string;
  readonly body: Posted;
}

interface Posted {
  readonly resourceSpans?: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Span[] }[];
  }[];
  readonly resourceMetrics?: { scopeMetrics: { scope: { name: string }; metrics: { name: string }[] }[] }[];
}

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  trace.disable();
  metricsApi.disable();
  logs.disable();
  context.disable();
  propagation.disable();
  vi.unstubAllEnvs();
});

async function collector(): Promise<{ url: string; posts: Post[] }> {
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      posts.push({ path: request.url!, body: JSON.parse(text) as Posted });
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posts };
}

/** As a process would be started; the SDK's exporters read its environment. */
async function open(env: Record<string, string>): Promise<Telemetry & { lines: string[] }> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const lines: string[] = [];
  const log = (level: string, message: string): void => void lines.push(`${level} ${message}`);
  const telemetry = await openTelemetry({ env, serviceName: 'test', version: '1', log });
  closers.push(async () => {
    await telemetry.tracing?.close(1000);
    await telemetry.push?.close(1000);
  });
  return { ...telemetry, lines };
}

const span = (): void => trace.getTracer('extension').startSpan('s').end();

const spansIn = (posts: readonly Post[]): Span[] =>
  posts.flatMap(({ body }) => body.resourceSpans ?? []).flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));

describe('code of extensions', () => {
  it('has spans below the request’s, in the queue of ours, once, and of this service', async () => {
    const { url, posts } = await collector();
    const { tracing } = await open({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_SERVICE_NAME: 'shop',
      OTEL_METRIC_EXPORT_INTERVAL: '5',
      OTEL_BLRP_SCHEDULE_DELAY: '5',
      OTEL_BSP_SCHEDULE_DELAY: '5',
    });
    const request = tracing!.start({});
    await request.within(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      trace.getTracer('extension').startActiveSpan('outer', (outer) => {
        trace.getTracer('extension').startSpan('inner').end();
        outer.end();
      });
    });
    await tracing!.flush(2000);
    const spans = spansIn(posts);
    expect(spans.map(({ name }) => name)).toEqual(['inner', 'outer']);
    const [inner, outer] = spans as [Span, Span];
    expect([outer.traceId, outer.parentSpanId]).toEqual([request.traceId, request.spanId]);
    expect([inner.traceId, inner.parentSpanId]).toEqual([request.traceId, outer.spanId]);
    expect(tracing!.counts).toMatchObject({ exported: 2, dropped: 0 });
    const { attributes } = posts[0]!.body.resourceSpans![0]!.resource;
    expect(attributes.find(({ key }) => key === 'service.name')?.value.stringValue).toBe('shop');
    // Exporters that the SDK makes of the environment would have sent by now, or at the end.
    metricsApi.getMeter('extension').createCounter('c').add(1);
    logs.getLogger('extension').emit({ body: 'told' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await tracing!.close(1000);
    expect(new Set(posts.map(({ path }) => path))).toEqual(new Set(['/v1/traces']));
    expect(spansIn(posts)).toHaveLength(2);
  });

  it('has no span where the request is not sampled, and is dropped and counted where the queue is full', async () => {
    const { url, posts } = await collector();
    const { tracing } = await open({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
      OTEL_BSP_MAX_QUEUE_SIZE: '3',
      OTEL_BSP_SCHEDULE_DELAY: '60000',
    });
    tracing!.start({}).within(span);
    span();
    expect(tracing!.counts.waiting).toBe(0);
    const sampled = tracing!.start({ traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' });
    for (let each = 0; each < 5; each++) sampled.within(span);
    expect(tracing!.counts).toMatchObject({ waiting: 3, dropped: 2 });
    await tracing!.flush(2000);
    expect(spansIn(posts)).toHaveLength(3);
  });

  it('has meters whose metrics go along with ours, and no second reader', async () => {
    const { url, posts } = await collector();
    const { push, tracing } = await open({
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${url}/own`,
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
    });
    expect(tracing).toBeUndefined();
    const metrics = new Metrics('one');
    push!.begin(metrics);
    metricsApi.getMeter('extension').createCounter('cache.hits').add(3);
    await push!.flush(2000);
    const scopes = posts[0]!.body.resourceMetrics![0]!.scopeMetrics;
    expect(scopes.map(({ scope }) => scope.name)).toEqual(['extension', 'tierkit']);
    expect(scopes[0]!.metrics.map(({ name }) => name)).toEqual(['cache.hits']);
    expect(scopes[1]!.metrics.map(({ name }) => name)).toContain('tierkit_requests_in_flight');
    expect((await metrics.page()).body).toMatch(/^tierkit_telemetry_exported_total\{signal="metrics"\} [1-9]\d*$/m);
    // The last values are sent at the end.
    metrics.families.requests.with('chat', '200', '').inc();
    await push!.close(2000);
    expect(posts.map(({ path }) => path)).toEqual(['/own', '/own']);
    expect(JSON.stringify(posts[1]!.body)).toContain('tierkit_requests_total');
  });

  it('has tracers that do nothing where nothing is traced', async () => {
    expect(await open({})).toMatchObject({ tracing: undefined, push: undefined, headerLabels: [], lines: [] });
    expect(trace.getTracer('x').startSpan('s').isRecording()).toBe(false);
  });
});

describe('a collector of metrics', () => {
  it('that is not there is told once, and once when it is back; what it missed is counted', async () => {
    let answer = 503;
    const proxy = createServer((request, response) => {
      request.resume();
      if (answer !== 200) response.writeHead(400).end('canary-said');
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      proxy.close();
      proxy.closeAllConnections();
    });
    const { port: at } = proxy.address() as AddressInfo;
    const { push, lines } = await open({
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://user:canary-password@127.0.0.1:${at}/m`,
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
    });
    const metrics = new Metrics('one');
    push!.begin(metrics);
    for (let reading = 0; reading < 3; reading++) await push!.flush(5000);
    expect(push!.counts).toMatchObject({ exported: 0, failedExports: 3 });
    expect(lines.filter((line) => line.includes('do not reach'))).toHaveLength(1);
    const { body } = await metrics.page();
    expect(body).toContain(`\ntierkit_telemetry_export_failures_total{signal="metrics"} 3\n`);
    expect(body).toMatch(/^tierkit_telemetry_dropped_total\{signal="metrics"\} [1-9]/m);
    answer = 200;
    await push!.flush(5000);
    expect(lines.at(-1)).toMatch(/^info metrics reach http:\/\/127\.0\.0\.1:\d+\/m again; 3 exports have failed so far$/);
    expect(lines.join('\n')).not.toMatch(/canary/);
  });

  it('that never answers holds nobody at the end', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      server.close();
      server.closeAllConnections();
    });
    const { push } = await open({
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    push!.begin(new Metrics('one'));
    // The time limit of the test is the assertion: the exporter's own is ten seconds.
    await push!.close(20);
    expect(push!.counts.exported).toBe(0);
  }, 5000);
});

it('every setting that cannot be meant is told at once', async () => {
  const env = { OTEL_PROPAGATORS: 'jaeger', OTEL_METRICS_EXPORTER: 'oltp', OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES: 'x:session.id' };
  const failed = openTelemetry({ env, serviceName: 'test', version: '1', log: () => undefined });
  await expect(failed).rejects.toThrow(InvalidTelemetrySettings);
  await expect(failed).rejects.toThrow(/jaeger[^]*oltp[^]*session\.id/);
});

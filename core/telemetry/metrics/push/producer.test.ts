import { type DataPoint, DataPointType, type Histogram, type MetricData } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Metrics } from '../../metrics.ts';
import { headerLabels } from '../header-labels.ts';
import { TableProducer } from './producer.ts';

async function read(metrics: Metrics): Promise<Map<string, MetricData>> {
  const producer = new TableProducer({ name: 'tierkit', version: '1' }, () => undefined);
  expect((await producer.collect()).resourceMetrics.scopeMetrics).toEqual([]);
  producer.use(metrics);
  const { resourceMetrics, errors } = await producer.collect({ timeoutMillis: 200 });
  expect(errors).toEqual([]);
  const [{ scope, metrics: found }] = resourceMetrics.scopeMetrics as [{ scope: object; metrics: MetricData[] }];
  expect(scope).toEqual({ name: 'tierkit', version: '1' });
  return new Map(found.map((metric) => [metric.descriptor.name, metric]));
}

afterEach(() => vi.useRealTimers());

describe('what is sent', () => {
  it('has counters that grow from when their series began, and no attribute without a value', async () => {
    vi.useFakeTimers({ now: 1_700_000_000_250, toFake: ['Date'] });
    const metrics = new Metrics('one');
    metrics.families.requests.with('chat', '200', '').inc(3);
    vi.setSystemTime(1_700_000_060_000);
    metrics.families.requests.with('chat', '500', 'internal').inc();
    vi.setSystemTime(1_700_000_061_000);
    const requests = (await read(metrics)).get('tierkit_requests_total');
    expect(requests).toMatchObject({ dataPointType: DataPointType.SUM, isMonotonic: true, descriptor: { unit: '{requests}' } });
    const endTime = [1_700_000_061, 0];
    expect(requests!.dataPoints).toEqual([
      { attributes: { operation: 'chat', status: '200' }, startTime: [1_700_000_000, 250_000_000], endTime, value: 3 },
      { attributes: { operation: 'chat', status: '500', error_type: 'internal' }, startTime: [1_700_000_060, 0], endTime, value: 1 },
    ]);
  });

  it('has the reference’s names and attributes in the form of OpenTelemetry, and its buckets', async () => {
    const labels = headerLabels({ OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES: 'x-tenant-id:tenant.id' }, (problem) =>
      expect.fail(problem),
    );
    const metrics = new Metrics('one', labels);
    const series = metrics.families.genAiDuration.of(['chat', 'openai', 'm', 'm', 'm-1', 'acme', 'upstream_reset']);
    for (const seconds of [0.005, 0.01, 0.011, 100]) series.observe(seconds);
    const found = await read(metrics);
    const duration = found.get('gen_ai.server.request.duration')!;
    expect(duration).toMatchObject({ dataPointType: DataPointType.HISTOGRAM, descriptor: { unit: 's' } });
    const [point] = duration.dataPoints as DataPoint<Histogram>[];
    expect(point!.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.original.model': 'm',
      'gen_ai.request.model': 'm',
      'gen_ai.response.model': 'm-1',
      'tenant.id': 'acme',
      'error.type': 'upstream_reset',
    });
    expect(point!.value).toMatchObject({ count: 4, sum: 100.026 });
    expect(point!.value.buckets.boundaries).toHaveLength(14);
    expect(point!.value.buckets.counts).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    // What is counted while it is on its way is not in it.
    series.observe(0.001);
    expect(point!.value.buckets.counts[0]).toBe(2);
    expect(found.has('gen_ai.client.token.usage')).toBe(false);
  });

  it('has what is only set when somebody looks, and gauges without a unit where it would be another name', async () => {
    const metrics = new Metrics('two');
    metrics.onCollect(() => metrics.families.saturation.with('a', 'default', 'x').set(0.5));
    const saturation = (await read(metrics)).get('llm_d_epp_flow_control_pool_saturation');
    expect(saturation).toMatchObject({ dataPointType: DataPointType.GAUGE, descriptor: { unit: '' }, dataPoints: [{ value: 0.5 }] });
  });

  it('waits for a collector that hangs no longer than it may', async () => {
    const metrics = new Metrics('one');
    metrics.onCollect(() => new Promise(() => undefined));
    metrics.families.inFlight.with().set(7);
    expect((await read(metrics)).get('tierkit_requests_in_flight')!.dataPoints[0]!.value).toBe(7);
  });

  it('has the metrics of the process, with histograms as they are counted here', async () => {
    const metrics = new Metrics('one');
    metrics.collectProcess();
    const collected = vi.spyOn(metrics.process!, 'values').mockResolvedValue([
      {
        name: 'nodejs_gc_duration_seconds',
        type: 'histogram',
        help: 'gc',
        values: ['minor', 'major'].flatMap((kind) => [
          { name: 'nodejs_gc_duration_seconds_bucket', labels: { kind, le: '0.1' }, value: 2 },
          { name: 'nodejs_gc_duration_seconds_bucket', labels: { kind, le: '1' }, value: 5 },
          { name: 'nodejs_gc_duration_seconds_bucket', labels: { kind, le: '+Inf' }, value: 6 },
          { name: 'nodejs_gc_duration_seconds_sum', labels: { kind }, value: 9 },
          { name: 'nodejs_gc_duration_seconds_count', labels: { kind }, value: 6 },
        ]),
      },
      {
        name: 'process_cpu_seconds_total',
        type: 'counter',
        help: 'cpu',
        values: [{ name: 'process_cpu_seconds_total', labels: {}, value: 4 }],
      },
      { name: 'nodejs_empty', type: 'gauge', help: 'none', values: [] },
    ]);
    const found = await read(metrics);
    expect(found.get('nodejs_gc_duration_seconds')!.dataPoints).toMatchObject([
      { attributes: { kind: 'minor' }, value: { buckets: { boundaries: [0.1, 1], counts: [2, 3, 1] }, sum: 9, count: 6 } },
      { attributes: { kind: 'major' } },
    ]);
    const cpu = found.get('process_cpu_seconds_total')!;
    expect(cpu).toMatchObject({ isMonotonic: true, dataPoints: [{ value: 4 }] });
    expect(cpu.dataPoints[0]!.startTime[0]).toBe(Math.floor(performance.timeOrigin / 1000));
    expect(found.has('nodejs_empty')).toBe(false);
    collected.mockRestore();
    expect([...(await read(metrics)).keys()]).toContain('process_resident_memory_bytes');
  });

  it('begins a series anew that had lost its place', async () => {
    vi.useFakeTimers({ now: 1_700_000_000_000, toFake: ['Date'] });
    const metrics = new Metrics('one');
    metrics.families.clientTokens.with('a', 'input').inc(100);
    await read(metrics);
    metrics.families.clientTokens.remove('client_id', 'a');
    vi.setSystemTime(1_700_000_100_000);
    metrics.families.clientTokens.with('a', 'input').inc(1);
    const [point] = (await read(metrics)).get('tierkit_client_tokens_total')!.dataPoints;
    expect(point).toMatchObject({ value: 1, startTime: [1_700_000_100, 0] });
  });
});

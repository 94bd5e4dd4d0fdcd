import { describe, expect, it } from 'vitest';

import { InvalidPushSettings, pushSettings } from './settings.ts';

const ON = { OTEL_METRICS_EXPORTER: 'otlp' };

describe('metrics are sent', () => {
  it.each([
    {},
    { OTEL_METRICS_EXPORTER: '' },
    { OTEL_METRICS_EXPORTER: 'none', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://x' },
    // Phoenix takes traces alone: the general endpoint is no wish for metrics.
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:6006' },
    { OTEL_METRICS_EXPORTER: 'prometheus' },
    { ...ON, OTEL_SDK_DISABLED: 'true' },
  ])('not with %j', (env) => expect(pushSettings(env)).toBeUndefined());

  it.each([
    [ON, { exporter: 'otlp', protocol: 'http/protobuf', intervalMs: 60_000, timeoutMs: 30_000 }],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://x/v1/metrics' }, { exporter: 'otlp' }],
    [{ OTEL_METRICS_EXPORTER: 'console' }, { exporter: 'console' }],
    [{ OTEL_METRICS_EXPORTER: 'prometheus, otlp' }, { exporter: 'otlp' }],
    [{ ...ON, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, { protocol: 'grpc' }],
    [{ ...ON, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json' }, { protocol: 'http/json' }],
    [
      { ...ON, OTEL_METRIC_EXPORT_INTERVAL: '5000' },
      { intervalMs: 5000, timeoutMs: 5000 },
    ],
    [
      { ...ON, OTEL_METRIC_EXPORT_INTERVAL: '5000', OTEL_METRIC_EXPORT_TIMEOUT: '1000' },
      { intervalMs: 5000, timeoutMs: 1000 },
    ],
    [{ ...ON, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'Cumulative' }, { exporter: 'otlp' }],
  ])('with %j', (env, settings) => expect(pushSettings(env)).toMatchObject(settings));
});

it.each([
  [{ OTEL_METRICS_EXPORTER: 'oltp' }, 'did you mean "otlp"'],
  [{ OTEL_METRICS_EXPORTER: 'none,otlp' }, 'none and others'],
  [{ OTEL_METRICS_EXPORTER: 'console,otlp' }, 'both otlp and console'],
  [{ OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuff' }, 'did you mean "http/protobuf"'],
  [{ OTEL_EXPORTER_OTLP_METRICS_ENPOINT: 'http://x' }, 'did you mean "ENDPOINT"'],
  [{ OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'zstd' }, 'none, gzip'],
  [{ OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '10s' }, 'from 1 to'],
  [{ OTEL_METRIC_EXPORT_INTERVAL: '0' }, 'from 1 to'],
  [{ OTEL_METRIC_EXPORT_INTERVAL: '1000', OTEL_METRIC_EXPORT_TIMEOUT: '2000' }, 'pile up'],
  [{ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' }, 'cumulativetodelta'],
  [{ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'lowmemory' }, 'lowmemory is not served'],
  [{ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'cumulativ' }, 'did you mean "cumulative"'],
  [{ OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'base2_exponential_bucket_histogram' }, 'the bounds are those of /metrics'],
])('%j cannot be meant, whether metrics are sent or not', (env, message) => {
  for (const all of [env, { ...ON, ...env }]) {
    expect(() => pushSettings(all)).toThrow(InvalidPushSettings);
    expect(() => pushSettings(all)).toThrow(message);
  }
});

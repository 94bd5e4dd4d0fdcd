import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';

import { safeText } from '../../redaction.ts';
import { otlpEndpoint } from '../../sdk-endpoint.ts';
import type { Env } from '../../sdk-settings.ts';
import type { MetricsPush } from './push.ts';
import type { PushSettings } from './settings.ts';

export interface OpenPushOptions {
  readonly settings: PushSettings;
  readonly env: Env;
  readonly version: string;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

/** Sends metrics as the settings say. The SDK is loaded only here. */
export async function openPush({ settings, env, version, log }: OpenPushOptions): Promise<MetricsPush> {
  const [own, exporter] = await Promise.all([import('./push.ts'), exporterOf(settings)]);
  const { intervalMs, protocol } = settings;
  const where = settings.exporter === 'otlp' ? otlpEndpoint(env, 'metrics', protocol) : 'standard output';
  log('info', `metrics go to ${where} every ${intervalMs / 1000} s`);
  const push: MetricsPush = new own.MetricsPush({
    settings,
    exporter,
    version,
    report: (failure) => {
      if (failure === undefined) log('info', `metrics reach ${where} again; ${push.counts.failedExports} exports have failed so far`);
      else log('warn', `metrics do not reach ${where}: ${safeText(failure.message)}; /metrics of the admin port has them`);
    },
  });
  return push;
}

/** Reads the other settings of OTLP itself, from the environment of the process. */
async function exporterOf({ exporter, protocol }: PushSettings): Promise<PushMetricExporter> {
  if (exporter === 'console') return new (await import('@opentelemetry/sdk-metrics')).ConsoleMetricExporter();
  if (protocol === 'grpc') return new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter();
  if (protocol === 'http/json') return new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter();
  return new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter();
}

import type { SpanExporter } from '@opentelemetry/sdk-trace';

import { safeText } from '../redaction.ts';
import { type Env, type TraceSettings, traceSettings } from './settings.ts';
import type { Tracing } from './tracing.ts';

export interface OpenTracingOptions {
  readonly env: Env;
  /** `service.name` where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have none. */
  readonly serviceName: string;
  readonly version: string;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

/** Scope of the spans: who made them. */
const SCOPE = 'tierkit';

/**
 * Traces as the environment says. The SDK is loaded only where something is traced.
 * @returns undefined: nothing is
 * @throws InvalidTraceSettings
 */
export async function openTracing({ env, serviceName, version, log }: OpenTracingOptions): Promise<Tracing | undefined> {
  const settings = traceSettings(env);
  if (settings === undefined) return undefined;
  const [own, { TraceIdRatioBasedSampler, SamplingDecision }, resources, { ROOT_CONTEXT }, exporter] = await Promise.all([
    import('./tracing.ts'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/api'),
    exporterOf(settings),
  ]);
  const ratio = new TraceIdRatioBasedSampler(settings.sampler.ratio);
  const { defaultResource, detectResources, envDetector, resourceFromAttributes, serviceInstanceIdDetector } = resources;
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }))
    .merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] }));
  const where = settings.exporter === 'otlp' ? endpointOf(env, settings.protocol) : 'standard output';
  log('info', `traces (${settings.convention}) go to ${where}; content is ${contentOf(settings)}`);
  const tracing: Tracing = new own.Tracing({
    settings,
    exporter,
    scope: { resource, instrumentationScope: { name: SCOPE, version } },
    samples: (traceId) => ratio.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED,
    report: (failure) => {
      if (failure === undefined) log('info', `traces reach ${where} again; ${tracing.counts.dropped} spans were lost`);
      else log('warn', `traces do not reach ${where}: ${safeText(failure.message)}; requests go on, and what cannot be sent is dropped`);
    },
  });
  return tracing;
}

/** Reads the other settings of OTLP itself, from the environment of the process. */
async function exporterOf({ exporter, protocol }: TraceSettings): Promise<SpanExporter> {
  if (exporter === 'console') return new (await import('@opentelemetry/sdk-trace')).ConsoleSpanExporter();
  if (protocol === 'grpc') return new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter();
  if (protocol === 'http/json') return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter();
  return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter();
}

/** For messages: without credentials. */
function endpointOf(env: Env, protocol: TraceSettings['protocol']): string {
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (own !== undefined && own !== '') return withoutSecrets(own);
  if (protocol === 'grpc') return withoutSecrets(base ?? 'http://localhost:4317');
  return withoutSecrets(`${(base === undefined || base === '' ? 'http://localhost:4318' : base).replace(/\/$/, '')}/v1/traces`);
}

function withoutSecrets(text: string): string {
  try {
    const url = new URL(text);
    return `${url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin}${url.pathname}`;
  } catch {
    return safeText(text);
  }
}

function contentOf({ convention, capturesContent, redaction: { hides } }: TraceSettings): string {
  if (convention === 'gen_ai') return capturesContent ? 'told' : 'hidden';
  const told = [...(hides.HIDE_INPUTS ? [] : ['inputs']), ...(hides.HIDE_OUTPUTS ? [] : ['outputs'])];
  return told.length === 0
    ? 'hidden (OPENINFERENCE_HIDE_INPUTS=false and OPENINFERENCE_HIDE_OUTPUTS=false show it)'
    : `told (${told.join(' and ')})`;
}

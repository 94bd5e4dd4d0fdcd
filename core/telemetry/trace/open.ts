import type { SpanExporter } from '@opentelemetry/sdk-trace';

import type { Resource } from '@opentelemetry/resources';

import { safeText } from '../redaction.ts';
import { otlpEndpoint } from '../sdk-endpoint.ts';
import { resourceOf } from '../sdk-resource.ts';
import { type Env, type TraceSettings, traceSettings } from './settings.ts';
import type { Tracing } from './tracing.ts';

export interface OpenTracingOptions {
  readonly env: Env;
  /** `service.name` where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have none. */
  readonly serviceName: string;
  readonly version: string;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  /** What the spans are of. @default that of {@link resourceOf} */
  readonly resource?: Resource;
}

/** Scope of the spans: who made them. */
const SCOPE = 'tierkit';

/**
 * Traces as the environment says. The SDK is loaded only where something is traced.
 * @returns undefined: nothing is
 * @throws InvalidTraceSettings
 */
export async function openTracing(options: OpenTracingOptions): Promise<Tracing | undefined> {
  const { env, serviceName, version, log } = options;
  const settings = traceSettings(env);
  if (settings === undefined) return undefined;
  const [own, { TraceIdRatioBasedSampler, SamplingDecision }, resource, { ROOT_CONTEXT }, exporter] = await Promise.all([
    import('./tracing.ts'),
    import('@opentelemetry/sdk-trace'),
    options.resource ?? resourceOf(serviceName, version),
    import('@opentelemetry/api'),
    exporterOf(settings),
  ]);
  const ratio = new TraceIdRatioBasedSampler(settings.sampler.ratio);
  const where = settings.exporter === 'otlp' ? otlpEndpoint(env, 'traces', settings.protocol) : 'standard output';
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

function contentOf({ convention, capturesContent, redaction: { hides } }: TraceSettings): string {
  if (convention === 'gen_ai') return capturesContent ? 'told' : 'hidden';
  const told = [...(hides.HIDE_INPUTS ? [] : ['inputs']), ...(hides.HIDE_OUTPUTS ? [] : ['outputs'])];
  return told.length === 0
    ? 'hidden (OPENINFERENCE_HIDE_INPUTS=false and OPENINFERENCE_HIDE_OUTPUTS=false show it)'
    : `told (${told.join(' and ')})`;
}

import type { Resource } from '@opentelemetry/resources';
import type { NodeSDK } from '@opentelemetry/sdk-node';
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace';

import { type HeaderLabel, headerLabels } from './metrics/header-labels.ts';
import { openPush } from './metrics/push/open.ts';
import type { MetricsPush } from './metrics/push/push.ts';
import { pushSettings } from './metrics/push/settings.ts';
import { resourceOf } from './sdk-resource.ts';
import { type Env, InvalidTelemetrySettings } from './sdk-settings.ts';
import { openTracing } from './trace/open.ts';
import { type TraceSettings, traceSettings } from './trace/settings.ts';
import type { Tracing } from './trace/tracing.ts';

export interface TelemetryOptions {
  readonly env: Env;
  /** `service.name` where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have none. */
  readonly serviceName: string;
  readonly version: string;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

/** What a process tells of itself, beside its page of metrics and its access log. */
export interface Telemetry {
  /** Undefined: nothing is traced. */
  readonly tracing: Tracing | undefined;
  /** Undefined: metrics wait to be scraped. */
  readonly push: MetricsPush | undefined;
  /** Headers of requests that are labels of the reference's metrics. */
  readonly headerLabels: readonly HeaderLabel[];
}

/**
 * Telemetry as the environment says. Where there is some, OpenTelemetry's SDK is started, so that extensions and libraries that use
 * `@opentelemetry/api` have working tracers and meters: their spans go into the queue of ours, their metrics along with ours. Our own spans
 * are built by hand, which costs a quarter. Nothing of the SDK is loaded where all is off.
 * @throws InvalidTelemetrySettings with every problem
 */
export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { env, serviceName, version, log } = options;
  const { push: pushes, traces, labels } = settingsOf(env);
  if (pushes === undefined && traces === undefined) return { tracing: undefined, push: undefined, headerLabels: labels };
  const resource = await resourceOf(serviceName, version);
  const tracing = traces === undefined ? undefined : await openTracing({ ...options, resource });
  const push = pushes === undefined ? undefined : await openPush({ settings: pushes, env, version, log });
  (await sdkOf(resource, traces, tracing, push)).start();
  return { tracing, push, headerLabels: labels };
}

function settingsOf(env: Env) {
  const problems: string[] = [];
  const of = <T>(read: (env: Env) => T): T | undefined => {
    try {
      return read(env);
    } catch (error) {
      if (!(error instanceof InvalidTelemetrySettings)) throw error;
      problems.push(...error.message.split('\n'));
      return undefined;
    }
  };
  const traces = of(traceSettings);
  const push = of(pushSettings);
  const labels = headerLabels(env, (problem) => problems.push(problem));
  // A header that carries a credential is one for each signal that it is mapped for.
  if (problems.length > 0) throw new InvalidTelemetrySettings([...new Set(problems)].join('\n'));
  return { traces, push, labels };
}

/**
 * Everything that has an exporter is given: what is absent the SDK would make from the environment, a second time. It reads OTEL_PROPAGATORS,
 * which has been checked, for what extensions send themselves, and the limits of spans.
 */
async function sdkOf(
  resource: Resource,
  traces: TraceSettings | undefined,
  tracing: Tracing | undefined,
  push: MetricsPush | undefined,
): Promise<NodeSDK> {
  const sdk = await import('@opentelemetry/sdk-node');
  return new sdk.NodeSDK({
    resource,
    autoDetectResources: false,
    instrumentations: [],
    spanProcessors: tracing === undefined ? [] : [new QueueProcessor(tracing)],
    metricReaders: push === undefined ? [] : [push.reader],
    logRecordProcessors: [],
    ...(traces === undefined ? {} : { sampler: await samplerOf(traces), spanLimits: { attributeValueLengthLimit: traces.valueLength } }),
  });
}

async function samplerOf({ sampler: { ratio, parentBased } }: TraceSettings): Promise<Sampler> {
  const { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, TraceIdRatioBasedSampler } = await import('@opentelemetry/sdk-trace');
  const root = ratio === 1 ? new AlwaysOnSampler() : ratio === 0 ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

/** Gives the spans of others to the queue of ours. */
class QueueProcessor implements SpanProcessor {
  readonly #tracing: Tracing;

  constructor(tracing: Tracing) {
    this.#tracing = tracing;
  }

  onStart(): void {}

  onEnd(span: Parameters<SpanProcessor['onEnd']>[0]): void {
    this.#tracing.take(span);
  }

  forceFlush(): Promise<void> {
    return this.#tracing.flush(FLUSH_MS);
  }

  /** The queue is closed by who opened it, after the last request. */
  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

const FLUSH_MS = 3000;

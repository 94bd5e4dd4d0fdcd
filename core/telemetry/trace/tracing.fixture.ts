// For tests: traces that stay in memory.
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace';
import { emptyResource } from '@opentelemetry/resources';

import { type Env, traceSettings } from './settings.ts';
import { Tracing } from './tracing.ts';

export interface TestTracing {
  readonly tracing: Tracing;
  /** All spans so far, when there are as many; else what there is after a while. */
  readonly spans: (least?: number) => Promise<ReadableSpan[]>;
  readonly clear: () => void;
}

export const SHOWS = { OPENINFERENCE_HIDE_INPUTS: 'false', OPENINFERENCE_HIDE_OUTPUTS: 'false' };

/** @param env on top of the settings that turn traces on */
export function startTracing(env: Env = {}): TestTracing {
  const settings = traceSettings({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_BSP_SCHEDULE_DELAY: '5', ...env })!;
  const exporter = new InMemorySpanExporter();
  const tracing = new Tracing({
    settings,
    exporter,
    scope: { resource: emptyResource(), instrumentationScope: { name: 'test' } },
    samples: () => settings.sampler.ratio === 1,
    report: () => undefined,
  });
  return {
    tracing,
    async spans(least = 1) {
      const deadline = Date.now() + 3000;
      // A request is told of when its answer is with the client, which may be a moment later than the client thinks.
      while (exporter.getFinishedSpans().length < least && Date.now() < deadline) {
        await tracing.flush(1000);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await tracing.flush(1000);
      return exporter.getFinishedSpans();
    },
    clear: () => exporter.reset(),
  };
}

/** The span of this name; it must be there. */
export function named(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.find((span) => span.name === name);
  if (found === undefined) throw new Error(`no span is called ${name}, only ${spans.map((span) => span.name).join(', ')}`);
  return found;
}

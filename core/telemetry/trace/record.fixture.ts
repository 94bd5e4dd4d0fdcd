// For tests: requests that are over.
import { SpanKind } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';

import { redaction } from '../redaction.ts';
import type { CallRecord } from './record.ts';
import type { Shown } from './shown.ts';
import { type SpanSettings, spansOf } from './spans.ts';

export { SpanKind };

export function recordOf(
  operation: string,
  request: object | undefined,
  answer: object | undefined,
  more: Partial<CallRecord> = {},
): CallRecord {
  return {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    parentSpanId: undefined,
    keptFor: 'sampled',
    counts: true,
    shown: { inputs: true, outputs: true },
    requestId: 'r-1',
    operation,
    path: '/v1/x',
    clientId: undefined,
    route: 'default/m/rule/0',
    headers: [],
    model: 'm',
    upstreamModel: 'm-up',
    responseModel: 'm-2026',
    schema: 'OpenAI',
    backend: 'default/b',
    host: 'api.openai.com',
    stream: false,
    startMs: 1_700_000_000_000.25,
    endMs: 1_700_000_000_123.5,
    identifiedMs: undefined,
    admittedMs: undefined,
    firstTokenMs: undefined,
    status: 200,
    clientGone: false,
    complete: true,
    error: undefined,
    usage: undefined,
    cost: undefined,
    budgets: [],
    told: undefined,
    requestBody: request === undefined ? undefined : Buffer.from(JSON.stringify(request)),
    answer: answer === undefined ? undefined : Buffer.from(JSON.stringify(answer)),
    answerBytes: 0,
    leaks: () => false,
    attempts: [],
    passes: [],
    ...more,
  };
}

const SHOWN = { OPENINFERENCE_HIDE_INPUTS: 'false', OPENINFERENCE_HIDE_OUTPUTS: 'false' };

/** Settings of a process, with what they show where no TracePolicy says anything. */
interface TestSettings extends SpanSettings {
  readonly shown: Shown;
}

export function settingsOf(env: Record<string, string> = {}, more: Partial<TestSettings> = {}): TestSettings {
  const switches = redaction({ ...SHOWN, ...env }, (problem) => {
    throw new Error(problem);
  });
  const { HIDE_INPUTS, HIDE_OUTPUTS } = switches.hides;
  const shown = { inputs: !HIDE_INPUTS, outputs: !HIDE_OUTPUTS };
  return { convention: 'openinference', redaction: switches, valueLength: 65_536, shown, ...more };
}

const SCOPE = { resource: emptyResource(), instrumentationScope: { name: 'test' } };

export function built(record: CallRecord, settings = settingsOf()) {
  return spansOf({ ...record, shown: settings.shown }, settings, SCOPE);
}

/** Attributes of the request's own span. */
export function attributesOf(record: CallRecord, settings = settingsOf()) {
  return built(record, settings)[0]!.attributes;
}

/** Everything that would be told. */
export function told(record: CallRecord, settings: TestSettings): string {
  return JSON.stringify(built(record, settings).map(({ name, attributes, events, status }) => ({ name, attributes, events, status })));
}

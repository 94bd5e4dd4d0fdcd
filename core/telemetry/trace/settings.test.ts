import { describe, expect, it } from 'vitest';

import { headerAttributes } from './header-attributes.ts';
import { InvalidTraceSettings, traceSettings } from './settings.ts';

const ON = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' };

describe('traces are off', () => {
  it.each([
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { ...ON, OTEL_SDK_DISABLED: 'TRUE' },
    { ...ON, OTEL_TRACES_EXPORTER: 'none' },
    { ...ON, OTEL_TRACES_SAMPLER: 'always_off' },
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://localhost:4318' },
  ])('with %j', (env) => {
    expect(traceSettings(env)).toBeUndefined();
  });
});

const sampler = (name: string, arg?: string) => traceSettings({ ...ON, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg })!.sampler;

describe('traces are on', () => {
  it.each([
    ON,
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x/v1/traces' },
    { OTEL_TRACES_EXPORTER: 'console' },
    { OTEL_TRACES_EXPORTER: 'otlp' },
  ])('with %j, and hide what is said', (env) => {
    const settings = traceSettings(env)!;
    expect(settings.redaction.hides).toMatchObject({ HIDE_INPUTS: true, HIDE_OUTPUTS: true });
    expect(settings).toMatchObject({
      convention: 'openinference',
      capturesContent: false,
      sampler: { ratio: 1, parentBased: true },
      headers: [{ header: 'agent-session-id', attribute: 'session.id' }],
    });
  });

  it('with the sampler that is asked for', () => {
    expect(sampler('traceidratio', '0.25')).toEqual({ ratio: 0.25, parentBased: false });
    expect(sampler('parentbased_traceidratio', '0.01')).toEqual({ ratio: 0.01, parentBased: true });
    expect(sampler('parentbased_always_off')).toEqual({ ratio: 0, parentBased: true });
    expect(sampler('always_on', '0.1')).toEqual({ ratio: 1, parentBased: false });
  });

  it('and show what an explicit false shows', () => {
    const { hides } = traceSettings({ ...ON, OPENINFERENCE_HIDE_INPUTS: 'False', OPENINFERENCE_HIDE_OUTPUTS: 'true' })!.redaction;
    expect([hides.HIDE_INPUTS, hides.HIDE_OUTPUTS, hides.HIDE_LLM_TOOLS]).toEqual([false, true, false]);
  });
});

describe('what cannot be meant stops the start', () => {
  it.each([
    [{ AI_GATEWAY_TRACING_SEMCONV: 'openinferrence' }, 'did you mean "openinference"'],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER is one of otlp, console, none'],
    [{ OTEL_TRACES_SAMPLER: 'traceratio' }, 'OTEL_TRACES_SAMPLER'],
    [{ OTEL_TRACES_SAMPLER_ARG: '2' }, 'from 0 to 1'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'protobuf' }, 'http/protobuf'],
    [{ OPENINFERENCE_HIDE_INPUT: 'true' }, 'did you mean "HIDE_INPUTS"'],
    [{ OPENINFERENCE_HIDE_INPUTS: 'no' }, 'is true or false'],
    [{ OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH: '-1' }, 'number of characters'],
    [{ OTEL_AIGW_SPAN_REQUEST_HEADER_ATTRIBUTES: 'authorization:who' }, 'carries a credential'],
    [{ OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES: 'x-api-key:who' }, 'carries a credential'],
    [{ OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES: 'x-tenant' }, 'header:attribute'],
    [{ OTEL_BSP_MAX_QUEUE_SIZE: 'many' }, 'OTEL_BSP_MAX_QUEUE_SIZE'],
  ])('%j', (env, message) => {
    // Also where nothing is traced yet: a switch that should hide something is not to be found out later.
    for (const all of [env, { ...ON, ...env }]) {
      expect(() => traceSettings(all)).toThrow(InvalidTraceSettings);
      expect(() => traceSettings(all)).toThrow(message);
    }
  });
});

const of = (env: Record<string, string>) => headerAttributes(env, 'SPAN', (problem) => expect.fail(problem));

describe('headers become attributes', () => {
  it('by both settings, the own one first', () => {
    expect(
      of({
        OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES: 'X-Tenant:tenant.id, x-user : user.id',
        OTEL_AIGW_SPAN_REQUEST_HEADER_ATTRIBUTES: 'x-user:who',
      }),
    ).toEqual([
      { header: 'x-tenant', attribute: 'tenant.id' },
      { header: 'x-user', attribute: 'who' },
    ]);
  });

  it('none where the own one is empty', () => {
    expect(of({ OTEL_AIGW_SPAN_REQUEST_HEADER_ATTRIBUTES: '' })).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';

import { InvalidTraceSettings, traceSettings } from '#core/telemetry/trace/settings';

import { ownTraces, projectOf, tracedEnv } from './traces.ts';

const OTLP = 'http://127.0.0.1:6006';

describe("the user's own traces", () => {
  test.each<[NodeJS.ProcessEnv, object]>([
    [{}, { to: 'unset' }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, { to: 'unset' }],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m' }, { to: 'unset' }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }, { to: 'elsewhere', setting: 'OTEL_EXPORTER_OTLP_ENDPOINT', where: 'http://x' }],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://y' },
      { to: 'elsewhere', setting: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', where: 'http://y' },
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://me:secret@x' },
      { to: 'elsewhere', setting: 'OTEL_EXPORTER_OTLP_ENDPOINT', where: 'http://__REDACTED__@x' },
    ],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, { to: 'unset' }],
    [{ OTEL_TRACES_EXPORTER: 'console' }, { to: 'elsewhere', setting: 'OTEL_TRACES_EXPORTER', where: 'standard output' }],
    [{ OTEL_TRACES_EXPORTER: 'none' }, { to: 'off' }],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }, { to: 'off' }],
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, { to: 'off' }],
  ])('%j: %j', (env, own) => expect(ownTraces(env)).toEqual(own));

  test('settings that cannot be meant are refused before anything is started', () => {
    expect(() => ownTraces({ OPENINFERENCE_HIDE_INPUT: 'true' })).toThrow(InvalidTraceSettings);
  });
});

describe('the environment of the tiers', () => {
  test('is the one that they inherit where nothing is traced', () => {
    const env = { PATH: '/bin' };
    expect(tracedEnv(env, undefined, true)).toEqual({ env, showsContent: false });
  });

  test('sends traces alone, in one project, with what was said', () => {
    const { env, showsContent } = tracedEnv({ PATH: '/bin', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, OTLP, false);
    expect(showsContent).toBe(true);
    expect(env).toEqual({
      PATH: '/bin',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:6006/v1/traces',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '30000',
      OTEL_RESOURCE_ATTRIBUTES: 'openinference.project.name=tierkit',
      OPENINFERENCE_HIDE_INPUTS: 'false',
      OPENINFERENCE_HIDE_OUTPUTS: 'false',
    });
    expect(traceSettings(env)).toMatchObject({
      protocol: 'http/protobuf',
      redaction: { hides: { HIDE_INPUTS: false, HIDE_OUTPUTS: false } },
    });
  });

  test.each([
    ['a=b', 'a=b,openinference.project.name=tierkit', 'tierkit'],
    ['a=b, openinference.project.name=shop', 'a=b, openinference.project.name=shop', 'shop'],
  ])('adds the project to the attributes "%s"', (given, expected, project) => {
    expect(projectOf({ OTEL_RESOURCE_ATTRIBUTES: given })).toBe(project);
    expect(tracedEnv({ OTEL_RESOURCE_ATTRIBUTES: given }, OTLP, false).env['OTEL_RESOURCE_ATTRIBUTES']).toBe(expected);
  });

  test("shows what the example's models said also where the user's own endpoint has it, and never what the user's own said", () => {
    const own = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' };
    const shown = { OPENINFERENCE_HIDE_INPUTS: 'false', OPENINFERENCE_HIDE_OUTPUTS: 'false' };
    expect(tracedEnv(own, undefined, true)).toEqual({ env: { ...own, ...shown }, showsContent: true });
    expect(tracedEnv(own, undefined, false)).toEqual({ env: own, showsContent: false });
  });

  test.each<NodeJS.ProcessEnv>([
    { OPENINFERENCE_HIDE_INPUTS: 'true' },
    { OPENINFERENCE_HIDE_OUTPUTS: 'true' },
    { OPENINFERENCE_HIDE_INPUTS: 'false' },
    { AI_GATEWAY_TRACING_SEMCONV: 'gen_ai' },
    { OTEL_SDK_DISABLED: 'true' },
  ])('leaves it to the user who has set %j', (given) => {
    const { env, showsContent } = tracedEnv(given, OTLP, true);
    expect(showsContent).toBe(false);
    expect(Object.entries(env).filter(([name]) => name.startsWith('OPENINFERENCE_'))).toEqual(
      Object.entries(given).filter(([name]) => name.startsWith('OPENINFERENCE_')),
    );
  });
});

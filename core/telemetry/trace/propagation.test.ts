import { describe, expect, it } from 'vitest';

import { SettingsReader } from '../sdk-settings.ts';
import { propagationOf, propagatorsOf } from './propagation.ts';
import { startTracing } from './tracing.fixture.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SHORT = 'a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

function read(text: string | undefined): { propagators: readonly string[]; problems: string[] } {
  const problems: string[] = [];
  const problem = (message: string): void => void problems.push(message);
  return { propagators: propagatorsOf(new SettingsReader({ OTEL_PROPAGATORS: text }, problem), problem), problems };
}

describe('OTEL_PROPAGATORS', () => {
  it.each([
    [undefined, ['tracecontext', 'baggage']],
    ['', ['tracecontext', 'baggage']],
    ['none', []],
    ['b3, tracecontext,b3', ['b3', 'tracecontext']],
    ['baggage', ['baggage']],
  ])('%s is %j', (text, propagators) => expect(read(text)).toEqual({ propagators, problems: [] }));

  it.each([
    ['tracecontxt', 'did you mean "tracecontext"'],
    ['jaeger', '"jaeger", which is not served'],
    ['xray,b3', '"xray", which is not served'],
    ['ottrace', 'not served'],
    ['none,b3', 'none and others'],
  ])('%s cannot be meant', (text, message) => {
    const { problems } = read(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });
});

/** The parent that a request comes with. */
function parentOf(propagators: string, headers: Record<string, string>) {
  const { traceId, parentSpanId, sampled } = startTracing({ OTEL_PROPAGATORS: propagators }).tracing.start(headers);
  return { traceId, parentSpanId, sampled };
}

describe('B3 is read', () => {
  it.each([
    [{ b3: `${TRACE}-${SPAN}-1` }, TRACE, true],
    [{ b3: `${TRACE}-${SPAN}-0` }, TRACE, false],
    [{ b3: `${TRACE}-${SPAN}-d-${SPAN}` }, TRACE, true],
    [{ b3: `${TRACE.toUpperCase()}-${SPAN}-0` }, TRACE, false],
    [{ b3: `${SHORT}-${SPAN}-1` }, `0000000000000000${SHORT}`, true],
    // Left to us: then it is as the sampler says.
    [{ b3: `${TRACE}-${SPAN}` }, TRACE, true],
    [{ 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '0' }, TRACE, false],
    [{ 'x-b3-traceid': SHORT, 'x-b3-spanid': SPAN, 'x-b3-sampled': 'true' }, `0000000000000000${SHORT}`, true],
    [{ 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '0', 'x-b3-flags': '1' }, TRACE, true],
    [{ 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN }, TRACE, true],
  ])('%j', (headers, traceId, sampled) => {
    for (const form of ['b3', 'b3multi']) expect(parentOf(form, headers)).toEqual({ traceId, parentSpanId: SPAN, sampled });
  });

  it.each([
    {},
    { b3: `${'0'.repeat(32)}-${SPAN}-1` },
    { b3: `${TRACE}-${'0'.repeat(16)}-1` },
    { b3: `${TRACE}${SPAN}-1` },
    { b3: `${TRACE}-${SPAN}-1, ${TRACE}-${SPAN}-1` },
    { b3: `${TRACE}-${SPAN}-2` },
    { 'x-b3-traceid': TRACE },
    { 'x-b3-traceid': `${TRACE}0`, 'x-b3-spanid': SPAN },
    { traceparent: `00-${TRACE}-${SPAN}-01` },
  ])('%j is no parent', (headers) => {
    const { traceId, parentSpanId } = parentOf('b3', headers);
    expect(parentSpanId).toBeUndefined();
    expect(traceId).not.toContain(SHORT);
  });

  it('as a decision alone, of which the trace begins here', () => {
    for (const headers of [{ b3: '0' }, { 'x-b3-sampled': '0' }] as Record<string, string>[]) {
      const { parentSpanId, sampled, traceId } = parentOf('b3', headers);
      expect({ parentSpanId, sampled }).toEqual({ parentSpanId: undefined, sampled: false });
      expect(traceId).toMatch(/^[\da-f]{32}$/);
    }
    expect(parentOf('b3', { b3: 'd' }).sampled).toBe(true);
    // Nobody is in front who could count.
    const alone = startTracing({ OTEL_PROPAGATORS: 'b3' }).tracing.start({ b3: '1', tracestate: 'tierkit=llm' });
    expect(alone.counts).toBe(true);
  });

  it('with others: the last one that is there counts', () => {
    const both = { traceparent: `00-${TRACE}-${SPAN}-01`, b3: `${SHORT}-${SPAN}-0` };
    expect(parentOf('tracecontext,b3', both).traceId).toBe(`0000000000000000${SHORT}`);
    expect(parentOf('b3,tracecontext', both).traceId).toBe(TRACE);
    expect(parentOf('b3,tracecontext', { b3: `${TRACE}-${SPAN}-0` })).toEqual({ traceId: TRACE, parentSpanId: SPAN, sampled: false });
  });
});

/** Headers of a request to a backend, by name. */
function injected(propagators: string, client: Record<string, string>): Record<string, string[]> {
  const { tracing } = startTracing({ OTEL_PROPAGATORS: propagators });
  const trace = tracing.start(client);
  const headers = [...Object.entries(client).flat(), 'x-kept', 'traceparent'];
  trace.inject(headers, 1, client);
  const byName: Record<string, string[]> = {};
  for (let at = 0; at < headers.length; at += 2) (byName[headers[at]!] ??= []).push(headers[at + 1]!);
  const ours = { TRACE_ID: trace.traceId, SPAN_ID: trace.attempt(1) };
  return Object.fromEntries(
    Object.entries(byName).map(([name, values]) => [
      name,
      values.map((value) =>
        Object.values(CLIENT).includes(value) ? value : Object.entries(ours).reduce((text, [key, id]) => text.replace(id, key), value),
      ),
    ]),
  );
}

const CLIENT = {
  traceparent: `00-${TRACE}-${SPAN}-01`,
  tracestate: 'a=1',
  b3: `${TRACE}-${SPAN}-1`,
  'x-b3-traceid': TRACE,
  'x-b3-parentspanid': SPAN,
  baggage: 'user=1',
};

describe('a request to a backend has', () => {
  it.each([
    [
      'tracecontext,baggage',
      { traceparent: ['00-TRACE_ID-SPAN_ID-01'], tracestate: ['tierkit=llm,a=1'], baggage: ['user=1'], b3: [CLIENT.b3] },
    ],
    ['tracecontext', { traceparent: ['00-TRACE_ID-SPAN_ID-01'], tracestate: ['tierkit=llm,a=1'], baggage: undefined }],
    [
      'b3',
      {
        b3: ['TRACE_ID-SPAN_ID-1'],
        'x-b3-traceid': undefined,
        'x-b3-parentspanid': undefined,
        tracestate: ['tierkit=llm,a=1'],
        baggage: undefined,
      },
    ],
    [
      'b3multi',
      { b3: undefined, 'x-b3-traceid': [TRACE], 'x-b3-spanid': ['SPAN_ID'], 'x-b3-sampled': ['1'], 'x-b3-parentspanid': undefined },
    ],
    [
      'tracecontext,b3,b3multi',
      {
        traceparent: ['00-TRACE_ID-SPAN_ID-01'],
        b3: ['TRACE_ID-SPAN_ID-1'],
        'x-b3-traceid': [TRACE],
        tracestate: ['tierkit=llm,a=1'],
      },
    ],
    ['none', { traceparent: [CLIENT.traceparent], tracestate: ['a=1'], b3: [CLIENT.b3], 'x-b3-spanid': undefined, baggage: undefined }],
    ['baggage', { traceparent: [CLIENT.traceparent], tracestate: ['a=1'], baggage: ['user=1'] }],
  ])('with %s', (propagators, expected) => {
    const headers = injected(propagators, CLIENT);
    for (const [name, values] of Object.entries(expected)) expect([name, headers[name]]).toEqual([name, values]);
    expect(headers['x-kept']).toEqual(['traceparent']);
  });

  it('what the next tier reads as it is: also that the tokens are counted', () => {
    for (const form of ['tracecontext', 'b3', 'b3multi', 'b3,tracecontext']) {
      const { tracing } = startTracing({ OTEL_PROPAGATORS: form });
      const first = tracing.start({ b3: '0' });
      const headers: string[] = [];
      first.inject(headers, 1, {});
      const next = tracing.start(
        Object.fromEntries(Array.from({ length: headers.length / 2 }, (_, at) => headers.slice(2 * at, 2 * at + 2))),
      );
      expect([form, next.traceId, next.parentSpanId, next.sampled, next.counts]).toEqual([
        form,
        first.traceId,
        first.attempt(1),
        first.sampled,
        false,
      ]);
    }
  });

  it('nothing of tokens where it is no model call, and nothing twice', () => {
    for (const [form, others] of [
      ['tracecontext', { b3: 'kept' }],
      ['b3', { traceparent: 'kept' }],
      ['tracecontext,b3', {}],
    ] as const) {
      const { propagation, ...at } = startTracing({ OTEL_PROPAGATORS: form }).tracing.start(CLIENT);
      const headers = ['traceparent', 'kept', 'b3', 'kept', 'x-b3-sampled', '0', 'tracestate', 'old=1', 'x-kept', 'traceparent'];
      propagation.carry(headers, at, SPAN, 'tierkit=llm,a=1');
      const lines = Array.from({ length: headers.length / 2 }, (_, each) => headers.slice(2 * each, 2 * each + 2));
      expect(new Set(lines.map(([name]) => name)).size).toBe(lines.length);
      expect(Object.fromEntries(lines)).toMatchObject({
        tracestate: 'a=1',
        'x-kept': 'traceparent',
        ...(form.includes('tracecontext') && { traceparent: `00-${TRACE}-${SPAN}-01` }),
        ...(form.includes('b3') && { b3: `${TRACE}-${SPAN}-1` }),
        ...others,
      });
    }
  });

  it('is chosen once', () => {
    const { extract } = propagationOf(['tracecontext', 'baggage']);
    expect(extract).toBe(propagationOf(['tracecontext']).extract);
  });
});

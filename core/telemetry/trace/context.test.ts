import { describe, expect, it } from 'vitest';

import { countsInFront, newSpanId, newTraceId, parseTraceparent, stateOfOthers, traceparent, tracestate } from './context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('traceparent', () => {
  it('is read as it is written', () => {
    for (const sampled of [true, false]) {
      expect(parseTraceparent(traceparent(TRACE, SPAN, sampled))).toEqual({ traceId: TRACE, spanId: SPAN, sampled });
    }
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-03`)?.sampled).toBe(true);
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-02`)?.sampled).toBe(false);
    // A later version may say more.
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-01-more`)?.traceId).toBe(TRACE);
  });

  it.each([
    undefined,
    '',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-0g`,
    // Two headers, as Node joins them.
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01${'-x'.repeat(400)}`,
  ])('%s is none', (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });
});

describe('tracestate', () => {
  it('has our member first and once, and what came behind it', () => {
    expect(tracestate(undefined)).toBe('tierkit=llm');
    expect(tracestate('a=1, tierkit=old,b=2')).toBe('tierkit=llm,a=1,b=2');
    expect(tracestate(Array.from({ length: 40 }, (_, at) => `k${at}=v`).join(',')).split(',')).toHaveLength(32);
  });

  it('drops what is no text or too long', () => {
    expect(tracestate('a=\u0001')).toBe('tierkit=llm');
    expect(tracestate(`a=${'x'.repeat(600)}`)).toBe('tierkit=llm');
  });

  it('has no member of ours for whoever is no backend of the model call', () => {
    expect(stateOfOthers('a=1, tierkit=llm,b=2')).toBe('a=1,b=2');
    expect(stateOfOthers(Array.from({ length: 40 }, (_, at) => `k${at}=v`).join(','))!.split(',')).toHaveLength(32);
    for (const none of [undefined, '', 'tierkit=llm', 'a=\u0001', 'a=1\r\nx-y: z', `a=${'x'.repeat(600)}`])
      expect(stateOfOthers(none)).toBeUndefined();
  });

  it('says whether a gateway in front counts', () => {
    expect(countsInFront(tracestate('a=1'))).toBe(true);
    expect(countsInFront('a=1,tierkit=llm')).toBe(true);
    expect(countsInFront('tierkit=llmx')).toBe(false);
    expect(countsInFront(undefined)).toBe(false);
  });
});

it('ids have their lengths, and none comes twice', () => {
  const ids = Array.from({ length: 5000 }, () => [newTraceId(), newSpanId()]).flat();
  expect(new Set(ids).size).toBe(10_000);
  expect(ids.every((id) => /^(?:[\da-f]{16}|[\da-f]{32})$/.test(id))).toBe(true);
});

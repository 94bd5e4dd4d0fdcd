import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { SseEvent, SseEventTooLarge, SseScanner } from './sse.ts';

interface Seen {
  readonly raw: string;
  readonly type: string;
  readonly data: string | undefined;
  readonly id: string | undefined;
  readonly retry: number | undefined;
}

/** Bytes as text with one character per byte, so that failures are readable and nothing is lost. */
function latin1(bytes: Buffer): string {
  return bytes.toString('latin1');
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}

function scan(chunks: readonly Buffer[]): { events: Seen[]; leftover: string; incomplete: boolean } {
  const events: Seen[] = [];
  const scanner = new SseScanner({
    onEvent: (raw, { type, data, id, retry }) => events.push({ raw: latin1(raw), type, data: data && latin1(data), id, retry }),
  });
  for (const chunk of chunks) scanner.push(chunk);
  const { leftover, incomplete } = scanner.end();
  return { events, leftover: latin1(leftover), incomplete };
}

/** The whole stream at once, as the WHATWG text says it, on a string of bytes. */
function reference(stream: string): { events: Seen[]; leftover: string; incomplete: boolean } {
  const events: Seen[] = [];
  const mark = stream.startsWith('\u00ef\u00bb\u00bf') ? 3 : 0;
  let blockStart = 0;
  let data: string[] = [];
  const fields = new Map<string, string>();
  for (const match of stream.slice(mark).matchAll(/([^\r\n]*)(?:\r\n|\r|\n)/g)) {
    const line = match[1]!;
    const end = mark + match.index + match[0].length;
    if (line === '') {
      const retry = fields.get('retry');
      events.push({
        raw: stream.slice(blockStart, end),
        type: utf8(fields.get('event') ?? '') || 'message',
        data: data.length > 0 ? data.join('\n') : undefined,
        id: fields.has('id') ? utf8(fields.get('id')!) : undefined,
        retry: retry !== undefined && /^[0-9]+$/.test(retry) ? Number(retry) : undefined,
      });
      blockStart = end;
      data = [];
      fields.clear();
      continue;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (name === 'data') data.push(value!);
    else if (name !== 'id' || !value!.includes('\0')) fields.set(name!, value!);
  }
  const leftover = stream.slice(blockStart);
  return { events, leftover, incomplete: leftover !== '' };
}

const lineEnd = fc.constantFrom('\n', '\n', '\r\n', '\r');
const line = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('data: {"a":1}', 'data:x', 'data:', 'data', 'data:  two', 'data: a:b', 'data: é') },
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('event: done', 'event:', 'event', 'event:é', 'id: 7', 'id', 'id: a\0b', 'retry: 250', 'retry: 2.5', 'retry'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(':', ': ping', 'dat', 'datax: 1', 'Data: 1', 'data : 1', ' data: 1', '\uFEFFdata: 1', 'other: 1'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }).map((text) => text.replace(/[\r\n]/g, '')) },
);
const written = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(line, lineEnd), { maxLength: 40, size: 'max' }), line)
  .map(([mark, lines, rest]) => Buffer.from((mark ? '\uFEFF' : '') + lines.flat().join('') + rest));
/** Bytes that collide as often as they can. */
const noise = fc
  .array(fc.constantFrom(...Buffer.from('data: \r\n\uFEFF\r\n\r\n')), { maxLength: 60, size: 'max' })
  .map((bytes) => Buffer.from(bytes));
const stream = fc.oneof(written, noise);

/** Where to cut, as parts of the length: many cuts make chunks of a byte, and empty ones. */
const cuts = fc.oneof(
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 100, maxLength: 200, size: 'max' }),
);

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const offsets = [0, ...cuts.map((cut) => Math.round(cut * bytes.length)).sort((a, b) => a - b), bytes.length];
  // Copies, as from a socket: a view that crosses chunks by accident would show.
  return offsets.slice(1).map((end, index) => Buffer.from(bytes.subarray(offsets[index], end)));
}

describe('any split of any stream', () => {
  it('gives the events and bytes of the whole, which are those of the standard', () => {
    let events = 0;
    fc.assert(
      fc.property(stream, cuts, (bytes, cuts) => {
        const whole = scan([bytes]);
        events += whole.events.length;
        expect(whole).toEqual(reference(latin1(bytes)));
        expect(scan(split(bytes, cuts))).toEqual(whole);
        expect(whole.events.map(({ raw }) => raw).join('') + whole.leftover).toBe(latin1(bytes));
      }),
      { numRuns: 3000 },
    );
    expect(events).toBeGreaterThan(3000);
  });

  it('holds for single bytes', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        expect(scan([...bytes].map((byte) => Buffer.of(byte)))).toEqual(reference(latin1(bytes)));
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same events up to a limit, an end by stop, or an error of the handler', () => {
    const ways = fc.constantFrom('limit', 'stop', 'throw');
    fc.assert(
      fc.property(stream, cuts, ways, fc.integer({ min: 1, max: 30 }), (bytes, cuts, way, count) => {
        const run = (chunks: Buffer[]): unknown => {
          const raws: string[] = [];
          let failure: unknown;
          const scanner: SseScanner = new SseScanner({
            ...(way === 'limit' && { maxEventBytes: count }),
            onEvent: (raw) => {
              raws.push(latin1(raw));
              if (raws.length < count) return;
              if (way === 'stop') scanner.stop();
              if (way === 'throw') throw new RangeError('enough');
            },
          });
          let taken = 0;
          let leftover: Buffer;
          try {
            for (const chunk of chunks) {
              if (!scanner.stopped) taken += chunk.length;
              scanner.push(chunk);
            }
            leftover = scanner.end().leftover;
          } catch (error) {
            if (!(error instanceof RangeError || error instanceof SseEventTooLarge)) throw error;
            failure = error;
            leftover = scanner.end().leftover;
          }
          // Nothing that was taken is lost.
          expect(raws.join('') + latin1(leftover)).toBe(latin1(bytes.subarray(0, taken)));
          return [raws, failure, scanner.stopped];
        };
        expect(run(split(bytes, cuts))).toEqual(run([bytes]));
      }),
      { numRuns: 1500 },
    );
  });
});

describe('events', () => {
  it('are views of the chunk that holds them', () => {
    const chunk = Buffer.from('data: 1\n\nevent: x\ndata: 2\n\n');
    const buffers: unknown[] = [];
    const scanner = new SseScanner({ onEvent: (raw, event) => buffers.push(raw.buffer, event.data!.buffer) });
    scanner.push(chunk);
    expect(buffers).toHaveLength(4);
    expect(new Set(buffers)).toEqual(new Set([chunk.buffer]));
  });

  it('come as soon as their blank line does, except behind a CR', () => {
    const raws: string[] = [];
    const scanner = new SseScanner({ onEvent: (raw) => raws.push(latin1(raw)) });
    scanner.push(Buffer.from('data: 1\n\n'));
    expect(raws).toEqual(['data: 1\n\n']);
    scanner.push(Buffer.from('data: 2\r\n\r'));
    expect(raws).toHaveLength(1);
    scanner.push(Buffer.from('\n'));
    expect(raws[1]).toBe('data: 2\r\n\r\n');
    scanner.push(Buffer.from('data: 3\r\r'));
    expect(scanner.end()).toEqual({ leftover: Buffer.alloc(0), incomplete: false });
    expect(raws[2]).toBe('data: 3\r\r');
  });

  it('that were kept can be read by themselves, complete or not', () => {
    const scanner = new SseScanner({ onEvent: () => expect.unreachable() });
    scanner.push(Buffer.from('event: e\nda'));
    scanner.push(Buffer.from('ta: [DONE]\n'));
    const { leftover, incomplete } = scanner.end();
    expect(incomplete).toBe(true);
    const event = new SseEvent(leftover);
    expect([event.type, event.data!.toString(), event.id, event.retry]).toEqual(['e', '[DONE]', undefined, undefined]);
  });
});

describe('a handler that throws', () => {
  it('stops the scanner behind the event it had', () => {
    let calls = 0;
    const scanner = new SseScanner({
      onEvent: () => {
        calls++;
        throw new RangeError('enough');
      },
    });
    expect(() => scanner.push(Buffer.from('data: 1\n\ndata: 2\n\nda'))).toThrow('enough');
    expect(scanner.stopped).toBe(true);
    scanner.push(Buffer.from('data: 3\n\n'));
    expect(scanner.end()).toEqual({ leftover: Buffer.from('data: 2\n\nda'), incomplete: false });
    expect(calls).toBe(1);
  });
});

function onEvent(): void {}

describe('limits', () => {
  it('refuse an event that is one byte too large, blank line included, before it is complete', () => {
    const event = Buffer.from('data: 12345\r\n\r\n');
    new SseScanner({ maxEventBytes: event.length, onEvent }).push(Buffer.concat([event, event]));
    expect(() => new SseScanner({ maxEventBytes: event.length - 1, onEvent }).push(event)).toThrow(SseEventTooLarge);
    const scanner = new SseScanner({ maxEventBytes: 100, onEvent });
    scanner.push(Buffer.alloc(100, 'x'));
    expect(() => scanner.push(Buffer.from('x'))).toThrow('an event of the stream is larger than 100 bytes');
    expect(scanner.stopped).toBe(true);
    scanner.push(Buffer.alloc(100, 'x'));
    expect(scanner.end().leftover).toHaveLength(101);
  });

  it('are enough against streams of one kind of line end: the time does not grow with the square', () => {
    for (const end of ['\r', '\n', '\r\n']) {
      const chunk = Buffer.from(`data${end}`.repeat(1_000_000) + end);
      let length = 0;
      const scanner = new SseScanner({ onEvent: (_, event) => (length = event.data!.length) });
      scanner.push(chunk);
      scanner.end();
      expect(length).toBe(999_999);
    }
  });
});

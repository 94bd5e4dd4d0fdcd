import { PassThrough } from 'node:stream';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { LastLines, readLines, readLogLine } from './lines.ts';

async function linesOf(chunks: readonly Buffer[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  readLines(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await new Promise((resolve) => stream.once('end', resolve));
  return lines;
}

test('any split of the bytes gives the same lines', async () => {
  const text = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀', '\n') }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(200)), async (parts, cuts) => {
      const whole = parts.join('\n');
      const bytes = Buffer.from(whole);
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      const expected = whole.split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect(await linesOf(chunks)).toEqual(expected);
    }),
  );
});

test('what is too long is cut, in one chunk or in many, and the next line is whole', async () => {
  const cut = `${'x'.repeat(2000)}…`;
  const long = Buffer.from('x'.repeat(3000));
  expect(await linesOf([Buffer.concat([long, Buffer.from('\nnext\n')])])).toEqual([cut, 'next']);
  expect(await linesOf([long, long, long, Buffer.from('yyy\nnext\n')])).toEqual([cut, 'next']);
});

test('control characters do not reach the terminal', async () => {
  expect(await linesOf([Buffer.from('\u001B[31mred\u001B[0m\u0007 a\tb\r\n')])).toEqual(['red a\tb']);
});

test('the last lines are the last ones, without blank ones, and are handed over once', () => {
  const last = new LastLines(2);
  for (const line of ['a', 'b', ' ', 'c', '']) last.push(line);
  expect(last.take()).toEqual(['b', 'c']);
  expect(last.take()).toEqual([]);
});

test.each([
  ['2026-11-24T10:00:00.123Z warn no key', 'warn', 'no key'],
  ['2026-11-24T10:00:00.123Z error', undefined, '2026-11-24T10:00:00.123Z error'],
  ['2026-11-24T10:00:00.123Z fatal x', undefined, '2026-11-24T10:00:00.123Z fatal x'],
  ['curl -s', undefined, 'curl -s'],
])('%s', (line, level, text) => {
  expect(readLogLine(line)).toEqual({ level, text });
});

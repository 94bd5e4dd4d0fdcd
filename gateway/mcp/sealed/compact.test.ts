import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { ByteReader, ByteWriter, isUuid } from './compact.ts';

const texts = fc.option(
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('\ud800', '\udc00', 'a') }),
    fc.uuid(),
    fc.uuid().map((uuid) => uuid.toUpperCase()),
    fc.stringMatching(/^[\da-f]{0,40}$/),
    fc.stringMatching(/^[\w-]{0,40}$/),
  ),
  { nil: undefined },
);
const numbers = fc.maxSafeNat();
const names = fc.oneof(
  fc.stringMatching(/^server-[a-z0-9.-]{0,40}$/),
  fc.string({ unit: 'binary' }),
  fc.constant('\u{1f600}'),
  fc.constant('\u{1f601}'),
);

test('what was written is read, and nothing is left', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(texts, numbers, fc.tuple(names, fc.nat(3)))), (items) => {
      const writer = new ByteWriter();
      let previous = '';
      for (const [text, number, [name, flags]] of items) {
        writer.text(text);
        writer.varint(number);
        writer.name(name, previous, flags);
        previous = name;
      }
      const reader = new ByteReader(writer.done());
      previous = '';
      for (const [text, number, [name, flags]] of items) {
        expect(reader.text()).toBe(text);
        expect(reader.varint()).toBe(number);
        expect(reader.name(previous)).toEqual({ name, flags });
        previous = name;
      }
      expect(reader.done).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['6f9619ff-8b86-4d11-b42d-00cf4fc964ff', 17],
  ['6f9619ff8b864d11b42d00cf4fc964ff', 18],
  ['JQ7DWMHBLMLFOPSSJVCGYUSD4C', 22],
  ['2025-11-25', 9],
  ['six!!!', 7],
  [undefined, 1],
])('%s takes %i bytes', (text, bytes) => {
  const writer = new ByteWriter();
  writer.text(text);
  expect(writer.done()).toHaveLength(bytes);
});

test('a UUID in capitals, which would come back in small letters, is none', () => {
  expect(isUuid('6f9619ff-8b86-4d11-b42d-00cf4fc964ff')).toBe(true);
  expect(isUuid('6F9619FF-8B86-4D11-B42D-00CF4FC964FF')).toBe(false);
  expect(isUuid('6f9619ff-8b86-4d11-b42d-00cf4fc964ff\n')).toBe(false);
});

test('any bytes can be read; beyond the end nothing is good', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(fc.constantFrom('text', 'varint', 'uuid', 'name'), { maxLength: 20 }),
      (bytes, reads) => {
        const reader = new ByteReader(Buffer.from(bytes));
        for (const read of reads) {
          if (read === 'name') reader.name('server-');
          else reader[read]();
        }
        for (let more = 0; more <= bytes.length; more++) reader.varint();
        expect(reader.good).toBe(false);
        expect(reader.done).toBe(false);
      },
    ),
  );
});

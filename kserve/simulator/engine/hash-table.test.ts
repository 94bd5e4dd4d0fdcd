import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { HashTable } from './hash-table.ts';

test('it is a map, also where keys meet in one slot', () => {
  // Keys with equal low bits fall into the same slots; the last ones of the table wrap around.
  const key = fc.oneof(
    fc.integer({ min: 0, max: 7 }).map((i) => i * 2 ** 40 + 31),
    fc.integer({ min: 0, max: 40 }),
    fc.maxSafeNat(),
  );
  const step = fc.record({ kind: fc.constantFrom('set', 'set', 'delete', 'clear?'), key, value: fc.nat(99) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new HashTable(16);
      const map = new Map<number, number>();
      for (const [i, { kind, key, value }] of steps.entries()) {
        if (kind === 'set' && (map.size < 16 || map.has(key))) {
          map.set(key, value);
          table.set(key, value);
        } else if (kind === 'delete') {
          map.delete(key);
          table.delete(key);
        } else if (kind === 'clear?' && i % 17 === 0) {
          map.clear();
          table.clear();
        }
        expect(table.size).toBe(map.size);
        for (const [known, expected] of map) expect(table.get(known)).toBe(expected);
        expect(table.get(key)).toBe(map.get(key) ?? -1);
      }
    }),
  );
});

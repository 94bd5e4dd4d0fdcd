import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { Heap } from './heap.ts';

interface Item {
  key: number;
  place: number;
}

it('agrees with a sorted list, whatever is added, taken, changed and removed', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('push' as const), key: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ do: fc.constant('pop' as const), key: fc.constant(0) }),
    fc.record({ do: fc.constant('remove' as const), key: fc.nat(50) }),
    fc.record({ do: fc.constant('update' as const), key: fc.nat(50) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const heap = new Heap<'place', Item>('place', (a, b) => a.key < b.key);
      let model: Item[] = [];
      const popped: number[][] = [];
      const least: number[][] = [];
      for (const { do: what, key } of steps) {
        const chosen = model[key % Math.max(1, model.length)];
        if (what === 'push') {
          const item = { key, place: -1 };
          heap.push(item);
          model.push(item);
        } else if (what === 'pop') {
          const item = heap.pop();
          popped.push([item?.key ?? Infinity, item?.place ?? -1]);
          least.push([Math.min(...model.map((other) => other.key)), -1]);
          model = model.filter((other) => other !== item);
        } else if (chosen !== undefined && what === 'remove') {
          heap.remove(chosen);
          heap.remove(chosen);
          model = model.filter((other) => other !== chosen);
        } else if (chosen !== undefined) {
          chosen.key = (chosen.key * 7 + key) % 21;
          heap.update(chosen);
        }
        expect(heap.size).toBe(model.length);
        expect(heap.peek()?.key ?? Infinity).toBe(Math.min(...model.map((item) => item.key)));
        for (const [place, item] of heap.items().entries()) expect(item.place).toBe(place);
      }
      expect(popped).toEqual(least);
    }),
    { numRuns: 200 },
  );
});

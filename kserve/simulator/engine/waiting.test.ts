import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { SegmentContent } from './content.ts';
import { newSequence, type Sequence } from './sequence.ts';
import { goesFirst, WaitingQueue } from './waiting.ts';

function sequence(order: number, priority: number): Sequence {
  const content = new SegmentContent([{ id: order, length: 1 }], -1);
  return newSequence({ id: String(order), content, outputTokens: 1, ends: 'stop', priority }, 0, order, new Float64Array(0));
}

const step = fc.record({ kind: fc.constantFrom('push', 'push', 'take', 'back', 'remove'), index: fc.nat(5), priority: fc.nat(3) });

test.each(['fcfs', 'priority'] as const)('%s: it is a plain list that is kept in order', (policy) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new WaitingQueue(policy);
      let list: Sequence[] = [];
      const taken: Sequence[] = [];
      const sort = (): void => void (policy === 'priority' && list.sort((one, other) => (goesFirst(one, other) ? -1 : 1)));
      for (const [order, { kind, index, priority }] of steps.entries()) {
        const at = index % Math.max(1, list.length);
        if (kind === 'push') {
          const added = sequence(order, priority);
          queue.push(added);
          list.push(added);
        } else if (kind === 'take' && list.length > 0) {
          taken.push(queue.take(at));
          list.splice(at, 1);
        } else if (kind === 'back' && taken.length > 0) {
          const back = taken.pop()!;
          queue.pushBack(back);
          list = [back, ...list];
        } else if (kind === 'remove' && list.length > 0) {
          queue.remove(list[at]!);
          list.splice(at, 1);
        }
        sort();
        expect([...queue].map(({ order: number }) => number)).toEqual(list.map(({ order: number }) => number));
        expect(queue.length).toBe(list.length);
      }
    }),
    { numRuns: 60 },
  );
});

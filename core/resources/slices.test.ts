import { expect, it } from 'vitest';

import { atOnce, inSlices, type Sliced } from './slices.ts';

function* counted(steps: number, onStep: () => void = () => undefined): Sliced<number> {
  for (let step = 0; step < steps; step++) {
    onStep();
    yield;
  }
  return steps;
}

it('does all of it at once', () => {
  expect(atOnce(counted(5))).toBe(5);
});

it('lets others have their turn between slices', async () => {
  const order: string[] = [];
  const work = inSlices(
    counted(3, () => order.push('step')),
    0,
  );
  setImmediate(() => order.push('other'));
  expect(await work).toBe(3);
  expect(order.indexOf('other')).toBeGreaterThan(0);
  expect(order.lastIndexOf('step')).toBeGreaterThan(order.indexOf('other'));
});

it('says what went wrong', async () => {
  const failing = counted(3, () => {
    throw new Error('no');
  });
  await expect(inSlices(failing, 0)).rejects.toThrow('no');
});

import { expect, it } from 'vitest';

import { type LabelSelector, selects } from './label-selector.ts';

const labels = { team: 'a', tier: 'one' };

it.each<[LabelSelector, boolean]>([
  [{}, true],
  [{ matchLabels: { team: 'a', tier: 'one' } }, true],
  [{ matchLabels: { team: 'a', tier: 'two' } }, false],
  [{ matchLabels: { constructor: 'a' } }, false],
  [{ matchExpressions: [{ key: 'team', operator: 'In', values: ['b', 'a'] }] }, true],
  [{ matchExpressions: [{ key: 'absent', operator: 'In', values: ['a'] }] }, false],
  [{ matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['a'] }] }, false],
  [{ matchExpressions: [{ key: 'absent', operator: 'NotIn', values: ['a'] }] }, true],
  [{ matchExpressions: [{ key: 'team', operator: 'Exists' }] }, true],
  [{ matchExpressions: [{ key: 'toString', operator: 'Exists' }] }, false],
  [{ matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }, false],
  [{ matchLabels: { team: 'a' }, matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['one'] }] }, false],
])('%j selects: %s', (selector, expected) => {
  expect(selects(selector, labels)).toBe(expected);
});

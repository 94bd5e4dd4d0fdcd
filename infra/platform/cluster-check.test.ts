import { expect, it } from 'vitest';

import { contradictsItself } from './cluster-check.ts';

it.each([
  [{ type: 'integer', format: 'int32', maximum: 4_294_967_295 }, true],
  [{ type: 'integer', format: 'int64', maximum: 4_294_967_295 }, false],
  [{ type: 'integer', format: 'int32', maximum: 2_147_483_647 }, false],
  [{ type: 'integer', format: 'int32' }, false],
])('knows a schema that is wrong with any value: %j', (field, wrong) => {
  expect(contradictsItself({ spec: { versions: [{ schema: { properties: { rules: { items: field } } } }, null] } })).toBe(wrong);
});

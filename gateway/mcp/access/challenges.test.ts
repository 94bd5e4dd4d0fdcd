import { expect, test } from 'vitest';

import { insufficientScope } from './challenges.ts';

test('a client is told which scopes it lacks', () => {
  expect(insufficientScope(['read', 'write', 'no scope'], 'https://gw.example/m"x')).toBe(
    String.raw`Bearer error="insufficient_scope", error_description="the token lacks scopes", scope="read write", resource_metadata="https://gw.example/m\"x"`,
  );
});

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { bearerChallenge } from './challenge.ts';

it('says what is wrong, and where to go', () => {
  expect(bearerChallenge(undefined, undefined, [], 'https://a/m')).toBe('Bearer resource_metadata="https://a/m"');
  expect(bearerChallenge('invalid_token', 'it has expired', ['a', 'b:c'], 'https://a/m')).toBe(
    'Bearer error="invalid_token", error_description="it has expired", scope="a b:c", resource_metadata="https://a/m"',
  );
});

it('leaves out what is no scope', () => {
  expect(bearerChallenge(undefined, undefined, ['a b', 'c"', 'd\\', 'é', '', 'ok'], 'm')).toBe('Bearer scope="ok", resource_metadata="m"');
});

it('is one header of whole quoted strings, whatever is in it', () => {
  const quoted = String.raw`"(?:[^"\\]|\\.)*"`;
  const whole = new RegExp(`^Bearer (?:[a-z_]+=${quoted}, )*[a-z_]+=${quoted}$`);
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, fc.array(text), text, (error, description, scopes, metadata) => {
      const challenge = bearerChallenge(error, description, scopes, metadata);
      expect(challenge).toMatch(whole);
      expect(challenge).toMatch(/^[\t -~]*$/);
    }),
  );
});

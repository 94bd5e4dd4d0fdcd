import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { MAX_SUBJECT_BYTES } from './rule.ts';
import { boundSubject, joinSubjects } from './subject.ts';

it('a short value stands for itself, a long or secret one is hashed', () => {
  expect(boundSubject('team-a')).toBe('team-a');
  expect(boundSubject('')).toBe('');
  expect(boundSubject('x'.repeat(100))).toBe('x'.repeat(100));
  expect(boundSubject('x'.repeat(101))).toMatch(/^#[\w-]{43}$/);
  expect(boundSubject('sk-1', true)).toMatch(/^#[\w-]{43}$/);
});

it('nobody can write the name of a hashed one', () => {
  const hashed = boundSubject('x'.repeat(101));
  expect(boundSubject(hashed)).not.toBe(hashed);
});

it('values are told apart wherever one ends', () => {
  expect(joinSubjects(['a b', 'c'])).not.toBe(joinSubjects(['a', 'b c']));
  expect(joinSubjects(['a', ''])).not.toBe(joinSubjects(['', 'a']));
});

it('fits its bytes, and two values or lists never have one name', () => {
  const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 150 }), fc.constantFrom('', '1:', ' ', '0: ', '#', 'a', 'a 1:b '));
  const values = fc.array(value, { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(values, values, (one, other) => {
      const joined = joinSubjects(one);
      expect(Buffer.byteLength(joined)).toBeLessThanOrEqual(MAX_SUBJECT_BYTES);
      expect(Buffer.byteLength(boundSubject(one[0]!))).toBeLessThanOrEqual(MAX_SUBJECT_BYTES);
      expect(joined === joinSubjects(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      expect(boundSubject(one[0]!) === boundSubject(other[0]!)).toBe(one[0] === other[0]);
    }),
    { numRuns: 1000 },
  );
});

import { expect, it } from 'vitest';

import { givenLimit, isOfProvider } from './given-limit.ts';

const token = (claims: Record<string, unknown>, provider = 'corp') => ({ provider, claims });
const LIMIT = { requests_per_unit: 5, unit: 'HOUR' };

it.each<[string, string, ReturnType<typeof token> | undefined, object | undefined]>([
  ['the claims themselves', 'corp', token({ ...LIMIT, sub: 'x' }), { units: 5, per: 'Hour' }],
  ['a claim', 'corp.limit', token({ limit: LIMIT }), { units: 5, per: 'Hour' }],
  ['a claim below claims', 'corp.plan.chat', token({ plan: { chat: LIMIT } }), { units: 5, per: 'Hour' }],
  ['a claim with a dot in its name', 'corp.https://e.com/limit', token({ 'https://e.com/limit': LIMIT }), { units: 5, per: 'Hour' }],
  ['a provider with a dot in its name', 'a.b.limit', token({ limit: LIMIT }, 'a.b'), { units: 5, per: 'Hour' }],
  ['nothing left', 'corp', token({ requests_per_unit: 0, unit: 'month' }), { units: 0, per: 'Month' }],
  ['no token', 'corp', undefined, undefined],
  ['no such claim', 'corp.limit', token({}), undefined],
  ['the token of another provider', 'corp', token(LIMIT, 'other'), undefined],
  ['a provider whose name begins alike', 'corp', token(LIMIT, 'cor'), undefined],
  ['a text', 'corp.limit', token({ limit: '5/HOUR' }), undefined],
  ['an unknown unit', 'corp', token({ ...LIMIT, unit: 'FORTNIGHT' }), undefined],
  ['no unit', 'corp', token({ requests_per_unit: 5 }), undefined],
  ['less than nothing', 'corp', token({ ...LIMIT, requests_per_unit: -1 }), undefined],
  ['half a request', 'corp', token({ ...LIMIT, requests_per_unit: 1.5 }), undefined],
  ['a number as text', 'corp', token({ ...LIMIT, requests_per_unit: '5' }), undefined],
  ['nothing at all', 'corp.limit', token({ limit: null }), undefined],
])('%s', (_name, key, from, expected) => {
  expect(givenLimit(key, from)).toEqual(expected);
});

it('a key is of the provider whose name stands before a dot, or is all of it', () => {
  expect([
    isOfProvider('corp', 'corp'),
    isOfProvider('corp.a', 'corp'),
    isOfProvider('corpse', 'corp'),
    isOfProvider('cor', 'corp'),
  ]).toEqual([true, true, false, false]);
});

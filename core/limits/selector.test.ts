import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ANYONE } from '../identify/identity.ts';
import type { ClientSelector } from '../resources/envoy-gateway/client-selector.ts';
import { limited } from './limits.fixture.ts';
import type { LimitedRequest } from './rule.ts';
import { compileSelectors } from './selector.ts';
import type { Owner } from './source.ts';

type Match = NonNullable<ClientSelector['headers']>[number];

const OWNER: Owner = {
  name: 'SecurityPolicy default/s',
  owned: new Set(['x-api-key', 'x-client-id']),
  sets: new Set(['x-client-id']),
  ownedParams: new Set(['key']),
};

function select(selectors: readonly ClientSelector[], owner?: Owner) {
  const problems: string[] = [];
  const selector = compileSelectors(selectors, owner, 's', (path, message) => problems.push(`${path}: ${message}`));
  return { problems, selector, of: (request: Partial<LimitedRequest> = {}) => selector.subject(limited(request)) };
}

const range = (type: 'Exact' | 'Distinct', value: string, invert = false) => select([{ sourceCIDR: { type, value, invert } }]).of;
const match = (name: string, more: Partial<Match> = {}): Match => ({ type: 'Exact', name, invert: false, ...more });
const distinct = (name: string) => match(name, { type: 'Distinct' });
const headers = (...matches: Match[]): ClientSelector => ({ headers: matches });

describe('headers', () => {
  it('Exact takes one value, and all share one count', () => {
    const { of } = select([headers(match('X-Team', { value: 'a' }))]);
    expect([of({ headers: { 'x-team': 'a' } }), of({ headers: { 'x-team': 'A' } }), of({ headers: {} })]).toEqual([
      '',
      undefined,
      undefined,
    ]);
  });

  it('invert takes every other value, and none', () => {
    const { of } = select([headers(match('x-team', { value: 'a', invert: true }))]);
    expect([of({ headers: { 'x-team': 'a' } }), of({ headers: { 'x-team': 'b' } }), of({})]).toEqual([undefined, '', '']);
  });

  it('RegularExpression fits the whole value', () => {
    const { of } = select([headers(match('x-team', { type: 'RegularExpression', value: 'a[0-9]+' }))]);
    expect([of({ headers: { 'x-team': 'a12' } }), of({ headers: { 'x-team': 'ba12' } })]).toEqual(['', undefined]);
    const inverted = select([headers(match('x-team', { type: 'RegularExpression', value: 'a[0-9]+', invert: true }))]);
    expect([inverted.of({ headers: { 'x-team': 'a12' } }), inverted.of({})]).toEqual([undefined, '']);
  });

  it('Distinct counts each value apart, and does not limit who has none', () => {
    const { of, selector } = select([headers(distinct('X-Tenant'))]);
    expect([of({ headers: { 'x-tenant': 'a' } }), of({ headers: { 'x-tenant': '' } }), of({})]).toEqual(['a', '', undefined]);
    expect(of({ headers: { 'x-tenant': 'x'.repeat(200) } })).toMatch(/^#[\w-]{43}$/);
    expect(selector.clientNamed).toEqual(['header x-tenant']);
  });

  it('several Distinct count each combination apart', () => {
    const { of } = select([headers(distinct('a')), headers(distinct('b'))]);
    const names = [
      { a: '1', b: '23' },
      { a: '12', b: '3' },
      { a: '1', b: '23' },
    ].map((each) => of({ headers: each }));
    expect(names[0]).toBe(names[2]);
    expect(names[0]).not.toBe(names[1]);
    expect(of({ headers: { a: '1' } })).toBeUndefined();
  });

  it('of a model are read from the body, whatever the client writes', () => {
    const { of } = select([headers(match('x-ai-eg-model', { value: 'm' }))]);
    expect([of({ model: 'm' }), of({ model: 'n' }), of({ headers: { 'x-ai-eg-model': 'm' } })]).toEqual(['', undefined, undefined]);
    expect(select([headers(distinct('X-Gateway-Model-Name'))]).of({ model: 'm', headers: { 'x-gateway-model-name': 'n' } })).toBe('m');
  });

  it('that carry a credential name no count by it', () => {
    const { of } = select([headers(distinct('Authorization'))]);
    expect(of({ headers: { authorization: 'Bearer sk-1' } })).toMatch(/^#[\w-]{43}$/);
    const both = select([headers(distinct('x-api-key'), distinct('x-team'))]).of({ headers: { 'x-api-key': 'sk-1', 'x-team': 'a' } });
    expect(both).not.toContain('sk-1');
    expect(select([{ queryParams: [distinct('api_key')] }]).of({ query: '?api_key=sk-1' })).toMatch(/^#[\w-]{43}$/);
  });
});

describe('what a SecurityPolicy sets', () => {
  const identity = { clientId: 'app', headers: ['x-other', 'o', 'x-client-id', 'app'] };

  it('need not be who the client is', () => {
    const team = { clientId: 'app', headers: ['x-client-id', 'team'] };
    expect(select([headers(distinct('x-client-id'))], OWNER).of({ identity: team })).toBe('team');
  });

  it('wins over the client, and stands in for it where the policy says nothing', () => {
    const { of, selector } = select([headers(distinct('X-Client-Id'))], OWNER);
    expect(of({ headers: { 'x-client-id': 'forged' }, identity })).toBe('app');
    expect(of({ headers: { 'x-client-id': 'forged' }, identity: ANYONE })).toBeUndefined();
    expect(selector.clientNamed).toEqual([]);
    expect(select([headers(match('x-client-id', { value: 'app' }))], OWNER).of({ headers: { 'x-client-id': 'app' } })).toBeUndefined();
  });

  it('and the place of a credential stands for the client that it identifies', () => {
    for (const selector of [headers(distinct('X-API-Key')), { queryParams: [distinct('key')] }]) {
      const { of, problems } = select([selector], OWNER);
      expect(problems).toEqual([]);
      expect(of({ headers: { 'x-api-key': 'sk-1' }, query: '?key=sk-1', identity })).toBe('app');
      expect(of({ headers: { 'x-api-key': 'sk-1' }, query: '?key=sk-1', identity: ANYONE })).toBeUndefined();
      const nameless = { clientId: undefined, headers: [], token: { provider: 'p', claims: {} } };
      expect(of({ identity: nameless })).toBe('');
    }
  });

  it('a credential is no text to compare with', () => {
    const { problems } = select([headers(distinct('x-client-id'), match('x-api-key', { value: 'sk-1' }))], OWNER);
    expect(problems).toEqual([
      's[0].headers[1]: SecurityPolicy default/s reads a credential from x-api-key, and a credential is no text to compare with; match a header that the policy sets (forwardClientIDHeader, claimToHeaders), or count each client apart with type Distinct',
    ]);
  });
});

describe('other parts', () => {
  it('one of several methods is enough', () => {
    const { of } = select([
      {
        methods: [
          { value: 'GET', invert: false },
          { value: 'PUT', invert: false },
        ],
      },
    ]);
    expect(['GET', 'PUT', 'POST'].map((method) => of({ method }))).toEqual(['', '', undefined]);
    const inverted = select([{ methods: [{ value: 'GET', invert: true }] }]);
    expect(['GET', 'PUT'].map((method) => inverted.of({ method }))).toEqual([undefined, '']);
  });

  it.each<[NonNullable<ClientSelector['path']>, string[], string[]]>([
    [{ type: 'PathPrefix', value: '/v1', invert: false }, ['/v1', '/v1/chat'], ['/v10', '/', '/a/v1']],
    [{ type: 'PathPrefix', value: '/', invert: false }, ['/', '/v1'], []],
    [{ type: 'Exact', value: '/v1', invert: false }, ['/v1'], ['/v1/', '/v1/chat']],
    [{ type: 'RegularExpression', value: '/v[12]', invert: false }, ['/v1', '/v2'], ['/v3', '/v1/chat']],
    [{ type: 'Exact', value: '/v1', invert: true }, ['/v2'], ['/v1']],
  ])('path %j', (path, yes, no) => {
    const { of } = select([{ path }]);
    expect(yes.map((each) => of({ path: each }))).toEqual(yes.map(() => ''));
    expect(no.map((each) => of({ path: each }))).toEqual(no.map(() => undefined));
  });

  it('query parameters are told apart by case, and the first value counts', () => {
    const { of } = select([{ queryParams: [match('Tier', { value: 'a b' })] }]);
    expect([of({ query: '?x=1&Tier=a%20b' }), of({ query: '?tier=a%20b' }), of({ query: '?Tier=c&Tier=a%20b' }), of()]).toEqual([
      '',
      undefined,
      undefined,
      undefined,
    ]);
    const apart = select([{ queryParams: [distinct('t')] }]);
    expect([apart.of({ query: '?t=1' }), apart.of({ query: '?t' }), apart.of({ query: '?' })]).toEqual(['1', '', undefined]);
    expect(apart.selector.clientNamed).toEqual(['parameter t']);
    const pattern = select([{ queryParams: [match('t', { type: 'RegularExpression', value: 'a+', invert: true })] }]);
    expect([pattern.of({ query: '?t=aa' }), pattern.of({ query: '?t=ab' }), pattern.of()]).toEqual([undefined, '', '']);
  });

  it('addresses of a range count together or apart, in whatever spelling', () => {
    const exact = range('Exact', '10.0.0.0/8');
    expect([
      exact({ address: '10.1.2.3' }),
      exact({ address: '11.0.0.1' }),
      exact({ address: '::ffff:10.1.2.3' }),
      exact({ address: '' }),
    ]).toEqual(['', undefined, '', undefined]);
    const apart = range('Distinct', '0.0.0.0/0');
    expect([apart({ address: '10.1.2.3' }), apart({ address: '::ffff:10.1.2.3' }), apart({ address: '2001:db8::1' })]).toEqual([
      '10.1.2.3',
      '10.1.2.3',
      undefined,
    ]);
    const six = range('Distinct', '2001:db8::/32');
    expect(new Set(['2001:db8::1', '2001:DB8:0:0::1', '2001:0db8::0001'].map((address) => six({ address })))).toEqual(
      new Set(['2001:db8:0:0:0:0:0:1']),
    );
    expect(range('Exact', '10.0.0.0/8', true)({ address: '11.0.0.1' })).toBe('');
  });

  it('all parts of all selectors have to fit', () => {
    const { of } = select([
      { ...headers(match('a', { value: '1' })), methods: [{ value: 'GET', invert: false }] },
      { path: { type: 'Exact', value: '/p', invert: false }, queryParams: [distinct('q')] },
    ]);
    const all = { headers: { a: '1' }, method: 'GET', path: '/p', query: '?q=x' };
    expect(of(all)).toBe('x');
    for (const part of [{ headers: {} }, { method: 'PUT' }, { path: '/' }, { query: '' }]) expect(of({ ...all, ...part })).toBeUndefined();
  });

  it('no selector is every request', () => {
    expect([select([]).of(), compileSelectors(undefined, OWNER, '', () => undefined).subject(limited())]).toEqual(['', '']);
  });
});

describe('any selector', () => {
  const value = fc.constantFrom('a', 'b', 'aa', '');
  const one = fc.record({
    type: fc.constantFrom('Exact', 'RegularExpression'),
    name: fc.constantFrom('x', 'y'),
    value,
    invert: fc.boolean(),
  });
  const each = fc.record({ type: fc.constant('Distinct'), name: fc.constantFrom('x', 'y'), invert: fc.constant(false) });
  const matches = fc.array(fc.oneof(one, each), { minLength: 1, maxLength: 4 }) as fc.Arbitrary<Match[]>;
  const given = fc.record({ x: value, y: value }, { requiredKeys: [] });

  it('holds as its parts do, one by one', () => {
    fc.assert(
      fc.property(matches, given, (list, sent) => {
        const holds = list.every(({ type, name, value: wanted, invert }) => {
          const found = sent[name as 'x' | 'y'];
          return type === 'Distinct' ? found !== undefined : (found === wanted) !== invert;
        });
        expect(select([headers(...list)]).of({ headers: sent }) !== undefined).toBe(holds);
        // In one selector or in several: it is the same.
        expect(select(list.map((part) => headers(part))).of({ headers: sent })).toBe(select([headers(...list)]).of({ headers: sent }));
      }),
      { numRuns: 1000 },
    );
  });

  it('gives two requests one count only if their distinct values are the same', () => {
    fc.assert(
      fc.property(given, given, (one, other) => {
        const { of } = select([headers(distinct('x'), distinct('y'))]);
        const [a, b] = [of({ headers: one }), of({ headers: other })];
        expect(a !== undefined && a === b).toBe(one.x !== undefined && one.y !== undefined && one.x === other.x && one.y === other.y);
      }),
    );
  });

  it('takes time linear in a value, whatever the pattern', () => {
    const { of } = select([headers(match('x', { type: 'RegularExpression', value: '(a+)+b' }))]);
    // A backtracking engine would not come back.
    expect(of({ headers: { x: 'a'.repeat(10_000) } })).toBeUndefined();
  });
});

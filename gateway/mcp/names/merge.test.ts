import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { valueText } from '#core/json/arbitraries';
import { scanObject } from '#core/json/scan';
import { RpcError } from '../wire/rpc-error.ts';
import {
  mergeCapabilities,
  mergeDiscover,
  mergeInitialize,
  mergeInstructions,
  mergeLists,
  type MergeOptions,
  negotiatedVersion,
} from './merge.ts';

function merged(texts: readonly string[], options?: MergeOptions): string {
  return mergeLists(
    'tools',
    texts.map((text, index) => ({ server: `s${index}`, result: Buffer.from(text) })),
    options,
  ).toString();
}

function meta(text: string): string {
  return `{"tools":[],"_meta":{${text}}}`;
}

describe('mergeLists', () => {
  it('keeps the order of the servers and the bytes of what they list', () => {
    expect(
      merged(['{"tools":[{"n":1.0 } , 2]}', '{"tools":[ ]}', '{"tools":[{"x":12345678901234567890,"d":1,"d":2}]}', '{"tools":[]}']),
    ).toBe('{"tools":[{"n":1.0 } , 2,{"x":12345678901234567890,"d":1,"d":2}]}');
    expect(merged(['{"tools":[]}', '{"tools":[\n]}'])).toBe('{"tools":[]}');
    expect(merged(['{"tools":[]}', '{"tools":[1]}'])).toBe('{"tools":[1]}');
  });

  it('has every entry of every list, in order, as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.array(valueText, { maxLength: 4 }), { maxLength: 5 }), (lists) => {
        const texts = lists.map((entries) => `{"tools":[${entries.join(' ,')}]}`);
        const text = merged(texts);
        const inner = lists.filter((entries) => entries.length > 0).map((entries) => entries.join(' ,'));
        expect(text).toBe(`{"tools":[${inner.join(',')}]}`);
      }),
    );
  });

  it('of one server is its own', () => {
    const result = Buffer.from('{"tools":[1.0],"ttlMs":5.0,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"x"}}}');
    expect(mergeLists('tools', [{ server: 'a', result }])).toBe(result);
  });

  it('takes other members from the first server that has them', () => {
    expect(merged(['{"x":1.0,"tools":[1]}', '{"tools":[2],"x":2,"y":3.0,"resultType":"complete"}', '{"tools":[],"y":4}'])).toBe(
      '{"x":1.0,"tools":[1,2],"y":3.0,"resultType":"complete"}',
    );
  });

  test.each([
    [['"ttlMs":5000,"cacheScope":"public"', '"ttlMs":300,"cacheScope":"public"'], { ttlMs: 300, cacheScope: 'public' }],
    [['"ttlMs":5000,"cacheScope":"public"', '"ttlMs":300,"cacheScope":"private"'], { ttlMs: 300, cacheScope: 'private' }],
    [['"ttlMs":5000,"cacheScope":"public"', '"x":1'], { ttlMs: 0, cacheScope: 'private' }],
    [['"x":1', '"ttlMs":5000,"cacheScope":"public"'], { ttlMs: 0, cacheScope: 'private' }],
    [['"ttlMs":5000', '"ttlMs":-1'], { ttlMs: 0 }],
    [['"ttlMs":5000', '"ttlMs":"x"'], { ttlMs: 0 }],
    [['"ttlMs":1e400', '"ttlMs":1e400'], { ttlMs: 0 }],
    [['"cacheScope":"public"', '"cacheScope":"other"'], { cacheScope: 'private' }],
    [['"x":1', '"x":2'], {}],
  ])('of %j is fresh and public as %j', (members, expected) => {
    const { ttlMs, cacheScope } = JSON.parse(merged(members.map((member) => `{"tools":[],${member}}`))) as Record<string, unknown>;
    expect({ ttlMs, cacheScope }).toEqual({ ttlMs: undefined, cacheScope: undefined, ...expected });
  });

  it('says which servers are missing, and is then stale', () => {
    expect(merged(['{"tools":[1],"ttlMs":9,"cacheScope":"public"}'], { missing: ['b', 'c'] })).toBe(
      '{"tools":[1],"ttlMs":0,"cacheScope":"public","_meta":{"tierkit.dev/partial":["b","c"]}}',
    );
    expect(merged([], { missing: ['b'] })).toBe('{"tools":[],"_meta":{"tierkit.dev/partial":["b"]}}');
  });

  it('joins _meta, says nothing of one server alone, and lets no server speak of missing ones', () => {
    expect(
      merged([
        meta('"io.modelcontextprotocol/serverInfo":{},"a":1.0,"tierkit.dev/partial":["x"]'),
        meta('"a":2,"b":3.0,"b":3.0'),
        '{"tools":[]}',
      ]),
    ).toBe('{"tools":[],"_meta":{"a":1.0,"b":3.0}}');
  });

  it('has the cursor that it is given, and no other', () => {
    const page = '{"tools":[],"nextCursor":"x"}';
    expect(merged([page, page], { nextCursor: 'c"' })).toBe('{"tools":[],"nextCursor":"c\\""}');
    expect(merged([page, '{"tools":[]}'])).toBe('{"tools":[]}');
    expect(merged(['{"tools":[]}', page])).toBe('{"tools":[]}');
    expect(merged([page])).toBe('{"tools":[]}');
  });

  test.each(['', '[]', '{"tools":{}}', '{}', '{"tools":[],"tools":[]}', '{"tools":[}'])('refuses %s, and says whose it is', (text) => {
    const error = expect.objectContaining({ code: -32603, message: expect.stringContaining('s1') });
    expect(() => merged(['{"tools":[]}', text])).toThrow(error);
    expect(() => merged(['{"tools":[]}', text])).toThrow(RpcError);
  });
});

test('capabilities are what one server can', () => {
  const capabilities = mergeCapabilities([
    { server: 'a', capabilities: { tools: { listChanged: false }, logging: {}, experimental: { x: { n: 1 } } } },
    {
      server: 'b',
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, experimental: { x: { n: 2, m: 3 }, y: {} } },
    },
    { server: 'c', capabilities: { tools: { listChanged: false }, resources: {} } },
    { server: 'd', capabilities: 'none' },
    { server: 'e' },
    { server: 'f', capabilities: JSON.parse('{"__proto__":{"polluted":true}}') },
  ]);
  expect(JSON.parse(JSON.stringify(capabilities))).toEqual(
    JSON.parse(
      '{"tools":{"listChanged":true},"logging":{},"experimental":{"x":{"n":1,"m":3},"y":{}},"resources":{"subscribe":true},"__proto__":{"polluted":true}}',
    ),
  );
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('instructions say whose they are, where there are several servers', () => {
  expect(mergeInstructions([{ server: 'a', instructions: 'Do.' }])).toBe('Do.');
  expect(mergeInstructions([{ server: 'a', instructions: 'Do.' }, { server: 'b' }, { server: 'c', instructions: 'Be.' }])).toBe(
    '# a\n\nDo.\n\n# c\n\nBe.',
  );
  expect(
    mergeInstructions([
      { server: 'a', instructions: '' },
      { server: 'b', instructions: 7 },
    ]),
  ).toBeUndefined();
});

test.each([
  ['2025-06-18', '2025-06-18'],
  ['2025-11-25', '2025-11-25'],
  ['2024-11-05', '2025-11-25'],
  ['2026-07-28', '2025-11-25'],
  ['', '2025-11-25'],
])('a session that asks for %j has %s', (requested, version) => {
  expect(negotiatedVersion(requested)).toBe(version);
});

test('initialize and server/discover', () => {
  const serverInfo = { name: 'tierkit', version: '1' };
  const hellos = [{ server: 'a', capabilities: { tools: {} } }];
  const initialized = mergeInitialize(hellos, { requested: '2025-06-18', serverInfo, missing: ['b'] });
  expect(JSON.parse(JSON.stringify(initialized))).toEqual({
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo,
    _meta: { 'tierkit.dev/partial': ['b'] },
  });
  const discovered = mergeDiscover(hellos, { serverInfo, ttlMs: 1000 });
  expect(scanObject(Buffer.from(JSON.stringify(discovered))).members.map(({ name }) => name)).toEqual([
    'resultType',
    'supportedVersions',
    'capabilities',
    'ttlMs',
    'cacheScope',
    '_meta',
  ]);
  expect(mergeDiscover(hellos, { serverInfo, ttlMs: 1000, missing: ['b'] })).toMatchObject({ ttlMs: 0 });
});

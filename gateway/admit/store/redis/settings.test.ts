import { inspect } from 'node:util';

import { expect, test } from 'vitest';

import { describeRedis, parseRedisUrl } from './settings.ts';

test.each([
  ['redis://h', { mode: 'standalone', nodes: [{ host: 'h', port: 6379 }] }],
  ['redis://user@h:7/2', { mode: 'standalone', nodes: [{ host: 'h', port: 7 }], username: 'user', database: 2 }],
  ['rediss://[::1]:7', { mode: 'standalone', nodes: [{ host: '::1', port: 7 }], tls: {} }],
  [
    'redis+sentinel://a,b:1/m%20y',
    {
      mode: 'sentinel',
      nodes: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 1 },
      ],
      master: 'm y',
    },
  ],
  [
    'redis+cluster://a,b:1',
    {
      mode: 'cluster',
      nodes: [
        { host: 'a', port: 6379 },
        { host: 'b', port: 1 },
      ],
    },
  ],
])('%s', (url, settings) => {
  expect(parseRedisUrl(url)).toEqual(settings);
});

test('passwords are decoded, and shown nowhere', () => {
  const settings = parseRedisUrl('rediss+sentinel://u%40:p%2Fw%3A@a/m?sentinelUsername=su&sentinelPassword=s%26p', 'PEM');
  expect(settings).toMatchObject({ username: 'u@', sentinelUsername: 'su', tls: { ca: 'PEM' } });
  expect([settings.password!.reveal(), settings.sentinelPassword!.reveal()]).toEqual(['p/w:', 's&p']);
  for (const text of [
    inspect(settings, { depth: 9, showHidden: true }),
    JSON.stringify(settings),
    String(settings.password),
    describeRedis(settings),
  ]) {
    expect(text).not.toMatch(/p\/w:|s&p/);
  }
});

test.each([
  ['h:6379', /form scheme/],
  ['redis://', /form scheme/],
  ['redsi://h', /"redis"/],
  ['http://:sesame@h', /begins with http/],
  ['redis://:sesame@a,b', /names 2 hosts/],
  ['redis://:sesame@h:99999', /host:port/],
  ['redis://:sesame@h/x', /database that is no number/],
  ['redis+sentinel://:sesame@h', /name of the master/],
  ['redis+cluster://:sesame@h/3', /only 0/],
  ['redis://:sesame%zz@h', /% that encodes nothing/],
  ['redis://h?sentinelPasword=sesame', /"sentinelPassword"/],
  ['redis://user:ses@me@h', /form scheme/],
])('%s is refused, without what may be a password', (url, reason) => {
  let message = '';
  try {
    parseRedisUrl(url);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toMatch(reason);
  expect(message).not.toMatch(/ses(ame|@me)/);
});

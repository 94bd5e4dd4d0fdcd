import { describe, expect, test } from 'vitest';

import { forwardable, isInternal, returnable } from './headers.ts';

const NONE: ReadonlySet<string> = new Set();

/** Headers as an object again, for comparing. */
function sent(headers: NodeJS.Dict<string | string[]>, kind: 'ai' | 'ordinary', also = NONE): Record<string, string> {
  const flat = forwardable(headers, kind, also);
  const result: Record<string, string> = {};
  for (let at = 0; at < flat.length; at += 2) result[flat[at]!] = flat[at + 1]!;
  return result;
}

describe('forwardable', () => {
  const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'];

  test.each([...HOP_BY_HOP, 'expect', 'host', 'content-length', 'proxy-authorization', 'forwarded', 'x-real-ip'])(
    '%s goes to no backend',
    (name) => {
      expect(sent({ [name]: 'x', other: '1' }, 'ai')).toEqual({ other: '1' });
      expect(sent({ [name]: 'x', other: '1' }, 'ordinary')).toEqual({ other: '1' });
    },
  );

  test.each(['authorization', 'cookie', 'x-api-key', 'api-key', 'x-goog-api-key', 'x-amz-security-token'])(
    'the credential in %s ends here for a model, and not for an ordinary backend',
    (name) => {
      expect(sent({ [name]: 'secret' }, 'ai')).toEqual({});
      expect(sent({ [name]: 'secret' }, 'ordinary')).toEqual({ [name]: 'secret' });
    },
  );

  test.each(['x-ai-eg-model', 'x-aigw-api-key', 'x-envoy-decorator', 'x-tierkit-debug', 'x-gateway-destination-endpoint'])(
    '%s from a client is a forgery',
    (name) => {
      expect(isInternal(name)).toBe(true);
      expect(sent({ [name]: 'x' }, 'ai')).toEqual({});
      expect(sent({ [name]: 'x' }, 'ordinary')).toEqual({});
    },
  );

  test.each(['x-airport', 'x-ai', 'x-envoys', 'xx-envoy-x', 'x-gate'])('%s is nobody’s name', (name) => {
    expect(sent({ [name]: 'x' }, 'ai')).toEqual({ [name]: 'x' });
  });

  test.each([
    ['close, X-Secret-Hop', ['x-secret-hop']],
    ['X-A ,x-b,', ['x-a', 'x-b']],
    ['keep-alive,\tX-A', ['x-a']],
  ])('Connection: %s names headers of the connection', (connection, names) => {
    const headers = Object.fromEntries([
      ['connection', connection],
      ['kept', '1'],
      ...names.map((name) => [name, 'x']),
    ]) as NodeJS.Dict<string>;
    expect(sent(headers, 'ordinary')).toEqual({ kept: '1' });
  });

  test('a name with underscores does not stand in for one with hyphens', () => {
    const owned = new Set(['x-client-id', 'x_other']);
    const headers = {
      x_client_id: 'forged',
      'x_client-id': 'forged',
      x_ai_eg_model: 'x',
      x_api_key: 'x',
      content_length: '5',
      x_other: 'x',
      a_b: '1',
    };
    expect(sent(headers, 'ai', owned)).toEqual({ a_b: '1' });
  });

  test('what a policy owns is taken off, and repeated headers stay repeated', () => {
    expect(forwardable({ 'x-id': 'forged', 'set-cookie': ['a', 'b'] }, 'ordinary', new Set(['x-id']))).toEqual([
      'set-cookie',
      'a',
      'set-cookie',
      'b',
    ]);
  });
});

describe('returnable', () => {
  test('an answer keeps what is end to end', () => {
    const headers = {
      connection: 'x-hop',
      'x-hop': '1',
      'keep-alive': 'x',
      'transfer-encoding': 'chunked',
      'content-length': '3',
      'x-envoy-upstream': '1',
    };
    expect(returnable({ ...headers, 'content-type': 'a/b', 'set-cookie': ['a', 'b'] })).toEqual({
      'content-type': 'a/b',
      'set-cookie': ['a', 'b'],
    });
  });
});

import { expect, test } from 'vitest';

import { exchangeToken, type ExchangeSource, refusalOf } from './token-exchange.ts';
import { type Answer, formOf, tokenServer } from './token-server.fixture.ts';

const TYPE = 'urn:ietf:params:oauth:token-type:';
const TOKEN: Answer = {
  body: { access_token: 'theirs', issued_token_type: `${TYPE}access_token`, token_type: 'Bearer', expires_in: 60 },
};

async function server(answer: Answer = TOKEN) {
  const { url, asked } = await tokenServer(() => answer);
  const source: ExchangeSource = {
    tokenEndpoint: `${url}/token?tenant=a`,
    clientId: 'tier kit',
    clientSecret: 'a:b+c',
    inBody: false,
    audience: undefined,
    resource: undefined,
    scopes: [],
    subjectTokenType: `${TYPE}access_token`,
    requestedTokenType: `${TYPE}jwt`,
    elsewhere: false,
  };
  const exchange = (more: Partial<ExchangeSource> = {}) => exchangeToken({ ...source, ...more }, 'ours', AbortSignal.timeout(5000));
  return { asked, exchange };
}

test('a token is exchanged by a form, by a client that a header names', async () => {
  const { asked, exchange } = await server();
  const { value, expiresAt } = await exchange();
  expect(value).toBe('theirs');
  expect(expiresAt).toBeGreaterThan(Date.now());
  const [one] = asked;
  expect(one).toMatchObject({ method: 'POST', path: '/token?tenant=a' });
  expect(one!.headers['content-type']).toBe('application/x-www-form-urlencoded');
  expect(Buffer.from(one!.headers.authorization!.replace('Basic ', ''), 'base64').toString()).toBe('tier+kit:a%3Ab%2Bc');
  expect(formOf(one!)).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: 'ours',
    subject_token_type: `${TYPE}access_token`,
    requested_token_type: `${TYPE}jwt`,
  });
});

test('the form says what the token is for, and the client where that is wanted', async () => {
  const { asked, exchange } = await server();
  await exchange({ audience: 'git', resource: 'https://git.example/mcp', scopes: ['read', 'x:y'], inBody: true });
  expect(asked[0]!.headers.authorization).toBeUndefined();
  expect(formOf(asked[0]!)).toMatchObject({
    audience: 'git',
    resource: 'https://git.example/mcp',
    scope: 'read x:y',
    client_id: 'tier kit',
    client_secret: 'a:b+c',
  });
});

const failureOf = async (answer: Answer, more: Partial<ExchangeSource> = {}): Promise<Error> => {
  const { exchange } = await server(answer);
  return exchange(more).then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as Error,
  );
};

test.each(['access_denied', 'invalid_grant', 'invalid_request', 'invalid_scope', 'invalid_target'])('%s is a refusal', async (code) => {
  const error = await failureOf({ status: 400, body: { error: code, error_description: 'canary ours' } });
  expect(refusalOf(error)).toBe(code);
  expect(error.message).toMatch(new RegExp(String.raw`^127\.0\.0\.1:\d+ answered with status 400 \(${code}\)$`));
});

test.each<[string, Answer]>([
  ['the gateway is not known', { status: 401, body: { error: 'invalid_client' } }],
  ['the grant is not served', { status: 400, body: { error: 'unsupported_grant_type' } }],
  ['the server is broken', { status: 503, body: { error: 'temporarily_unavailable' } }],
  ['it says what nobody knows', { status: 400, body: { error: 'canary' } }],
  ['it redirects', { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' }],
  ['it says nothing', { body: 'canary' }],
  ['the token is bound to a key that we do not have', { body: { access_token: 'x', token_type: 'DPoP' } }],
])('it is no refusal where %s', async (_what, answer) => {
  const error = await failureOf(answer);
  expect(refusalOf(error)).toBeUndefined();
  expect(error.message).not.toContain('canary');
});

test('in a cluster nobody of this machine is asked', async () => {
  const { asked, exchange } = await server();
  await expect(exchange({ elsewhere: true })).rejects.toThrow('127.0.0.1 is a loopback address');
  expect(asked).toEqual([]);
});

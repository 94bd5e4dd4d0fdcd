import { createHmac, KeyObject } from 'node:crypto';

import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { caller, compile, headersOf, identify, refusal, type Running, secure, serve } from './identify.fixture.ts';
import type { Security } from './identity.ts';
import { SharedIdentify } from './shared-identify.ts';

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let rsa: Pair;
let ec: Pair;
let ed: Pair;
const keySet = async (keys: Record<string, Pair>): Promise<string> =>
  JSON.stringify({
    keys: await Promise.all(Object.entries(keys).map(async ([kid, pair]) => ({ ...(await exportJWK(pair.publicKey)), kid }))),
  });

let server: Running;
let body = '';
let up = true;

beforeAll(async () => {
  rsa = await generateKeyPair('RS256', { extractable: true });
  ec = await generateKeyPair('ES256', { extractable: true });
  ed = await generateKeyPair('EdDSA', { extractable: true });
});
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  up = true;
  body = await keySet({ r: rsa, e: ec, d: ed });
  server = await serve((_, response) => (up ? response.end(body) : response.writeHead(503).end('canary-upstream-text')));
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

const issuer = 'https://issuer.test';
const audience = 'models';
interface SignOptions {
  readonly pair?: Pair;
  readonly alg?: string;
  readonly kid?: string | null;
  readonly expiresInS?: number | null;
}
function sign(claims: JWTPayload = {}, { pair = rsa, alg = 'RS256', kid = 'r', expiresInS = 3600 }: SignOptions = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const jwt = new SignJWT({ iss: issuer, aud: audience, sub: 'user-1', ...claims }).setProtectedHeader({
    alg,
    ...(kid === null ? {} : { kid }),
  });
  if (expiresInS !== null) jwt.setExpirationTime(now + expiresInS);
  // As a KeyObject, an RSA key signs with any of its algorithms.
  return jwt.sign(KeyObject.from(pair.privateKey));
}
const provider = (more: object = {}): object => ({
  name: 'p',
  issuer,
  audiences: [audience],
  remoteJWKS: { uri: `${server.url}/keys` },
  ...more,
});
const policy = (more: object = {}, jwt: object = {}): Security => secure({ jwt: { providers: [provider(more)], ...jwt } });
const bearer = (token: string, query = '') => caller({ authorization: `Bearer ${token}` }, { query });
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

it('verifies a token of each type of key, and answers at once for one that it knows', async () => {
  const security = policy();
  for (const token of [
    await sign(),
    await sign({}, { alg: 'PS512' }),
    await sign({}, { pair: ec, alg: 'ES256', kid: 'e' }),
    await sign({}, { pair: ed, alg: 'EdDSA', kid: 'd' }),
    await sign({}, { kid: null }),
    await sign({ aud: ['other', audience] }),
  ]) {
    const first = security.identify(bearer(token));
    expect(first).toBeInstanceOf(Promise);
    expect((await first).clientId).toBe('user-1');
    expect(security.identify(bearer(token))).toMatchObject({ clientId: 'user-1' });
  }
  expect(server.seen).toHaveLength(1);
});

it('knows a token by all of it: one that differs in its last characters is another', async () => {
  const security = policy();
  const token = await sign({ sub: 'a'.repeat(2000) });
  await identify(security, bearer(token));
  const position = token.length - 6;
  const forged = `${token.slice(0, position)}${token[position] === 'A' ? 'B' : 'A'}${token.slice(position + 1)}`;
  expect((await refusal(security, bearer(forged))).message).toBe('the token is not accepted: its signature is wrong');
  const [header, , signature] = token.split('.');
  const payload = part({ iss: issuer, aud: audience, sub: 'a'.repeat(2000), admin: true });
  expect((await refusal(security, bearer(`${header}.${payload}.${signature}`))).status).toBe(401);
});

it('refuses alg none, in any spelling', async () => {
  const payload = part({ iss: issuer, aud: audience, sub: 'canary-admin' });
  for (const alg of ['none', 'None', 'NONE', '']) {
    for (const kid of ['r', undefined]) {
      const error = await refusal(policy(), bearer(`${part({ alg, kid })}.${payload}.`));
      expect(error.message).toBe('the token is not accepted: no key of its provider has its key id and algorithm');
    }
  }
});

it('refuses HMAC with the public key as its secret', async () => {
  const jwk = JSON.parse(body).keys[0];
  const secrets = [
    await exportSPKI(rsa.publicKey),
    (await exportSPKI(rsa.publicKey)).trim(),
    JSON.stringify(jwk),
    jwk.n,
    Buffer.from(jwk.n, 'base64url'),
  ];
  for (const local of [false, true]) {
    const security = local ? secure({ jwt: { providers: [{ name: 'p', localJWKS: { inline: body } }] } }) : policy();
    for (const secret of secrets) {
      const signed = `${part({ alg: 'HS256', kid: 'r' })}.${part({ iss: issuer, aud: audience, sub: 'x' })}`;
      const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      expect((await refusal(security, bearer(token))).status).toBe(401);
    }
  }
});

it('takes HMAC keys from a local set, not from a remote one', async () => {
  const secret = Buffer.alloc(32, 9);
  const text = JSON.stringify({ keys: [{ kty: 'oct', k: secret.toString('base64url') }] });
  const token = await new SignJWT({ iss: issuer, aud: audience, sub: 's' }).setProtectedHeader({ alg: 'HS256' }).sign(secret);
  const valueRef = { group: '', kind: 'ConfigMap', name: 'c' };
  const local = secure(
    { jwt: { providers: [{ name: 'p', localJWKS: { type: 'ValueRef', valueRef } }] } },
    { configMaps: { c: { other: 'x', jwks: text } } },
  );
  expect((await identify(local, bearer(token))).clientId).toBe('s');
  body = text;
  expect((await refusal(policy(), bearer(token))).status).toBe(503);
});

it.each<[string, JWTPayload, number | null, string]>([
  ['expired by more than the skew', {}, -61, 'it has expired'],
  ['for another audience', { aud: ['x', 'models2'] }, 60, 'it is for another audience'],
  ['without an audience', { aud: undefined } as unknown as JWTPayload, 60, 'it is for another audience'],
  ['of another issuer', { iss: 'https://issuer.test/' }, 60, 'its issuer is none that the policy names'],
  ['without an issuer', { iss: undefined } as unknown as JWTPayload, 60, 'its issuer is none that the policy names'],
  ['of the future', { nbf: Math.floor(Date.now() / 1000) + 3600 }, 7200, 'it is not valid yet'],
  ['with an exp that is no number', { exp: 'never' as unknown as number }, null, 'one of its claims is not valid'],
])('refuses a token %s', async (_, claims, expiresInS, reason) => {
  const error = await refusal(policy(), bearer(await sign({ email: 'canary@people.test', ...claims }, { expiresInS })));
  expect(error).toMatchObject({ code: 'TK_UNAUTHENTICATED', status: 401, message: `the token is not accepted: ${reason}` });
  expect(error.headers['www-authenticate']).toBe(`Bearer error="invalid_token", error_description="${reason}"`);
});

it('allows a minute of clock skew, and no more for a token that it knows', async () => {
  const security = policy();
  const token = await sign({}, { expiresInS: 30 });
  await identify(security, bearer(token));
  vi.advanceTimersByTime(89_000);
  expect((await identify(security, bearer(token))).clientId).toBe('user-1');
  vi.advanceTimersByTime(2000);
  expect((await refusal(security, bearer(token))).message).toMatch(/it has expired/);
});

it.each(['x', 'a.b', 'a.b.c', 'a.b.c.d.e', '....', 'e30.e30.'])('refuses %s, which is no JWT', async (token) => {
  expect((await refusal(policy(), bearer(token))).status).toBe(401);
});

it('says where a token is wanted, and lets none pass where the policy says so', async () => {
  const error = await refusal(policy(), caller({ authorization: 'Basic canary-no-token' }));
  expect(error.message).toBe('no token: send a JWT as header authorization (Bearer …) or query parameter access_token');
  expect(error.headers).toEqual({ 'www-authenticate': 'Bearer' });
  const optional = policy({}, { optional: true });
  expect(optional.identify(caller())).toEqual({ clientId: undefined, headers: [] });
  expect((await refusal(optional, bearer('canary-bad-token'))).status).toBe(401);
});

it('finds new keys after a rotation, and drops what the old ones verified', async () => {
  const security = policy();
  const old = await sign();
  await identify(security, bearer(old));
  const next = await generateKeyPair('RS256', { extractable: true });
  body = await keySet({ n: next });
  vi.advanceTimersByTime(10_000);
  const token = await sign({ sub: 'user-2' }, { pair: next, kid: 'n' });
  expect((await identify(security, bearer(token))).clientId).toBe('user-2');
  expect(server.seen).toHaveLength(2);
  expect((await refusal(security, bearer(old))).message).toMatch(/no key of its provider/);
});

it('is not made to fetch by made-up key ids', async () => {
  const security = policy();
  await identify(security, bearer(await sign()));
  for (let index = 0; index < 50; index++) {
    expect((await refusal(security, bearer(await sign({}, { kid: `made-up-${index}` })))).status).toBe(401);
  }
  expect(server.seen).toHaveLength(1);
});

it('answers 503 when the keys have never come, and goes on with the last ones when they have', async () => {
  const token = await sign();
  up = false;
  const cold = await refusal(policy(), bearer(token));
  expect(cold).toMatchObject({ code: 'TK_INTERNAL', status: 503, headers: { 'retry-after': '1' } });
  expect(cold.message).toBe('the keys of token provider p cannot be had now, so the token cannot be verified');
  up = true;
  const shared = new SharedIdentify();
  const spec = { jwt: { providers: [provider()] } };
  await identify(secure(spec, { shared }), bearer(token));
  up = false;
  vi.advanceTimersByTime(400_000);
  // A new policy knows no token; the keys survive the reload.
  expect((await identify(secure(spec, { shared }), bearer(token))).clientId).toBe('user-1');
});

it('puts claims into headers, and nothing that a header cannot carry', async () => {
  const claimToHeaders = [
    { claim: 'sub', header: 'X-User' },
    { claim: 'org.team.name', header: 'x-team' },
    { claim: 'level', header: 'x-level' },
    { claim: 'roles', header: 'x-roles' },
    { claim: 'evil', header: 'x-evil' },
  ];
  const security = policy({ claimToHeaders });
  const token = await sign({ org: { team: { name: 'zoë' } }, level: 3, roles: ['admin'], evil: 'a\r\nx-admin: 1' });
  const spoofed = { authorization: `Bearer ${token}`, 'x-user': 'root', 'x-roles': 'admin', 'x-evil': '1' };
  const expected = { 'x-user': 'user-1', 'x-team': 'zoÃ«', 'x-level': '3' };
  expect(headersOf(await identify(security, caller(spoofed)))).toEqual(expected);
  expect(headersOf(await identify(security, caller(spoofed)))).toEqual(expected);
  for (const name of ['x-user', 'x-team', 'x-level', 'x-roles', 'x-evil', 'authorization']) expect(security.owned).toContain(name);
  expect(security.passable.headers).toEqual(new Set(['authorization']));
});

it('chooses the provider by the issuer, else tries those that check none in their order', async () => {
  const second = await generateKeyPair('ES256', { extractable: true });
  const spec = {
    jwt: {
      providers: [
        { name: 'open', localJWKS: { inline: await keySet({ s: second }) }, claimToHeaders: [{ claim: 'sub', header: 'x-open' }] },
        provider({ claimToHeaders: [{ claim: 'sub', header: 'x-named' }] }),
      ],
    },
  };
  const security = secure(spec);
  expect(headersOf(await identify(security, bearer(await sign())))).toEqual({ 'x-named': 'user-1' });
  const other = await sign({ iss: 'anyone' }, { pair: second, alg: 'ES256', kid: 's' });
  expect(headersOf(await identify(security, bearer(other)))).toEqual({ 'x-open': 'user-1' });
  // The right key does not make up for the wrong issuer.
  expect((await refusal(security, bearer(await sign({ iss: 'anyone' })))).status).toBe(401);
});

it('does not let a token that one provider knows pass for another, nor from another place', async () => {
  const remoteJWKS = { uri: `${server.url}/keys` };
  const spec = {
    jwt: {
      providers: [
        { name: 'a', remoteJWKS, extractFrom: { headers: [{ name: 'x-token', valuePrefix: 'Token ' }] } },
        { name: 'b', remoteJWKS, audiences: ['b'], extractFrom: { cookies: ['token'], params: ['token'] } },
      ],
    },
  };
  const security = secure(spec);
  const token = await sign();
  expect((await identify(security, caller({ 'x-token': `Token ${token}` }))).clientId).toBe('user-1');
  expect((await refusal(security, caller({ cookie: `token=${token}` }))).message).toMatch(/another audience/);
  expect((await refusal(security, caller({ 'x-token': token }))).message).toMatch(/^no token/);
  expect((await refusal(security, bearer(token))).message).toMatch(/^no token/);
  expect(security.ownedCookies).toEqual(new Set(['token']));
  expect(security.ownedParams).toEqual(new Set(['token']));
});

it('reports key sets that cannot be used', () => {
  const { problems } = compile({
    jwt: {
      providers: [
        { name: 'a', localJWKS: { inline: '{"keys": canary' } },
        { name: 'b', localJWKS: { type: 'ValueRef', valueRef: { group: '', kind: 'ConfigMap', name: 'gone' } } },
        { name: 'c', remoteJWKS: { uri: 'https://user:canary@issuer.test/keys' } },
        {
          name: 'd',
          localJWKS: { inline: body },
          claimToHeaders: [
            { claim: 'a', header: 'X' },
            { claim: 'b', header: 'x' },
          ],
        },
      ],
    },
  });
  expect(problems).toEqual([
    'spec.jwt.providers[0].localJWKS.inline: the key set is no JSON',
    'spec.jwt.providers[1].localJWKS.valueRef: no ConfigMap gone',
    'spec.jwt.providers[2].remoteJWKS.uri: has a user name or password in it; a key set is public',
    'spec.jwt.providers[3].claimToHeaders[1].header: an earlier claim is put into header x already',
  ]);
});

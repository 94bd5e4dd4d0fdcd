import { createHash } from 'node:crypto';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Pool } from 'undici';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { caller, compile, headersOf, identify, refusal, type Running, secure, serve } from './identify.fixture.ts';
import { ANYONE } from './identity.ts';

let server: Running;
let pool: Pool;
beforeEach(async () => {
  server = await serve((_, response) => response.setHeader('x-tenant', 'from-ext').end());
  pool = new Pool(server.url);
});
afterEach(async () => {
  await pool.destroy();
  await server.close();
});

const password = 'canary-password';
const around = () => ({
  secrets: {
    keys: { client: 'canary-api-key' },
    users: { '.htpasswd': `ada:{SHA}${createHash('sha1').update(password).digest('base64')}` },
  },
  backends: { auth: pool },
});
const apiKeyAuth = {
  credentialRefs: [{ name: 'keys' }],
  extractFrom: [{ headers: ['x-api-key'], params: ['key'] }],
  forwardClientIDHeader: 'x-client',
};
const basicAuth = { users: { name: 'users' }, forwardUsernameHeader: 'x-user' };
const extAuth = {
  http: { backendRefs: [{ kind: 'Backend', group: 'gateway.envoyproxy.io', name: 'auth' }], headersToBackend: ['x-tenant'] },
};

it('lets everyone pass where nothing is asked, with the policy named', () => {
  const security = secure({ cors: { allowOrigins: ['*'] } });
  expect(security.identify(caller())).toBe(ANYONE);
  expect(security.name).toBe('SecurityPolicy n/p');
  expect([security.owned.size, security.ownedParams.size, security.ownedCookies.size]).toEqual([0, 0, 0]);
  expect(security.cors).toBeDefined();
  expect(secure({ authorization: { defaultAction: 'Allow' } }).cors).toBeUndefined();
});

it('wants every part to let the request pass, in the order of Envoy Gateway', async () => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const token = await new SignJWT({ sub: 'person', team: 'ml' }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);
  const inline = JSON.stringify({ keys: [await exportJWK(publicKey)] });
  const security = secure(
    {
      extAuth,
      apiKeyAuth,
      basicAuth,
      jwt: {
        providers: [
          {
            name: 'p',
            localJWKS: { inline },
            extractFrom: { headers: [{ name: 'x-token' }] },
            claimToHeaders: [{ claim: 'team', header: 'x-team' }],
          },
        ],
      },
      authorization: {
        rules: [
          {
            action: 'Allow',
            principal: {
              clientCIDRs: ['192.0.2.0/24'],
              jwt: { provider: 'p', claims: [{ name: 'team', values: ['ml'] }] },
              headers: ['x-tenant=from-ext', 'x-client=client', 'x-user=ada', 'x-team=ml'].map((pair) => ({
                name: pair.split('=')[0],
                values: [pair.split('=')[1]],
              })),
            },
          },
        ],
      },
    },
    around(),
  );
  const good = {
    'x-api-key': 'canary-api-key',
    authorization: `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`,
    'x-token': token,
  };
  const forged = { 'x-tenant': 'forged', 'x-client': 'forged', 'x-user': 'forged', 'x-team': 'forged' };
  const identity = await identify(security, caller({ ...good, ...forged }));
  expect(identity.clientId).toBe('client');
  expect(headersOf(identity)).toEqual({ 'x-tenant': 'from-ext', 'x-client': 'client', 'x-user': 'ada', 'x-team': 'ml' });
  expect(identity.token).toMatchObject({ provider: 'p', claims: { sub: 'person', team: 'ml' } });

  expect((await refusal(security, caller({ ...forged }))).message).toMatch(/API key/);
  expect((await refusal(security, caller({ 'x-api-key': good['x-api-key'] }))).message).toMatch(/user name/);
  expect((await refusal(security, caller({ ...good, 'x-token': '' }))).message).toMatch(/JWT/);
  expect((await refusal(security, caller(good, { address: '198.51.100.1' }))).code).toBe('TK_FORBIDDEN');

  expect(security.owned).toEqual(new Set(['x-client', 'x-user', 'x-team', 'x-tenant', 'x-api-key', 'authorization', 'x-token']));
  expect(security.passable.headers).toEqual(new Set(['x-api-key', 'authorization', 'x-token']));
  expect(security.sets).toEqual(new Set(['x-client', 'x-user', 'x-team', 'x-tenant']));
});

it('keeps a token that names nobody, and knows nothing of one that is not there', async () => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const token = await new SignJWT({ plan: { requests_per_unit: 5 } }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);
  const inline = JSON.stringify({ keys: [await exportJWK(publicKey)] });
  const security = secure({ jwt: { optional: true, providers: [{ name: 'p', localJWKS: { inline } }] } }, around());
  const identity = await identify(security, caller({ authorization: `Bearer ${token}` }));
  expect(identity.clientId).toBeUndefined();
  expect(identity.token).toMatchObject({ provider: 'p', claims: { plan: { requests_per_unit: 5 } } });
  expect((await identify(security, caller())).token).toBeUndefined();
});

it('hides an API key from ordinary backends where the policy says sanitize', () => {
  const open = secure({ apiKeyAuth }, around());
  expect(open.passable).toEqual({ headers: new Set(['x-api-key']), params: new Set(['key']), cookies: new Set() });
  const closed = secure({ apiKeyAuth: { ...apiKeyAuth, sanitize: true } }, around());
  expect(closed.passable).toEqual({ headers: new Set(), params: new Set(), cookies: new Set() });
  for (const security of [open, closed]) {
    expect([security.owned, security.ownedParams]).toEqual([new Set(['x-client', 'x-api-key']), new Set(['key'])]);
  }
  const reused = secure({ apiKeyAuth: { ...apiKeyAuth, forwardClientIDHeader: 'X-Api-Key' } }, around());
  expect(reused.passable.headers).toEqual(new Set());
});

it('reports a header that two parts set', () => {
  const { problems } = compile({ apiKeyAuth, basicAuth: { ...basicAuth, forwardUsernameHeader: 'X-Client' } }, around());
  expect(problems).toEqual(['spec.basicAuth.forwardUsernameHeader: header x-client is set by another part of the policy already']);
});

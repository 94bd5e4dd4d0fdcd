import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

import { describe, expect, onTestFinished, test } from 'vitest';

import { ask } from './ask.ts';
import { azureToken } from './azure.ts';
import { type OidcSource, oidcToken } from './oidc.ts';
import { formOf, reasonIn, tokenServer } from './token-server.fixture.ts';

const NEVER = new AbortController().signal;
const TOKEN = { access_token: 'token-1', token_type: 'Bearer', expires_in: 3600 };

function source(issuer: string, more: Partial<OidcSource> = {}): OidcSource {
  const client = { clientId: 'client:1', clientSecret: 'canary/+ é' };
  return { issuer, tokenEndpoint: undefined, scopes: [], resources: [], audience: undefined, elsewhere: false, ...client, ...more };
}

function jwtFor(seconds: number): string {
  const claims = JSON.stringify({ exp: Math.floor(Date.now() / 1000) + seconds });
  return `eyJ.${Buffer.from(claims).toString('base64url')}.s`;
}

/** A provider that says where its token endpoint is. */
async function provider(metadata: object = {}, token: object = TOKEN) {
  const server = await tokenServer(({ path }) => {
    const own = { issuer: `${server.url}/realm`, token_endpoint: `${server.url}/token` };
    return { body: path === '/token' ? token : { ...own, ...metadata } };
  });
  return server;
}

describe('a token of an OpenID provider', () => {
  test('comes from the endpoint that its issuer names, for the client’s secret in the header', async () => {
    const { url, asked } = await provider();
    const before = Date.now();
    const { value, expiresAt } = await oidcToken(
      source(`${url}/realm/`, { scopes: ['a', 'b'], audience: 'aud', resources: ['r', 's'] }),
      NEVER,
    );
    expect(value).toBe('token-1');
    expect(expiresAt! - before).toBeGreaterThanOrEqual(3_600_000);
    expect(expiresAt! - Date.now()).toBeLessThanOrEqual(3_600_000);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /realm/.well-known/openid-configuration', 'POST /token']);
    expect(asked[1]!.body).toBe('grant_type=client_credentials&scope=a+b&audience=aud&resource=r&resource=s');
    const basic = asked[1]!.headers.authorization!.replace('Basic ', '');
    expect(Buffer.from(basic, 'base64').toString()).toBe('client%3A1:canary%2F%2B+%C3%A9');
  });

  test('is asked for with the secret in the body where the provider takes only that', async () => {
    const { url, asked } = await provider({ token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'] });
    await oidcToken(source(`${url}/realm`), NEVER);
    expect(asked[1]!.headers.authorization).toBeUndefined();
    expect(formOf(asked[1]!)).toEqual({ grant_type: 'client_credentials', client_id: 'client:1', client_secret: 'canary/+ é' });
  });

  test('comes from the endpoint that is configured without a question to its issuer', async () => {
    const { url, asked } = await provider();
    await oidcToken(source('https://nowhere.invalid', { tokenEndpoint: `${url}/token` }), NEVER);
    expect(asked).toHaveLength(1);
  });

  test('does not come from who says that he is another issuer, or names no endpoint', async () => {
    const other = await provider({ issuer: 'https://other' });
    expect(await reasonIn(oidcToken(source(`${other.url}/realm`), NEVER))).toMatch(/is of another issuer$/);
    const none = await provider({ token_endpoint: 7 });
    expect(await reasonIn(oidcToken(source(`${none.url}/realm`), NEVER))).toMatch(/has no text "token_endpoint"$/);
  });

  test.each([
    [{ expires_in: '60' }, 60_000],
    [{ expires_in: undefined }, 600_000],
    [{ expires_in: -1 }, -1000],
    [{ expires_in: undefined, access_token: jwtFor(7200) }, 7_200_000],
  ])('says when it ends, or is asked: %j', async (members, lifeMs) => {
    const { url } = await provider({}, { ...TOKEN, ...members });
    const { expiresAt } = await oidcToken(source(`${url}/realm`), NEVER);
    expect(Math.abs(expiresAt! - Date.now() - lifeMs)).toBeLessThan(2000);
  });

  test.each([
    [
      'a status and a known code',
      401,
      '{"error":"invalid_client","error_description":"canary"}',
      / answered with status 401 \(invalid_client\)$/,
    ],
    ['a status and its own words', 400, '{"error":"canary"}', / answered with status 400$/],
    ['no JSON', 500, 'canary', / answered with status 500$/],
    ['a redirect', 302, 'canary', / answered with status 302$/],
    ['no JSON and 200', 200, 'canary', / is no JSON object$/],
    ['a list', 200, '["canary"]', / is no JSON object$/],
    ['no token', 200, '{"a":"canary"}', / has no text "access_token"$/],
    ['a token with a line break', 200, '{"access_token":"canary\\n"}', / that a header cannot carry$/],
    ['a token of another type', 200, '{"access_token":"canary","token_type":"DPoP"}', / is no bearer token$/],
    ['too much', 200, 'canary'.repeat(100_000), / with more than 262144 bytes$/],
  ])('fails in words of our own where the endpoint answers %s', async (_what, status, body, reason) => {
    const { url } = await tokenServer(() => ({ status, body, headers: { location: 'http://127.0.0.1:1/canary' } }));
    const failed = await reasonIn(oidcToken(source('https://i', { tokenEndpoint: `${url}/token?canary` }), NEVER));
    expect(failed).toMatch(reason);
    expect(failed).not.toContain('canary');
  });
});

describe('a server that is asked', () => {
  test('and does not answer is left when the signal says so', async () => {
    const { url, asked } = await tokenServer(() => undefined);
    const attempt = new AbortController();
    const failed = reasonIn(ask({ url }, attempt.signal));
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    attempt.abort();
    expect(await failed).toBe(`${url.slice(7)}: AbortError`);
  });

  test('and hangs up, or is not there, is named with its code', async () => {
    const server = createServer((socket: Socket) => void socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await reasonIn(ask({ url: `http://127.0.0.1:${port}` }, NEVER))).toMatch(/^127\.0\.0\.1:\d+: [A-Z_]+$/);
    server.close();
    expect(await reasonIn(ask({ url: `http://127.0.0.1:${port}` }, NEVER))).toBe(`127.0.0.1:${port}: ECONNREFUSED`);
  });

  test.each(['http://127.0.0.1:1', 'http://[::1]:1', 'http://localhost:1', 'http://169.254.169.254', 'http://[::ffff:127.0.0.1]:1'])(
    'in the name of somebody else is not %s',
    async (url) => {
      expect(await reasonIn(ask({ url, elsewhere: true }, NEVER))).toMatch(/ is (this machine|a loopback address|a link-local address)$/);
    },
  );

  test('behind a proxy is reached through it', async () => {
    const seen: string[] = [];
    const proxy = createServer((socket: Socket) => {
      socket.once('data', (data: Buffer) => {
        seen.push(data.toString().split('\r\n')[0]!);
        socket.end('HTTP/1.1 403 no\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void proxy.close());
    const { port } = proxy.address() as AddressInfo;
    await reasonIn(ask({ url: 'https://sts.us-east-1.amazonaws.com/', proxy: `http://127.0.0.1:${port}` }, NEVER));
    expect(seen).toEqual(['CONNECT sts.us-east-1.amazonaws.com:443 HTTP/1.1']);
  });
});

// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
describe('a token of Entra ID', () => {
  test.each([
    [{ secret: 'canary' }, { client_secret: 'canary' }],
    [
      { assertion: 'a.b.c' },
      { client_assertion: 'a.b.c', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' },
    ],
  ])('is asked for with %j', async (proof, fields) => {
    const { url, asked } = await tokenServer(() => ({
      body: { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: 'az' },
    }));
    const application = { tenantId: '../t', clientId: 'c', proof };
    const { value } = await azureToken(application, { AZURE_AUTHORITY_HOST: `${url}/` }, NEVER);
    expect(value).toBe('az');
    expect(asked[0]!.path).toBe('/..%2Ft/oauth2/v2.0/token');
    expect(formOf(asked[0]!)).toEqual({
      grant_type: 'client_credentials',
      client_id: 'c',
      scope: 'https://cognitiveservices.azure.com/.default',
      ...fields,
    });
  });
});

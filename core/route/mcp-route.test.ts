import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { GatewayError } from '../errors.ts';
import { caller, headersOf, identify, type Running, refusal, serve } from '../identify/identify.fixture.ts';
import { metadataUrl } from './mcp-security.ts';
import type { McpRule } from './mcp-rule.ts';
import { gatewayYaml, routesOf, type TestRoutes } from './route.fixture.ts';

/** @param spec further fields, in flow style */
function mcpRouteYaml(spec: string, refs = '{group: gateway.envoyproxy.io, kind: Backend, name: b}'): string {
  return `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {name: m}
spec: {parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}], backendRefs: [${refs}]${spec === '' ? '' : `, ${spec}`}}
`;
}
const routes = (spec = '', options = {}): TestRoutes => routesOf(gatewayYaml() + mcpRouteYaml(spec), undefined, options);
const mcp = ({ ordinary }: TestRoutes, path = '/mcp'): McpRule => ordinary(path).mcp!;

let jwks = '';
let token: (claims: Record<string, unknown>) => Promise<string>;
beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  jwks = JSON.stringify({ keys: [await exportJWK(publicKey)] });
  token = (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).setExpirationTime('1h').sign(privateKey);
});
let server: Running | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const RESOURCE = 'protectedResourceMetadata: {resource: "https://gw.example/mcp", scopesSupported: [read, write]}';
const ISSUER = 'https://auth.example/realms/mcp';
const oauth = (more = '', issuer = ISSUER, keys = `jwks: {localJWKS: {inline: '${jwks}'}}, `): string =>
  `securityPolicy: {oauth: {issuer: "${issuer}", audiences: [mcp], ${keys}${RESOURCE}}${more}}`;
const bearer = (text: string) => caller({ authorization: `Bearer ${text}` }, { path: '/mcp' });

describe('the path of an MCPRoute', () => {
  it('is open where it says nothing of callers, and then tells of no issuer', () => {
    const found = routes();
    expect(found.problems).toEqual([]);
    expect(mcp(found)).toMatchObject({ path: '/mcp', oauth: undefined, elsewhere: false, targets: [{ name: 'b' }] });
    expect(found.find({ path: '/.well-known/oauth-protected-resource/mcp' })).toBeUndefined();
    // Nobody has to be asked.
    expect([mcp(found).decide, mcp(found).selects]).toEqual([undefined, undefined]);
  });

  it('has three others, open to anybody, that tell of its issuer', () => {
    const found = routes(`path: /tools, ${oauth()}`, { allowLocalAddresses: false });
    expect(found.problems).toEqual([]);
    expect(found.ordinary('/tools').security).toBeDefined();
    for (const name of ['oauth-protected-resource', 'oauth-authorization-server', 'openid-configuration']) {
      expect(found.ordinary(`/.well-known/${name}/tools`).security).toBeUndefined();
      expect(mcp(found, `/.well-known/${name}/tools`)).toMatchObject({ path: '/tools', oauth: { issuer: ISSUER }, elsewhere: true });
    }
  });
});

describe('tokens of OAuth', () => {
  const challenge = 'scope="read write", resource_metadata="https://gw.example/.well-known/oauth-protected-resource/mcp"';

  it('are verified, and who has none of this audience is told where to get one', async () => {
    const security = routes(oauth()).ordinary('/mcp').security!;
    const good = await identify(security, bearer(await token({ iss: ISSUER, aud: 'mcp', sub: 'ann', scope: 'read' })));
    expect(good).toMatchObject({ clientId: 'ann', token: { claims: { scope: 'read' } } });
    const refused = async (claims: object): Promise<GatewayError> =>
      refusal(security, bearer(await token({ iss: ISSUER, aud: 'mcp', ...claims })));
    expect(await refused({ aud: 'other' })).toMatchObject({
      code: 'TK_UNAUTHENTICATED',
      status: 401,
      headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="it is for another audience", ${challenge}` },
    });
    expect(await refused({ aud: undefined })).toMatchObject({ status: 401 });
    expect(await refused({ aud: ['a', 'b'] })).toMatchObject({ status: 401 });
    expect(await refused({ iss: 'https://other.example' })).toMatchObject({
      status: 401,
      headers: {
        'www-authenticate': `Bearer error="invalid_token", error_description="its issuer is none that the policy names", ${challenge}`,
      },
    });
    expect(await refusal(security, caller({}, { path: '/mcp' }))).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': `Bearer ${challenge}` },
    });
    expect(await refusal(security, bearer('canary-is-no-token'))).toMatchObject({ status: 401 });
  });

  it('name a metadata URL that a header can carry, whatever the path', () => {
    const spec = { issuer: ISSUER, protectedResourceMetadata: { resource: 'https://gw.example/mcp' } };
    expect(metadataUrl(spec, '/')).toBe('https://gw.example/.well-known/oauth-protected-resource');
    expect(metadataUrl(spec, '/a "b"/é')).toBe('https://gw.example/.well-known/oauth-protected-resource/a%20%22b%22/%C3%A9');
  });

  it('are verified by keys that the issuer names, where the route does not', async () => {
    server = await serve(({ url }, response) => {
      const { url: issuer } = server!;
      if (url === '/.well-known/oauth-authorization-server') response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
      else if (url === '/keys') response.end(jwks);
      else response.writeHead(404).end();
    });
    const found = routes(oauth('', server.url, ''));
    expect(found.problems).toEqual([]);
    const security = found.ordinary('/mcp').security!;
    const claims = { iss: server.url, aud: 'mcp', sub: 'ann' };
    expect(await identify(security, bearer(await token(claims)))).toMatchObject({ clientId: 'ann' });
    expect(await identify(security, bearer(await token({ ...claims, sub: 'bob' })))).toMatchObject({ clientId: 'bob' });
    expect(server.seen.map(({ url }) => url)).toEqual(['/.well-known/oauth-authorization-server', '/keys']);
    expect((await refusal(security, bearer(await token({ ...claims, aud: 'other' })))).status).toBe(401);
  });

  it('cannot be verified while the issuer is down, which is nobody’s fault who calls', async () => {
    server = await serve((_, response) => response.writeHead(500).end());
    const security = routes(oauth('', server.url, '')).ordinary('/mcp').security!;
    const error = await refusal(security, bearer(await token({ iss: server.url, aud: 'mcp' })));
    expect(error).toMatchObject({ code: 'TK_INTERNAL', status: 503 });
    expect(error.headers['www-authenticate']).toBeUndefined();
    // In a cluster an issuer of this machine is not asked.
    const seen = server.seen.length;
    const inCluster = routes(oauth('', server.url, ''), { allowLocalAddresses: false }).ordinary('/mcp').security!;
    expect((await refusal(inCluster, bearer(await token({ iss: server.url, aud: 'mcp' })))).status).toBe(503);
    expect(server.seen).toHaveLength(seen);
  });

  it('may come from pages of any origin, which read the challenge', () => {
    const { cors } = routes(oauth()).ordinary('/mcp').security!;
    const asking = {
      origin: 'https://page.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    expect(cors!.preflight(caller(asking, { method: 'OPTIONS' }))).toMatchObject({
      'access-control-allow-origin': 'https://page.example',
      'access-control-allow-headers': 'authorization',
      'access-control-allow-methods': 'GET, POST, DELETE',
    });
    const headers = cors!.headers(caller(asking));
    expect(headers['access-control-expose-headers']).toBe('mcp-session-id, www-authenticate');
    expect(headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('set headers of their claims', async () => {
    const claimed = oauth().replace('audiences: [mcp]', 'audiences: [mcp], claimToHeaders: [{claim: sub, header: x-user}]');
    const security = routes(claimed).ordinary('/mcp').security!;
    expect(headersOf(await identify(security, bearer(await token({ iss: ISSUER, aud: 'mcp', sub: 'ann' }))))).toEqual({ 'x-user': 'ann' });
  });
});

const who = (scope: string) => ({
  caller: caller(),
  token: { provider: 'oauth', claims: { sub: 'ann', scope } },
  ...({ method: 'tools/call', server: 'b', kind: 'tool', name: 't' } as const),
});

describe('rules of an MCPRoute', () => {
  it('are compiled', async () => {
    const rules = '[{source: {jwt: {scopes: [write]}}, target: {tools: [{backend: b, tool: t}]}}]';
    const found = routes(
      `${oauth(`, authorization: {rules: ${rules}}`)}, backendSelector: {rules: [{cel: 'request.auth.jwt.claims.sub == "ann"'}]}`,
    );
    expect(found.problems).toEqual([]);
    const { decide, selects } = mcp(found);
    expect(decide!(who('write'))).toEqual({ allowed: true });
    expect(decide!(who('read'))).toEqual({ allowed: false, missingScopes: ['write'] });
    expect(selects!(who(''), 'b')).toBe(true);
    expect(selects!({ ...who(''), token: undefined }, 'b')).toBe(false);
  });

  it.each<[string, () => string, string]>([
    [
      'authorization',
      () => `securityPolicy: {authorization: {rules: [{}, {cel: 'request.mcp.tol == "a"'}]}}`,
      'spec.securityPolicy.authorization.rules[1].cel: there is no field "tol"; did you mean "tool"?',
    ],
    [
      'a selector',
      () => `backendSelector: {rules: [{cel: '1 + 1'}]}`,
      'spec.backendSelector.rules[0].cel: its result is of type int, and must be bool',
    ],
    [
      'an issuer that cannot be asked',
      () => oauth('', 'urn:a:b', ''),
      'spec.securityPolicy.oauth.issuer: is no http or https URL, so that it cannot be asked where its keys are: name them by jwks',
    ],
    [
      'keys',
      () => oauth('', ISSUER, 'jwks: {localJWKS: {inline: "{}"}}, '),
      'spec.securityPolicy.oauth.jwks.localJWKS.inline: the key set has no list "keys" (RFC 7517)',
    ],
    [
      'keys by way of a backend',
      () => oauth('', ISSUER, 'jwks: {remoteJWKS: {uri: "https://a.example/keys", backendRefs: [{name: k, port: 1}]}}, '),
      'spec.securityPolicy.oauth.jwks.remoteJWKS.backendRefs: is not supported: the keys are fetched from the uri itself, over HTTP',
    ],
  ])('have their problems told at their place: %s', (_name, spec, problem) => {
    const found = routes(spec());
    expect(found.problems).toEqual([`MCPRoute default/m: ${problem}`]);
    // Half of its rules could let anyone pass.
    expect(found.find({ path: '/mcp' })).toBeUndefined();
  });

  it('that name a server which is none are served, and told of', () => {
    const found = routes('securityPolicy: {authorization: {rules: [{target: {tools: [{backend: bb, tool: t}]}}]}}');
    expect(found.problems).toEqual([]);
    expect(found.compiled.notices).toContain(
      'MCPRoute default/m: spec.securityPolicy.authorization.rules[0] names "bb", which is no backendRef; did you mean "b"?',
    );
  });
});

// For tests: an MCPRoute whose servers get tokens of their own, with an authorization server that exchanges them.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

import { type Answer, type Asked, formOf, tokenServer } from '#core/providers/credentials/token-server.fixture';

import { startGateway, type TestGateway } from '../gateway.fixture.ts';
import { mcpYaml, type TestServer } from './mcp.fixture.ts';
import { opening } from './opening.fixture.ts';
import { idOf, result } from './scripted.fixture.ts';
import { answer, byMethod, events, type FakeServer, rpcError, startFake } from './upstream/fake-server.fixture.ts';

const ISSUER = 'https://issuer.example';

const { publicKey, privateKey } = await generateKeyPair('EdDSA');
export const JWKS = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'EdDSA' }] });

/** The header of a caller. @param more claims */
export async function callerOf(subject: string, more: Readonly<Record<string, unknown>> = {}): Promise<{ readonly authorization: string }> {
  const token = new SignJWT({ name: 'canary-inbound', ...more }).setProtectedHeader({ alg: 'EdDSA', kid: 'k' });
  const signed = await token.setIssuer(ISSUER).setSubject(subject).setExpirationTime('1h').sign(privateKey);
  return { authorization: `Bearer ${signed}` };
}

/** Who is meant by a token that was to be exchanged. */
export function subjectOf(asked: Asked): string {
  const [, payload = ''] = formOf(asked)['subject_token']!.split('.');
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }).sub;
}

/** Gives `canary-SUBJECT-COUNT`. */
export const GIVES = (asked: Asked, count: number): Answer => ({
  body: { access_token: `canary-${subjectOf(asked)}-${count}`, token_type: 'Bearer', expires_in: 3600 },
});

export const OAUTH =
  `, securityPolicy: {oauth: {issuer: '${ISSUER}', jwks: {localJWKS: {inline: '${JWKS}'}}, ` +
  `protectedResourceMetadata: {resource: 'https://gw.example/mcp', scopesSupported: [read]}}}`;

export interface ExchangingOptions {
  /** @param count of the questions so far */
  readonly answer?: (asked: Asked, count: number) => Answer;
  /** Who may call, in the route. @default by tokens */
  readonly route?: string;
  /** Further documents. */
  readonly more?: string;
  /** Further fields of the TokenExchange. @default the first server alone */
  readonly exchange?: string;
}

export interface Exchanging {
  readonly gateway: TestGateway;
  readonly mcp: string;
  /** What the authorization server was asked. */
  readonly asked: readonly Asked[];
  readonly yaml: string;
}

/** @param servers of which the first gets tokens of callers */
export async function exchanging(
  servers: readonly TestServer[],
  { answer = GIVES, route = OAUTH, more = '', exchange = `, servers: [${servers[0]!.name}]` }: ExchangingOptions = {},
): Promise<Exchanging> {
  const { url, asked } = await tokenServer((one) => answer(one, asked.length));
  const yaml = `${mcpYaml(servers, route)}
---
apiVersion: tierkit.dev/v1alpha1
kind: TokenExchange
metadata: {name: x}
spec: {targetRef: {kind: MCPRoute, name: tools}, tokenEndpoint: '${url}/token', clientID: tierkit, clientSecret: {name: idp}${exchange}}
---
apiVersion: v1
kind: Secret
metadata: {name: idp}
stringData: {client-secret: canary-secret}
${more}`;
  const gateway = await opening(startGateway({ yaml }));
  return { gateway, mcp: `${gateway.url}/mcp`, asked, yaml };
}

/** Callers have a key, and a token. @param optional whether the token may be missing */
export function byKey(optional: boolean): string {
  return `---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {team: k1}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-key]}]}
  jwt: {optional: ${optional}, providers: [{name: j, localJWKS: {type: Inline, inline: '${JWKS}'}}]}
`;
}

const DISCOVERED = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: { listChanged: true } },
  ttlMs: 0,
  cacheScope: 'private',
};
/** A server of 2026-07-28. */
export async function modernServer(name: string): Promise<FakeServer & { readonly name: string }> {
  const acknowledged = {
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: { toolsListChanged: true } },
  };
  const fake = await opening(
    startFake(
      byMethod({
        initialize: (reply, seen) => answer(404, rpcError(idOf(seen.body), -32601))(reply, seen),
        'server/discover': result(DISCOVERED),
        'tools/call': result({ resultType: 'complete', content: [{ type: 'text', text: name }] }),
        'tools/list': result({
          resultType: 'complete',
          tools: [{ name: 'echo', inputSchema: { type: 'object' } }],
          ttlMs: 0,
          cacheScope: 'public',
        }),
        'subscriptions/listen': events([`data: ${JSON.stringify(acknowledged)}\n\n`], { close: 'hang' }),
      }),
    ),
  );
  return Object.assign(fake, { name });
}

/** Headers authorization that a server got. */
export function shownTo({ seen }: Pick<FakeServer, 'seen'>): readonly (string | undefined)[] {
  return [...new Set(seen.map(({ headers }) => headers.authorization))];
}

/** An error of the authorization server. */
export function refusal(code: string, status = 400): Answer {
  return { status, body: { error: code, error_description: 'canary-description' } };
}

/** A token that is good for this moment alone. */
export const GIVES_SHORT = (asked: Asked, count: number): Answer => ({
  body: { access_token: `canary-${subjectOf(asked)}-${count}`, token_type: 'Bearer', expires_in: 0 },
});

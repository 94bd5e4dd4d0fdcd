// A small authorization server to try OAuth of MCP with. Whoever asks gets a token, without a page and without a password: never use it for more than that.
//   node examples/mcp/oauth/authorization-server.ts
// PORT is where it listens (9000), RESOURCE is what its tokens are for (http://127.0.0.1:1975/private/mcp).
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';

const PORT = Number(process.env['PORT'] ?? 9000);
const RESOURCE = process.env['RESOURCE'] ?? 'http://127.0.0.1:1975/private/mcp';
const ISSUER = `http://127.0.0.1:${PORT}`;
const SCOPE = 'tools';
const TOKEN_SECONDS = 3600;
const CODE_MS = 60_000;
/** The oldest one is forgotten first. */
const MOST = 1000;
const MOST_BODY_BYTES = 16_384;

interface Client {
  readonly redirectUris: readonly string[];
  /** Undefined for a client that can keep none. */
  readonly secret: string | undefined;
}

interface Code {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly until: number;
}

/** An error of RFC 6749, section 5.2. */
class Refused extends Error {}

const clients = new Map<string, Client>();
const codes = new Map<string, Code>();
const { publicKey, privateKey } = await generateKeyPair('ES256');
const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };

/** @see RFC 8414 */
const METADATA = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
  registration_endpoint: `${ISSUER}/register`,
  jwks_uri: `${ISSUER}/jwks`,
  scopes_supported: [SCOPE],
  response_types_supported: ['code'],
  grant_types_supported: ['authorization_code', 'client_credentials'],
  token_endpoint_auth_methods_supported: ['none', 'client_secret_post'],
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
};

const random = (): string => randomBytes(24).toString('base64url');

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size > MOST) map.delete(map.keys().next().value!);
}

/** Only this machine is sent anything, so that nobody gets a code by a link. */
function isLocal(uri: unknown): uri is string {
  if (typeof uri !== 'string' || !URL.canParse(uri)) return false;
  const { protocol, hostname } = new URL(uri);
  return protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
}

/** @see RFC 7591 */
function register(asked: Readonly<Record<string, unknown>>): object {
  const { redirect_uris: uris = [], token_endpoint_auth_method: method = 'client_secret_post' } = asked;
  if (!Array.isArray(uris) || !uris.every(isLocal)) throw new Refused('invalid_redirect_uri');
  const [id, secret] = [random(), method === 'none' ? undefined : random()];
  keep(clients, id, { redirectUris: uris, secret });
  const kept = secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 };
  return { ...asked, client_id: id, ...kept, token_endpoint_auth_method: secret === undefined ? 'none' : 'client_secret_post' };
}

/** @returns where the browser goes next @see OAuth 2.1, section 4.1 */
function authorize(asked: URLSearchParams): string {
  const [clientId, redirectUri, challenge] = ['client_id', 'redirect_uri', 'code_challenge'].map((name) => asked.get(name) ?? '');
  if (clients.get(clientId!)?.redirectUris.includes(redirectUri!) !== true) throw new Refused('invalid_request');
  const next = new URL(redirectUri!);
  const [state, resource] = [asked.get('state'), asked.get('resource') ?? RESOURCE];
  if (state !== null) next.searchParams.set('state', state);
  next.searchParams.set('iss', ISSUER);
  if (asked.get('response_type') !== 'code' || asked.get('code_challenge_method') !== 'S256' || challenge === '')
    next.searchParams.set('error', 'invalid_request');
  else if (resource !== RESOURCE) next.searchParams.set('error', 'invalid_target');
  else {
    const code = random();
    keep(codes, code, { clientId: clientId!, redirectUri: redirectUri!, challenge: challenge!, until: Date.now() + CODE_MS });
    next.searchParams.set('code', code);
  }
  return next.href;
}

async function token(asked: URLSearchParams): Promise<object> {
  const clientId = asked.get('client_id') ?? '';
  const client = clients.get(clientId);
  if (client === undefined || !isSame(client.secret ?? '', asked.get('client_secret') ?? '')) throw new Refused('invalid_client');
  if ((asked.get('resource') ?? RESOURCE) !== RESOURCE) throw new Refused('invalid_target');
  if (asked.get('grant_type') === 'authorization_code') checkCode(clientId, asked);
  else if (asked.get('grant_type') !== 'client_credentials') throw new Refused('unsupported_grant_type');
  else if (client.secret === undefined) throw new Refused('unauthorized_client');
  const claims = new SignJWT({ scope: SCOPE, client_id: clientId }).setProtectedHeader({ alg: 'ES256', kid: jwk.kid });
  const signed = claims.setIssuer(ISSUER).setAudience(RESOURCE).setSubject(clientId).setIssuedAt().setExpirationTime(`${TOKEN_SECONDS}s`);
  return { access_token: await signed.sign(privateKey), token_type: 'Bearer', expires_in: TOKEN_SECONDS, scope: SCOPE };
}

/** A code is good once, for its client, and for whoever knows what its challenge was made from. @see RFC 7636 */
function checkCode(clientId: string, asked: URLSearchParams): void {
  const code = codes.get(asked.get('code') ?? '');
  codes.delete(asked.get('code') ?? '');
  const isGood = code?.clientId === clientId && code.redirectUri === asked.get('redirect_uri') && code.until > Date.now();
  const challenge = hash('sha256', asked.get('code_verifier') ?? '', 'base64url');
  if (!isGood || !isSame(code.challenge, challenge)) throw new Refused('invalid_grant');
}

function isSame(one: string, other: string): boolean {
  return timingSafeEqual(hash('sha256', one, 'buffer'), hash('sha256', other, 'buffer'));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) if ((body += String(chunk)).length > MOST_BODY_BYTES) throw new Refused('invalid_request');
  return body;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url!, ISSUER);
  const json = (status: number, body: object): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  // MCP Inspector asks from a page.
  response
    .setHeader('access-control-allow-origin', '*')
    .setHeader('access-control-allow-headers', '*')
    .setHeader('cache-control', 'no-store');
  try {
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    switch (`${request.method} ${pathname}`) {
      case 'GET /.well-known/oauth-authorization-server':
        return json(200, METADATA);
      case 'GET /jwks':
        return json(200, { keys: [jwk] });
      case 'POST /register':
        return json(201, register(JSON.parse(await bodyOf(request)) as Record<string, unknown>));
      case 'GET /authorize':
        return void response.writeHead(302, { location: authorize(searchParams) }).end();
      case 'POST /token':
        return json(200, await token(new URLSearchParams(await bodyOf(request))));
      default:
        return json(404, { error: 'not_found' });
    }
  } catch (error) {
    if (!(error instanceof Refused || error instanceof SyntaxError)) throw error;
    json(error.message === 'invalid_client' ? 401 : 400, { error: error instanceof Refused ? error.message : 'invalid_request' });
  }
}

const server = createServer((request, response) => void answer(request, response));
server.listen(PORT, '127.0.0.1', () => process.stdout.write(`tokens for ${RESOURCE} at ${ISSUER}\n`));

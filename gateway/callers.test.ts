// SecurityPolicies through the whole gateway, on AI routes and on ordinary ones.
import { createHash } from 'node:crypto';

import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answerJson, type Recorder, sendRaw, startRecorder } from './recorder.fixture.ts';

type Upstream = Awaited<ReturnType<typeof startRecorder>>;
let upstream: Recorder;
let authorizer: Upstream;
let gateway: TestGateway;
let sign: (claims: JWTPayload) => Promise<string>;

const sha = (password: string) => `{SHA}${createHash('sha1').update(password).digest('base64')}`;

function policy(name: string, spec: object, target = name): string {
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: target }];
  return JSON.stringify({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'SecurityPolicy',
    metadata: { name },
    spec: { targetRefs, ...spec },
  });
}

function web(name: string, prefix: string): string {
  return JSON.stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name },
    spec: {
      parentRefs: [{ name: 'gw' }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: prefix } }],
          backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'a' }],
        },
      ],
    },
  });
}

const secret = (name: string, stringData: object) => JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData });

const keys = (clients: string) => ({
  apiKeyAuth: {
    credentialRefs: [{ name: clients }],
    extractFrom: [{ headers: ['x-api-key'], params: ['key'] }],
    forwardClientIDHeader: 'x-client-id',
  },
});

beforeAll(async () => {
  upstream = await startRecorder();
  authorizer = await startRecorder();
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const inline = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] });
  sign = (claims) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer('https://issuer.test')
      .setExpirationTime('5m')
      .sign(privateKey);

  const jwt = {
    jwt: {
      providers: [
        {
          name: 'p',
          issuer: 'https://issuer.test',
          localJWKS: { type: 'Inline', inline },
          claimToHeaders: [{ claim: 'team', header: 'x-team' }],
        },
      ],
    },
  };
  const basicAuth = { basicAuth: { users: { name: 'users' }, forwardUsernameHeader: 'x-user' } };
  const extAuth = {
    extAuth: {
      http: { backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'authorizer' }, headersToBackend: ['x-tenant'] },
      headersToExtAuth: ['x-ticket'],
    },
  };
  const cors = {
    cors: {
      allowOrigins: ['https://app.test'],
      allowMethods: ['POST'],
      allowHeaders: ['content-type', 'x-api-key'],
      exposeHeaders: ['x-request-id'],
      maxAge: '10m',
    },
  };
  gateway = await startGateway({
    yaml: [
      backendsYaml([
        { name: 'a', port: upstream.port },
        { name: 'authorizer', port: authorizer.port },
      ]),
      routeYaml('m-keys', ['a']),
      routeYaml('m-other-keys', ['a']),
      routeYaml('m-jwt', ['a']),
      routeYaml('m-basic', ['a']),
      routeYaml('m-ext', ['a']),
      routeYaml('m-open', ['a']),
      web('w-keys', '/keys'),
      web('w-jwt', '/jwt'),
      web('w-basic', '/basic'),
      web('w-ext', '/ext'),
      web('w-open', '/open'),
      policy('ai-keys', { ...keys('clients'), ...cors }, 'm-keys'),
      policy('ai-other-keys', keys('other-clients'), 'm-other-keys'),
      policy('ai-jwt', jwt, 'm-jwt'),
      policy('ai-basic', basicAuth, 'm-basic'),
      policy('ai-ext', extAuth, 'm-ext'),
      policy('web-keys', { ...keys('clients'), ...cors }, 'w-keys'),
      policy('web-jwt', jwt, 'w-jwt'),
      policy('web-basic', basicAuth, 'w-basic'),
      policy('web-ext', extAuth, 'w-ext'),
      secret('clients', { alice: 'key-of-alice' }),
      secret('other-clients', { oscar: 'key-of-oscar' }),
      secret('users', { '.htpasswd': `bob:${sha('pass:word')}\n` }),
    ].join('\n---\n'),
  });
});

beforeEach(() => {
  upstream.seen.length = 0;
  authorizer.seen.length = 0;
  authorizer.answer = answerJson({}, 200, { 'x-tenant': 'acme' });
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
  await authorizer.close();
});

type Sent = Record<string, string>;

async function ai(model: string, headers: Sent = {}, query = ''): Promise<Response> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [] }),
  });
  await answer.clone().arrayBuffer();
  return answer;
}

const basic = (text: string): Sent => ({ authorization: `Basic ${btoa(text)}` });

/** Each kind of policy at an AI route and at an ordinary one: a caller who may, one who may not, and what the backend is told. */
const KINDS = [
  [
    'API keys',
    'm-keys',
    '/keys/x',
    () => ({ 'x-api-key': 'key-of-alice' }),
    () => ({ 'x-api-key': 'key-of-oscar' }),
    { 'x-client-id': 'alice' },
    'alice',
  ],
  [
    'tokens',
    'm-jwt',
    '/jwt/x',
    async () => ({ authorization: `Bearer ${await sign({ sub: 'carol', team: 'blue' })}` }),
    () => ({ authorization: 'Bearer e30.e30.x' }),
    { 'x-team': 'blue' },
    'carol',
  ],
  ['basic auth', 'm-basic', '/basic/x', () => basic('bob:pass:word'), () => basic('bob:wrong'), { 'x-user': 'bob' }, 'bob'],
] as const;

const preflight = (path: string, origin: string) =>
  fetch(gateway.url + path, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-api-key' },
  });

describe.each(KINDS)('%s', (_, model, path, good, bad, told, clientId) => {
  test('on an AI route', async () => {
    for (const headers of [{}, bad()] as Sent[]) {
      const refused = await ai(model, headers);
      expect(refused.status).toBe(401);
      expect(((await refused.json()) as { error: { type: string } }).error.type).toBe('authentication_error');
    }
    expect(upstream.seen).toHaveLength(0);

    const forged = Object.fromEntries(
      Object.keys(told).flatMap((name) => [
        [name, 'forged'],
        [name.replaceAll('-', '_'), 'forged'],
      ]),
    );
    const answer = await ai(model, { ...forged, ...(await good()) });
    expect(answer.status).toBe(200);
    const { headers, rawHeaders } = upstream.last();
    expect(headers).toMatchObject(told);
    expect(rawHeaders.join('\n')).not.toContain('forged');
    expect(headers).not.toHaveProperty('authorization');
    expect(headers).not.toHaveProperty('x-api-key');
    expect(gateway.accessLog.at(-1)).toMatchObject({ client_id: clientId, response_code: 200 });
  });

  test('on an ordinary route', async () => {
    for (const headers of [{}, bad()] as Sent[]) {
      const refused = await fetch(gateway.url + path, { headers });
      expect(refused.status).toBe(401);
      await refused.arrayBuffer();
    }
    expect(upstream.seen).toHaveLength(0);
    const forged = Object.fromEntries(
      Object.keys(told).flatMap((name) => [
        [name.toUpperCase(), 'forged'],
        [name.replaceAll('-', '_'), 'forged'],
      ]),
    );
    const answer = await fetch(gateway.url + path, { headers: { ...forged, ...(await good()) } });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    expect(upstream.last().headers).toMatchObject(told);
    expect(upstream.last().rawHeaders.join('\n')).not.toContain('forged');
    expect(gateway.accessLog.at(-1)).toMatchObject({ client_id: clientId });
  });
});

describe('extAuth', () => {
  test('a caller whom the service admits', async () => {
    expect((await ai('m-ext', { 'x-ticket': 't1', 'x-tenant': 'forged', authorization: 'Bearer own' }, '?beta=true')).status).toBe(200);
    expect(authorizer.last()).toMatchObject({ method: 'POST', url: '/v1/chat/completions?beta=true' });
    expect(authorizer.last().headers).toMatchObject({ 'x-ticket': 't1', authorization: 'Bearer own' });
    expect(authorizer.last().body).toHaveLength(0);
    expect(upstream.last().headers).toMatchObject({ 'x-tenant': 'acme' });
    expect(upstream.last().headers).not.toHaveProperty('authorization');
    const answer = await fetch(`${gateway.url}/ext/x`, { headers: { 'x-tenant': 'forged' } });
    await answer.arrayBuffer();
    expect(upstream.last().headers).toMatchObject({ 'x-tenant': 'acme' });
  });

  test('a caller whom it does not', async () => {
    authorizer.answer = answerJson({ secret: 'reason-of-the-service' }, 403);
    const refused = await ai('m-ext');
    expect(refused.status).toBe(403);
    expect(await refused.text()).not.toContain('reason-of-the-service');
    expect((await fetch(`${gateway.url}/ext/x`)).status).toBe(403);
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('two routes of one host with two policies', () => {
  test('the key of one opens only its own', async () => {
    expect((await ai('m-keys', { 'x-api-key': 'key-of-alice' })).status).toBe(200);
    expect((await ai('m-other-keys', { 'x-api-key': 'key-of-alice' })).status).toBe(401);
    expect((await ai('m-other-keys', { 'x-api-key': 'key-of-oscar' })).status).toBe(200);
    expect(upstream.last().headers['x-client-id']).toBe('oscar');
    expect((await ai('m-open', { 'x-api-key': 'key-of-alice', 'x-client-id': 'anybody' })).status).toBe(200);
    expect(gateway.accessLog.at(-1)?.['client_id']).toBeUndefined();
  });

  test('a model that is named in a header does not choose the policy', async () => {
    expect((await ai('m-keys', { 'x-ai-eg-model': 'm-open' })).status).toBe(401);
    expect((await ai('m-open', { 'x-ai-eg-model': 'm-keys' })).status).toBe(200);
  });

  test('a key in the query goes to no backend', async () => {
    expect((await ai('m-keys', {}, '?key=key-of-alice&beta=true')).status).toBe(200);
    expect(upstream.last().url).toBe('/v1/chat/completions?beta=true');
    expect(JSON.stringify(gateway.accessLog)).not.toContain('key-of-alice');
  });

  test('Connection cannot take off what the policy puts on', async () => {
    const body = '{"model":"m-keys"}';
    const answer = await sendRaw(
      gateway.url,
      `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: x-client-id, x-api-key, close\r\nX-Api-Key: key-of-alice\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer.status).toBe(200);
    expect(upstream.last().headers['x-client-id']).toBe('alice');
  });
});

describe('CORS', () => {
  test.each(['/v1/chat/completions', '/keys/x'])('a preflight of %s needs no credential', async (path) => {
    const answer = await preflight(path, 'https://app.test');
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': 'https://app.test',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type, x-api-key',
      'access-control-max-age': '600',
    });
    expect(upstream.seen).toHaveLength(0);
  });

  test('a foreign origin is told nothing', async () => {
    for (const path of ['/v1/chat/completions', '/keys/x']) {
      const answer = await preflight(path, 'https://evil.test');
      expect(answer.status).not.toBe(204);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
    expect(upstream.seen).toHaveLength(0);
  });

  test('an answer, and a refusal, can be read by the page that asked', async () => {
    const origin = { origin: 'https://app.test' };
    for (const headers of [{ ...origin, 'x-api-key': 'key-of-alice' }, origin] as Sent[]) {
      const answer = await ai('m-keys', headers);
      expect(answer.status).toBe(headers['x-api-key'] === undefined ? 401 : 200);
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.test');
      expect(answer.headers.get('access-control-expose-headers')).toBe('x-request-id');
      expect(answer.headers.get('vary')).toContain('Origin');
    }
    const foreign = await ai('m-keys', { origin: 'https://evil.test', 'x-api-key': 'key-of-alice' });
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { aiBackendYaml, aiRouteYaml, model } from '#core/route/route.fixture';

import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { ask, below, type Origin, startOrigin, to, webYaml } from './origin.fixture.ts';

let origin: Origin;
let gateway: TestGateway;

const cors = (spec: string) => `filters: [{type: CORS, cors: ${spec}}]`;
const ownCors = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'x-inner', vary: 'Accept-Encoding', 'x-inner': '1' };

beforeAll(async () => {
  origin = await startOrigin('web', (request, response) => {
    request.resume();
    response.writeHead(200, ownCors).end(`${request.method}`);
  });
  const rules = [
    `{name: open, ${below('/open')}, ${cors('{allowOrigins: ["https://a.com"], allowMethods: [PUT, OPTIONS], allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 60, allowCredentials: true}')}, ${to('web')}}`,
    `{name: both, ${below('/both')}, ${cors('{allowOrigins: ["https://a.com"], allowMethods: [PUT]}')}, ${to('web')}}`,
    `{name: put, matches: [{path: {value: /method}, method: PUT}], ${cors('{allowOrigins: ["https://a.com"], allowMethods: [PUT]}')}, ${to('web')}}`,
    `{name: any, ${below('/method')}, ${to('web')}}`,
    `{name: api, ${below('/v1/chat/completions')}, ${cors('{allowOrigins: ["https://a.com"], allowMethods: [POST]}')}, ${to('web')}}`,
  ];
  const policy = `
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {ann: key}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: both}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web, sectionName: both}]
  cors: {allowOrigins: ["https://policy.com"], exposeHeaders: [x-policy], allowCredentials: true}
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-key]}]}
`;
  gateway = await startGateway({ yaml: webYaml({ web: origin.port }, { web: rules.join(', ') }) + policy });
});
afterAll(async () => {
  await gateway.close();
  await origin.close();
});

const preflight = (path: string, from: string, method = 'PUT') =>
  ask(gateway.url + path, { method: 'OPTIONS', headers: { origin: from, 'access-control-request-method': method } });
const said = (headers: object) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control') || name === 'vary'));

describe('the filter CORS', () => {
  it('answers a preflight itself, whoever asks', async () => {
    const before = origin.requests.length;
    const allowed = await preflight('/open', 'https://a.com');
    expect([allowed.status, allowed.body]).toEqual([204, '']);
    const vary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';
    expect(said(allowed.headers)).toEqual({
      'access-control-allow-origin': 'https://a.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PUT, OPTIONS',
      'access-control-allow-headers': 'x-a',
      'access-control-expose-headers': 'x-b',
      'access-control-max-age': '60',
      vary,
    });
    const foreign = await preflight('/open', 'https://b.com');
    expect([foreign.status, said(foreign.headers)]).toEqual([204, { vary }]);
    expect(origin.requests.length).toBe(before);
  });

  it('says what holds in place of the backend', async () => {
    const get = (from: string) => ask(`${gateway.url}/open`, { headers: { origin: from } });
    const allowed = await get('https://a.com');
    expect([allowed.body, said(allowed.headers)]).toEqual([
      'GET',
      {
        'access-control-allow-origin': 'https://a.com',
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'x-b',
        vary: 'Accept-Encoding, Origin',
      },
    ]);
    const foreign = await get('https://b.com');
    expect([foreign.body, said(foreign.headers)]).toEqual(['GET', { vary: 'Accept-Encoding, Origin' }]);
    const { headers } = await ask(`${gateway.url}/method`, { headers: { origin: 'https://b.com' } });
    expect(said(headers)).toMatchObject({ 'access-control-allow-origin': '*' });
  });

  it('passes an OPTIONS on that is no preflight', async () => {
    expect((await ask(`${gateway.url}/open`, { method: 'OPTIONS', headers: { origin: 'https://a.com' } })).body).toBe('OPTIONS');
  });

  it('holds in place of the policy’s cors; the policy holds beside it', async () => {
    expect(said((await preflight('/both', 'https://a.com')).headers)).toMatchObject({ 'access-control-allow-origin': 'https://a.com' });
    expect(said((await preflight('/both', 'https://policy.com')).headers)).not.toHaveProperty('access-control-allow-origin');
    const refused = await ask(`${gateway.url}/both`, { headers: { origin: 'https://a.com' } });
    // A page is told why it was refused.
    expect([refused.status, said(refused.headers)]).toEqual([401, { 'access-control-allow-origin': 'https://a.com', vary: 'Origin' }]);
    const let_in = await ask(`${gateway.url}/both`, { headers: { origin: 'https://policy.com', 'x-key': 'key' } });
    expect([let_in.status, said(let_in.headers)]).toEqual([200, { vary: 'Accept-Encoding, Origin' }]);
  });

  it('is that of the rule which the request to come will meet', async () => {
    expect(said((await preflight('/method', 'https://a.com')).headers)).toMatchObject({ 'access-control-allow-methods': 'PUT' });
    expect((await preflight('/method', 'https://a.com', 'DELETE')).body).toBe('OPTIONS');
    // A path that is also one of a model API.
    expect((await preflight('/v1/chat/completions', 'https://a.com', 'POST')).headers['access-control-allow-methods']).toBe('POST');
  });
});

it('the filter holds also where a policy was asked before the rule was known', async () => {
  // One policy for all that the host serves: who calls is known before the body is read.
  const yaml = `${webYaml({ web: origin.port }, { web: `{${below('/v1')}, ${cors('{allowOrigins: ["https://a.com"]}')}, ${to('web')}}` })}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {ann: key}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: all}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  cors: {allowOrigins: ["https://policy.com"]}
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-key]}]}
${aiBackendYaml('ai')}${aiRouteYaml('models', `{matches: [${model('m')}], backendRefs: [{name: ai}]}`)}`;
  const second = await startGateway({ yaml });
  try {
    const post = (from: string) =>
      ask(`${second.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { origin: from, 'x-key': 'key', 'content-type': 'application/json' },
        body: '{"model":"other","messages":[]}',
      });
    const [foreign, own] = [await post('https://policy.com'), await post('https://a.com')];
    expect([foreign.body, said(foreign.headers)]).toEqual(['POST', { vary: 'Accept-Encoding, Origin' }]);
    expect(said(own.headers)).toMatchObject({ 'access-control-allow-origin': 'https://a.com' });
  } finally {
    await second.close();
  }
});

// One reading of the path decides the policy, the route and what the backend gets.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { readTarget } from '#core/http/path';

import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { type Recorder, sendRaw, startRecorder } from './recorder.fixture.ts';

let upstream: Recorder;
let gateway: TestGateway;

const resources = (port: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: web}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: open}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: web}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: private}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /private}}]
    backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: web}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: private}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: private}]
  apiKeyAuth: {credentialRefs: [{name: clients}], extractFrom: [{headers: [x-key]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: clients}
stringData: {alice: key-of-alice}
`;

beforeAll(async () => {
  upstream = await startRecorder();
  gateway = await startGateway({ yaml: resources(upstream.port) });
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

function get(target: string, headers = ''): ReturnType<typeof sendRaw> {
  upstream.seen.length = 0;
  return sendRaw(gateway.url, `GET ${target} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n${headers}\r\n`);
}

function paths(): (string | undefined)[] {
  return upstream.seen.map(({ url }) => url.split('?')[0]);
}

/** Ways to write /private, and paths near it. */
const SPELLINGS = [
  '/private',
  '/private/',
  '/private/x?y=/z',
  '//private',
  '/./private',
  '/%2e/private',
  '/x/../private',
  '/x/%2e%2e/private',
  '/x/.%2E/private',
  '/x/y/../../private/z',
  '/..//private',
  '/private/../private',
  '/private/x/..',
  '/%70rivate',
  '/%70%72%69%76%61%74%65',
  '/priv%61te/x',
  '/priv%2561te',
  '/private%2f',
  '/private%2fx',
  '/x/..%2fprivate',
  '/x%2f..%2fprivate',
  '/x/..%5cprivate',
  '/x/..\\private',
  '\\private',
  '/private%00',
  '/private%',
  '/private;x',
  '/;/private',
  '/x/..;/private',
  '/PRIVATE',
  '/private#x',
  '/x?/../private',
  '/privatex',
  '/privat%C3%A9',
  '/private\u00e9',
  '/private\t',
  'private',
  '*',
  'http://gw.test/private',
  'http://gw.test//private',
  'http://gw.test/x/%2e%2e/private',
  'http://other.test/private',
  'http://user@gw.test/private',
  'http://gw.test\\/private',
  'https://gw.test/%70rivate',
  'gopher://gw.test/private',
];

describe('a path is decided once', () => {
  test.each(SPELLINGS)('%j', async (target) => {
    const path = readTarget(target)?.path;
    const { status } = await get(target);
    const closed = path === '/private' || path?.startsWith('/private/') === true;
    expect(status).toBe(path === undefined ? 400 : closed ? 401 : 200);
    // The backend must not be able to read the path in another way than the policy did.
    expect(paths()).toEqual(path === undefined || closed ? [] : [path]);

    const { status: withKey } = await get(target, 'x-key: key-of-alice\r\n');
    expect(withKey).toBe(path === undefined ? 400 : 200);
    expect(paths()).toEqual(path === undefined ? [] : [path]);
  });

  test('no spelling without a key reaches a path that the backend decodes to /private', async () => {
    for (const target of SPELLINGS) {
      await get(target);
      for (const { url } of upstream.seen) expect(decodeURIComponent(new URL(url, 'http://h').pathname)).not.toMatch(/^\/private(\/|$)/);
    }
  });

  test('a very long path is refused by the size of the head, a long one is routed', async () => {
    expect((await get(`/private/${'a'.repeat(20_000)}`)).status).toBe(401);
    expect((await get(`/${'../'.repeat(4000)}private`)).status).toBe(401);
    expect((await get(`/${'a'.repeat(40_000)}`)).status).toBe(431);
  });

  test('the authority of an absolute target goes to the backend as its host', async () => {
    await get('http://other.test:8080/x');
    expect(upstream.last().headers).toMatchObject({ host: 'other.test:8080', 'x-forwarded-host': 'other.test:8080' });
    await get('/x');
    expect(upstream.last().headers.host).toBe('gw.test');
  });
});

// Requests that two HTTP parsers could cut in two ways, over a raw socket: the gateway refuses them, or sends one request on.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { type Recorder, sendRaw, startRecorder } from './recorder.fixture.ts';

let upstream: Recorder;
let gateway: TestGateway;

const WEB = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: a}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: {name: clients}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  connection: {bufferLimit: 1Ki}
  timeout: {http: {requestReceivedTimeout: 300ms}}
`;

beforeAll(async () => {
  upstream = await startRecorder();
  gateway = await startGateway({ yaml: [backendsYaml([{ name: 'a', port: upstream.port }]), routeYaml('m', ['a']), WEB].join('\n---\n') });
});

beforeEach(() => {
  upstream.seen.length = 0;
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const CHUNKED = '3\r\nabc\r\n0\r\n\r\n';
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';

const head = (headers: string, path = '/v1/chat/completions') =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}\r\n`;

describe('a message that can be cut in two ways is refused, and its connection ends', () => {
  test.each([
    ['Content-Length and Transfer-Encoding', `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
    ['Transfer-Encoding and Content-Length', `Transfer-Encoding: chunked\r\nContent-Length: ${CHUNKED.length}\r\n\r\n${CHUNKED}`],
    ['two lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde'],
    ['the same length twice', 'Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd'],
    ['a list of lengths', 'Content-Length: 4, 4\r\n\r\nabcd'],
    ['a length with a sign', 'Content-Length: +4\r\n\r\nabcd'],
    ['a negative length', 'Content-Length: -1\r\n\r\nabcd'],
    ['a length in hexadecimal', 'Content-Length: 0x4\r\n\r\nabcd'],
    ['a length beyond any', 'Content-Length: 99999999999999999999999\r\n\r\nabcd'],
    ['xchunked', `Transfer-Encoding: xchunked\r\n\r\n${CHUNKED}`],
    ['chunked, identity', `Transfer-Encoding: chunked, identity\r\n\r\n${CHUNKED}`],
    ['identity', `Transfer-Encoding: identity\r\n\r\n${CHUNKED}`],
    ['chunked twice', `Transfer-Encoding: chunked, chunked\r\n\r\n${CHUNKED}`],
    ['two Transfer-Encoding', `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${CHUNKED}`],
    ['quoted chunked', `Transfer-Encoding: "chunked"\r\n\r\n${CHUNKED}`],
    ['chunked behind a vertical tab', `Transfer-Encoding: \x0bchunked\r\n\r\n${CHUNKED}`],
    ['a space before the colon', `Transfer-Encoding : chunked\r\n\r\n${CHUNKED}`],
    ['a folded Transfer-Encoding', `Transfer-Encoding:\r\n chunked\r\n\r\n${CHUNKED}`],
    ['a folded header', 'X-A: b\r\n c\r\n\r\n'],
    ['a header line that begins with a space', ' X-A: b\r\n\r\n'],
    ['a header without a colon', 'X-A\r\n\r\n'],
    ['a bare LF in the headers', 'X-A: b\nX-B: c\r\n\r\n'],
    ['a bare CR in the headers', 'X-A: b\rX-B: c\r\n\r\n'],
    ['NUL in a header', 'X-A: b\0c\r\n\r\n'],
    ['DEL in a header', 'X-A: b\x7fc\r\n\r\n'],
    ['a control in a name', 'X\x01A: b\r\n\r\n'],
    ['a chunk with a bare LF', 'Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n'],
    ['a negative chunk', 'Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n'],
    ['a chunk of size 0x3', 'Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n'],
    ['a chunk that is longer than it says', 'Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n'],
    ['a chunk size beyond any', 'Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
  ])('%s', async (_, rest) => {
    const answer = await sendRaw(gateway.url, `POST /a HTTP/1.1\r\nHost: x\r\n${rest}`);
    expect(answer.status).toBe(400);
    expect(answer.answers).toBe(1);
    expect(answer.closed).toBe(true);
    for (const { url, body } of upstream.seen) {
      expect(url).toBe('/a');
      expect(body.toString()).not.toContain('hidden');
    }
  });

  test.each([
    ['no Host', `GET /a HTTP/1.1\r\n\r\n`, 400],
    ['bare LFs', `GET /a HTTP/1.1\nHost: x\n\n`, 400],
    ['another version', `GET /a HTTP/2.0\r\nHost: x\r\n\r\n`, 400],
    ['what HTTP/2 only begins like', `PRI * HTTP/2.0\r\nHost: x\r\n\r\n`, 400],
    ['an unknown method', `BREW /a HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
    ['one header of 40 KB', `GET /a HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
    ['thousands of headers', `GET /a HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(5000)}\r\n`, 431],
  ])('%s', async (_, message, status) => {
    const answer = await sendRaw(gateway.url, message);
    expect(answer.status).toBe(status);
    expect(answer.closed).toBe(true);
    expect(upstream.seen).toHaveLength(0);
  });

  test('a tunnel is not opened', async () => {
    const answer = await sendRaw(gateway.url, `CONNECT 127.0.0.1:${upstream.port} HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`);
    expect([0, 400, 405, 501]).toContain(answer.status);
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('what has one reading is sent on as one request', () => {
  test.each([
    ['chunked', `Transfer-Encoding: chunked\r\n\r\n${CHUNKED}`],
    ['CHUNKED', `Transfer-Encoding: CHUNKED\r\n\r\n${CHUNKED}`],
    ['chunks with extensions', 'Transfer-Encoding: chunked\r\n\r\n1;a=b\r\na\r\n2;c="d"\r\nbc\r\n0\r\n\r\n'],
    ['trailers, which are dropped', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nAuthorization: x\r\n\r\n'],
    ['a length', 'Content-Length: 3\r\n\r\nabc'],
  ])('%s', async (_, rest) => {
    const answer = await sendRaw(gateway.url, `POST /a HTTP/1.1\r\nHost: x\r\n${rest}`);
    expect(answer.status).toBe(200);
    expect(upstream.seen).toHaveLength(1);
    expect(upstream.last().body.toString()).toBe('abc');
    expect(upstream.last().headers['authorization']).toBeUndefined();
    // One framing of its own, never both.
    const { headers } = upstream.last();
    expect([headers['content-length'], headers['transfer-encoding']].filter((value) => value !== undefined)).toHaveLength(1);
  });

  test('a body is never read as the next request, whatever it holds', async () => {
    const body = `${HIDDEN}0\r\n\r\n`;
    const answer = await sendRaw(gateway.url, `POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    expect(answer.answers).toBe(1);
    expect(upstream.seen.map(({ url }) => url)).toEqual(['/a']);
  });

  test('requests in a pipeline are answered in their order', async () => {
    const answer = await sendRaw(
      gateway.url,
      `GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      // Until the connection is closed, however long a busy machine takes.
      4000,
    );
    expect(answer.answers).toBe(3);
    // They are under way at the same time, on connections of their own.
    expect(upstream.seen.map(({ url }) => url).toSorted()).toEqual(['/1', '/2', '/3']);
  });

  test('an upgrade to what is not WebSocket is answered as an ordinary request', async () => {
    const answer = await sendRaw(gateway.url, 'GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    expect(answer.status).toBe(200);
    expect(upstream.last().headers).not.toHaveProperty('upgrade');
  });
});

describe('a body within its limits', () => {
  test('a body that does not come in time is 408', async () => {
    const answer = await sendRaw(gateway.url, [head('Content-Length: 100\r\n'), '{"model":"m",'], 60);
    expect(answer.status).toBe(408);
    expect(answer.body).toContain('TK_TIMEOUT_REQUEST');
    expect(answer.closed).toBe(true);
  });

  test('drops of a body do not put the time off', async () => {
    const drops = Array.from({ length: 200 }, () => ' ');
    const answer = await sendRaw(gateway.url, [head('Transfer-Encoding: chunked\r\n'), ...drops.map((drop) => `1\r\n${drop}\r\n`)], 60);
    expect(answer.status).toBe(408);
  });

  test.each([
    ['with its length', `Content-Length: 5000\r\n`, 'x'.repeat(5000)],
    ['in chunks', `Transfer-Encoding: chunked\r\n`, `1388\r\n${'x'.repeat(5000)}\r\n0\r\n\r\n`],
  ])('a body that is too long, %s, is 413', async (_, header, body) => {
    const answer = await sendRaw(gateway.url, [head(header), body]);
    expect(answer.status).toBe(413);
    expect(answer.body).toContain('larger than 1024 bytes');
    expect(upstream.seen).toHaveLength(0);
  });

  test('a length that is too long is refused before the body comes', async () => {
    const answer = await sendRaw(gateway.url, head('Content-Length: 999999999\r\n'));
    expect(answer.status).toBe(413);
  });

  test('the limit itself is no breach', async () => {
    const body = JSON.stringify({ model: 'm', x: '' });
    const full = body.replace('""', `"${'x'.repeat(1024 - body.length)}"`);
    expect(full).toHaveLength(1024);
    expect((await sendRaw(gateway.url, head('Content-Length: 1024\r\n') + full)).status).toBe(200);
    expect((await sendRaw(gateway.url, `${head('Content-Length: 1025\r\n')}${full} `)).status).toBe(413);
  });

  test.each([
    ['with its length', (body: string) => `Content-Length: ${body.length}\r\n\r\n${body}`],
    ['in chunks', (body: string) => `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
  ])('an upload that is too long, %s, is 413', async (_, framed) => {
    const form = `--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n${'x'.repeat(3000)}\r\n--b--\r\n`;
    const start = 'POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n';
    const answer = await sendRaw(gateway.url, start + framed(form));
    expect(answer.status).toBe(413);
    expect(upstream.seen).toHaveLength(0);
  });

  test('a client that leaves in the middle of its body costs no request', async () => {
    const before = gateway.accessLog.length;
    await sendRaw(gateway.url, [head('Content-Length: 100\r\n'), '{"model"'], 60, 50);
    for (let tries = 0; tries < 100 && gateway.accessLog.length === before; tries++)
      await new Promise((next) => {
        setTimeout(next, 10);
      });
    expect(gateway.accessLog.length).toBe(before + 1);
    expect(upstream.seen).toHaveLength(0);
  });
});

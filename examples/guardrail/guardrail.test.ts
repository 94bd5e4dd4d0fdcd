import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { loadExtensions } from '../../gateway/extensions/load.ts';
import { backendsYaml, routeYaml, startGateway, type TestGateway } from '../../gateway/gateway.fixture.ts';
import { type Recorder, startRecorder } from '../../gateway/recorder.fixture.ts';
import { holdsCardNumber } from './guardrail.ts';

describe('holdsCardNumber', () => {
  // The numbers that card schemes publish for tests.
  test.each([
    '4111111111111111',
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    '5555555555554444',
    '378282246310005',
    '3782 822463 10005',
    '6011111111111117',
    '2223003122003222',
    'pay with 4242424242424242, please',
    'line one\n4000056655665556\nline three',
    '4222222222222',
  ])('%j has one', (text) => {
    expect(holdsCardNumber(text)).toBe(true);
  });

  test.each([
    '4111111111111112',
    '1234567890123456',
    '0000000000000000',
    '4444444444444444',
    '41111111111111111111111111',
    'call +49 30 901820 or 555-0100',
    '2026-11-25T02:34:37.123Z',
    '3.14159265358979323846',
    'order 9876543210987654',
    '4111 x 1111 1111 1111',
    '',
  ])('%j has none', (text) => {
    expect(holdsCardNumber(text)).toBe(false);
  });

  test('a long text costs time in proportion to its length', () => {
    expect(holdsCardNumber('1 2-'.repeat(200_000))).toBe(false);
    expect(holdsCardNumber('9'.repeat(500_000))).toBe(false);
  });
});

describe('the guardrail in a gateway', () => {
  let upstream: Recorder;
  let gateway: TestGateway;

  beforeAll(async () => {
    upstream = await startRecorder();
    gateway = await startGateway({
      yaml: [
        backendsYaml([
          { name: 'a', port: upstream.port },
          { name: 'n', port: upstream.port, schema: 'Anthropic' },
        ]),
        routeYaml('m', ['a']),
        routeYaml('claude', ['n']),
      ].join('\n---\n'),
      // As `tierkit run --plugin` does it.
      extensions: await loadExtensions([fileURLToPath(new URL('guardrail.ts', import.meta.url))]),
    });
  });

  beforeEach(() => {
    upstream.seen.length = 0;
  });

  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });

  async function post(path: string, body: object) {
    const answer = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text() };
  }

  const CARD = '4111 1111 1111 1111';
  const KEY = '-----BEGIN RSA PRIVATE KEY-----\nMIIE';

  test.each([
    ['a text', '/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: `charge ${CARD}` }] }],
    ['a part', '/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: KEY }] }] }],
    [
      'the arguments of a tool',
      '/v1/chat/completions',
      { model: 'm', messages: [{ role: 'assistant', tool_calls: [{ function: { arguments: `{"n":"${CARD}"}` } }] }] },
    ],
    ['a system prompt', '/anthropic/v1/messages', { model: 'claude', system: KEY, messages: [] }],
    ['an input', '/v1/embeddings', { model: 'm', input: ['x', 'AKIAIOSFODNN7EXAMPLE'] }],
    ['a response', '/v1/responses', { model: 'm', input: `my card is ${CARD}` }],
  ])('refuses a secret in %s', async (_, path, body) => {
    const { status, text } = await post(path, body);
    expect(status).toBe(400);
    expect(text).toContain('TK_REFUSED');
    expect(text).not.toContain(CARD);
    expect(upstream.seen).toHaveLength(0);
    expect(JSON.stringify(gateway.accessLog.at(-1))).not.toContain('4111');
  });

  test('lets anything else pass, unchanged', async () => {
    const image = `data:image/png;base64,${'4111111111111111'.repeat(10)}`;
    const body = {
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'order 1234567890123456' },
            { type: 'image_url', image_url: { url: image } },
          ],
        },
      ],
    };
    expect((await post('/v1/chat/completions', body)).status).toBe(200);
    expect(upstream.last().body.toString()).toBe(JSON.stringify(body));
  });

  test('a body of a hundred thousand texts is looked through', async () => {
    const input = Array.from({ length: 100_000 }, (_, index) => `text ${index}`);
    expect((await post('/v1/embeddings', { model: 'm', input })).status).toBe(200);
    expect((await post('/v1/embeddings', { model: 'm', input: [...input, CARD] })).status).toBe(400);
  });
});

import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, expect, test, vi } from 'vitest';

import { publicJwk, signingKey, verificationKeys } from '#core/tiers/jws';
import { TierKeys } from '#core/tiers/keys';
import { receiptComment, RECEIPT_NAME, signReceipt } from '#core/tiers/receipt';
import { RequestVerifier, TOKEN_HEADER } from '#core/tiers/request-token';

import { TierOne } from './main.ts';
import { backendsYaml, routeYaml } from './gateway.fixture.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const pem = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

/** Tier one before a server that is told how to be a tier two. */
async function start(listener: (id: string) => RequestListener, withKeys = true) {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-test-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  const [onePem, twoPem] = [pem(), pem()];
  const two = signingKey('two', twoPem);
  writeFileSync(join(folder, 'one.pem'), onePem);
  writeFileSync(join(folder, 'two.json'), JSON.stringify({ keys: [publicJwk(two)] }));
  const verifier = new RequestVerifier(verificationKeys(JSON.stringify({ keys: [publicJwk(signingKey('one', onePem))] })), 'models');
  const claims: object[] = [];
  const headers: object[] = [];
  const server = createServer((request, response) => {
    request.resume();
    headers.push(request.headers);
    const token = request.headers[TOKEN_HEADER] as string | undefined;
    const said = token === undefined ? undefined : verifier.verify(token, Date.now());
    if (said !== undefined) claims.push(said);
    listener(said?.id ?? '')(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const keys = new TierKeys(
    withKeys ? { signingKey: join(folder, 'one.pem'), peerKeys: join(folder, 'two.json') } : { signingKey: undefined, peerKeys: undefined },
    () => undefined,
  );
  closers.push(() => keys.close());
  const yaml = [
    backendsYaml([{ name: 'two', port: (server.address() as AddressInfo).port }]).replace(
      'kind: AIServiceBackend\nmetadata: {name: two}',
      'kind: AIServiceBackend\nmetadata: {name: two, annotations: {tierkit.dev/tier-two: models}}',
    ),
    routeYaml('m', ['two']),
  ].join('\n---\n');
  const accessLog: Record<string, unknown>[] = [];
  const tier = new TierOne({
    sources: { paths: [], env: {}, texts: [{ file: 'test.yaml', text: yaml }] },
    host: '127.0.0.1',
    port: 0,
    adminPort: 0,
    drainMs: 0,
    keys,
    accessLog: (line) => void accessLog.push(JSON.parse(JSON.stringify(line)) as Record<string, unknown>),
    log: () => undefined,
  });
  await tier.start();
  closers.push(() => tier.stop());
  const chat = (more: object = {}, extra: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${[...tier.ports.values()][0]}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'abc', ...extra },
      body: JSON.stringify({ model: 'm', messages: [], ...more }),
    });
  return { tier, two, chat, claims, headers, accessLog };
}

const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
const receipt = {
  model: 'm',
  inputTokens: 5,
  outputTokens: 2,
  cachedTokens: 4,
  source: 'reported',
  queueMs: 3,
  pod: 'pod-7',
  reason: 'cheapest',
} as const;
const body = JSON.stringify({ id: 'c', object: 'chat.completion', model: 'm', choices: [], usage });

const chunk = (fields: object): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', ...fields })}\n\n`;

test('says what tier two has to know, under its own signature; a client’s own token goes nowhere', async () => {
  const { chat, claims, headers, accessLog } = await start(
    () => (_, response) => response.setHeader('content-type', 'application/json').end(body),
  );
  const before = Date.now();
  const response = await chat({}, { [TOKEN_HEADER]: 'forged', 'x-tierkit-tenant': 'root' });
  expect(response.status).toBe(200);
  expect(claims).toEqual([
    { id: expect.stringMatching(/^abc\/1\./), tenant: 'anonymous', model: 'm', priority: 0, deadline: expect.any(Number) },
  ]);
  expect((claims[0] as { deadline: number }).deadline - before).toBeGreaterThan(50_000);
  expect(Object.keys(headers[0]!).filter((name) => name.startsWith('x-tierkit-'))).toEqual([TOKEN_HEADER]);
  await vi.waitFor(() => expect(accessLog[0]).toMatchObject({ tier_two_receipt: 'missing' }));
});

test('each attempt has a token of its own', async () => {
  let calls = 0;
  const { chat, claims } = await start(() => (request, response) => {
    calls++;
    if (calls === 1) request.socket.destroy();
    else response.setHeader('content-type', 'application/json').end(body);
  });
  expect((await chat()).status).toBe(200);
  expect(claims).toMatchObject([{ id: expect.stringMatching(/^abc\/1\./) }, { id: expect.stringMatching(/^abc\/2\./) }]);
});

test.each([
  ['ok', { ...receipt }, { tier_two_pod: 'pod-7', tier_two_queue_ms: 3, tier_two_cached_tokens: 4 }],
  ['mismatch', { ...receipt, outputTokens: 3 }, { tier_two_tokens_output: 3 }],
])('compares the receipt of a whole answer with the usage: %s', async (result, told, more) => {
  const rig = await start((id) => (_, response) => {
    response.setHeader(RECEIPT_NAME, signReceipt({ ...told, id }, rig.two));
    response.setHeader('content-type', 'application/json').end(body);
  });
  const response = await rig.chat();
  expect(await response.text()).toBe(body);
  expect(response.headers.get(RECEIPT_NAME)).toBeNull();
  await vi.waitFor(() => expect(rig.accessLog[0]).toMatchObject({ tier_two_receipt: result, ...more }));
});

test('takes the receipt out of a stream, and a forged one for what it is', async () => {
  const keys: ReturnType<typeof signingKey>[] = [];
  const rig = await start((id) => (_, response) => {
    response.setHeader('content-type', 'text/event-stream');
    response.write(chunk({ choices: [{ index: 0, delta: { content: 'a' } }] }));
    response.write(chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }));
    response.write(chunk({ choices: [], usage }));
    response.write(receiptComment(signReceipt({ ...receipt, id }, keys.shift()!)));
    response.end('data: [DONE]\n\n');
  });
  keys.push(rig.two, signingKey('two', pem()));
  for (const _ of [1, 2]) {
    const text = await (await rig.chat({ stream: true, stream_options: { include_usage: true } })).text();
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    expect(text).not.toContain('receipt');
  }
  await vi.waitFor(() => expect(rig.accessLog).toHaveLength(2));
  expect(rig.accessLog.map((line) => line['tier_two_receipt'])).toEqual(['ok', 'invalid']);
});

test('without keys it says so, and nothing is signed', async () => {
  const { tier, chat, claims, headers } = await start(
    () => (_, response) => response.setHeader('content-type', 'application/json').end(body),
    false,
  );
  expect(tier.notices().filter((notice) => notice.startsWith('no --'))).toEqual([
    expect.stringContaining('no --signing-key: default/two hears nothing of tenant'),
    expect.stringContaining('no --peer-keys'),
  ]);
  expect((await chat()).status).toBe(200);
  expect(claims).toEqual([]);
  expect(headers[0]).not.toHaveProperty(TOKEN_HEADER);
});

test('tells it what clients say to each other in baggage: it is a part of the platform', async () => {
  const { chat, headers } = await start(() => (_, response) => response.setHeader('content-type', 'application/json').end(body));
  await chat({}, { baggage: 'user=1' });
  expect(headers).toMatchObject([{ baggage: 'user=1' }]);
});

import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { publicJwk, type SigningKey, signingKey, verificationKeys } from '#core/tiers/jws';
import { receiptIn, RECEIPT_NAME, verifyReceipt } from '#core/tiers/receipt';
import { type RequestClaims, signRequest, TOKEN_HEADER } from '#core/tiers/request-token';

import { modelYaml, poolYaml, startPod, startTierTwo, type TestPod, type TestTierTwo } from './tier-two.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const pemOf = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const jwks = (...keys: readonly SigningKey[]): string => JSON.stringify({ keys: keys.map(publicJwk) });
const one = signingKey('one', pemOf());
const twoPem = pemOf();
const twoKeys = verificationKeys(jwks(signingKey('two', twoPem)));
const peerKeys = join(folder, 'peers.json');
const signing = join(folder, 'two.pem');
writeFileSync(signing, twoPem);

let pod: TestPod;
let two: TestTierTwo;
let serial = 0;
beforeEach(async () => {
  writeFileSync(peerKeys, jwks(one));
  pod = await startPod();
  two = await startTierTwo([poolYaml('p', [pod]), modelYaml('m', ['p'])], { signingKey: signing, peerKeys });
});
afterEach(async () => {
  await two.close();
  await pod.close();
});

const token = (claims: Partial<RequestClaims> = {}, audience = 'models', key = one): string =>
  signRequest(
    { id: `r${++serial}/1`, tenant: 'team-a', model: 'm', deadline: undefined, priority: 0, ...claims },
    audience,
    key,
    Date.now(),
  );

describe('a token of tier one', () => {
  test('lets a request in, says whose it is, and gives it its id', async () => {
    const response = await two.chat({ model: 'm' }, { [TOKEN_HEADER]: token({ id: 'abc/2' }) });
    expect(response.status).toBe(200);
    await response.text();
    await vi.waitFor(() => expect(two.accessLog[0]).toMatchObject({ 'x-request-id': 'abc', tenant: 'team-a' }));
    expect(pod.seen[0]!.headers[TOKEN_HEADER]).toBeUndefined();
  });

  test.each([
    ['absent', {}, 401, 'takes requests from tier one only'],
    ['for another tier two', { [TOKEN_HEADER]: () => token({}, 'others') }, 401, 'meant for another'],
    ['of an unknown key', { [TOKEN_HEADER]: () => token({}, 'models', signingKey('one', pemOf())) }, 401, 'signature is wrong'],
    ['for another model', { [TOKEN_HEADER]: () => token({ model: 'cheap' }) }, 403, 'another model'],
  ])('that is %s does not', async (_, headers, status, reason) => {
    const made = Object.fromEntries(Object.entries(headers).map(([name, make]) => [name, make()]));
    const response = await two.chat({ model: 'm' }, made);
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(reason);
    expect(pod.seen).toEqual([]);
  });

  test('is good for one request', async () => {
    const used = token();
    expect((await two.chat({ model: 'm' }, { [TOKEN_HEADER]: used })).status).toBe(200);
    const again = await two.chat({ model: 'm' }, { [TOKEN_HEADER]: used });
    expect([again.status, await again.text()]).toEqual([401, expect.stringContaining('used already')]);
  });

  test('of a deadline that has passed is not worth a pod', async () => {
    const response = await two.chat({ model: 'm' }, { [TOKEN_HEADER]: token({ deadline: Date.now() - 1 }) });
    expect(response.status).toBe(429);
    expect(response.headers.get('x-llm-d-request-dropped-reason')).toBeTruthy();
    expect(pod.seen).toEqual([]);
  });

  test('is verified with the keys of now: they rotate without a restart, and a bad file changes nothing', async () => {
    const next = signingKey('next', pemOf());
    expect((await two.chat({ model: 'm' }, { [TOKEN_HEADER]: token({}, 'models', next) })).status).toBe(401);
    writeFileSync(peerKeys, jwks(one, next));
    await vi.waitFor(async () => expect((await two.chat({ model: 'm' }, { [TOKEN_HEADER]: token({}, 'models', next) })).status).toBe(200), {
      timeout: 5000,
    });
    writeFileSync(peerKeys, '{"keys": [');
    await vi.waitFor(() => expect(two.log.join()).toContain('stay in use'), { timeout: 5000 });
    expect((await two.chat({ model: 'm' }, { [TOKEN_HEADER]: token() })).status).toBe(200);
  });
});

describe('the receipt', () => {
  test('of a whole answer is in a header', async () => {
    const response = await two.chat({ model: 'm' }, { [TOKEN_HEADER]: token({ id: 'w/1' }) });
    expect(verifyReceipt(response.headers.get(RECEIPT_NAME)!, 'w/1', twoKeys)).toMatchObject({
      model: 'm',
      inputTokens: 7,
      outputTokens: 2,
      cachedTokens: 3,
      source: 'reported',
      pod: pod.address,
      reason: 'the only candidate',
    });
  });

  test('of a stream is a comment before its end, which clients pass over', async () => {
    const body = { model: 'm', stream: true, stream_options: { include_usage: true } };
    const response = await two.chat(body, { [TOKEN_HEADER]: token({ id: 's/1' }) });
    const text = await response.text();
    expect(text).toMatch(/\n\n: x-tierkit-receipt \S+\n\ndata: \[DONE\]\n\n$/);
    const receipt = verifyReceipt(receiptIn(Buffer.from(text))!, 's/1', twoKeys);
    expect(receipt).toMatchObject({ inputTokens: 7, outputTokens: 2, pod: pod.address });
  });
});

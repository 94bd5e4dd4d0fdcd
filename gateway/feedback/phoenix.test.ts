import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { type FakePhoenix, startFakePhoenix } from './phoenix.fixture.ts';
import { Phoenix } from './phoenix.ts';

let fake: FakePhoenix;
let phoenix: Phoenix;
const start = (base = '') =>
  new Phoenix({ url: new URL(fake.url + base), key: () => Promise.resolve(undefined), project: 'a shop', patienceMs: 6000 });
beforeEach(async () => {
  fake = await startFakePhoenix();
  phoenix = start();
});
afterEach(async () => {
  await phoenix.close();
  await fake.close();
});

const span = (spanId: string, attributes: Record<string, string>) =>
  ({
    spanContext: () => ({ traceId: 'a'.repeat(32), spanId, traceFlags: 1 }),
    attributes: { 'openinference.span.kind': 'LLM', 'tierkit.request_id': 'r', 'tierkit.route': 'd/m/rule/0', ...attributes },
  }) as unknown as ReadableSpan;

it('finds the last call of a client, and of nobody known only where that was the last one', async () => {
  expect(await phoenix.find('r', undefined, 5000)).toBeUndefined();
  fake.insert([span('1'.repeat(16), {})], 'a shop');
  expect((await phoenix.find('r', undefined, 5000))?.spanId).toBe('1'.repeat(16));
  fake.insert([span('2'.repeat(16), { 'tierkit.client_id': 'ann:"x"&y' })], 'a shop');
  expect(await phoenix.find('r', undefined, 5000)).toBeUndefined();
  expect(await phoenix.find('r', 'ann:"x"&y', 5000)).toEqual({
    traceId: 'a'.repeat(32),
    spanId: '2'.repeat(16),
    clientId: 'ann:"x"&y',
    route: 'd/m/rule/0',
  });
  expect(await phoenix.find('r', 'ann', 5000)).toBeUndefined();
});

it.each([
  ['a span id that is none', '../../x', {}],
  ['a span without a route', '3'.repeat(16), { 'tierkit.route': undefined as unknown as string }],
  ['a span that is a tool', '3'.repeat(16), { 'openinference.span.kind': 'TOOL' }],
])('takes no answer that is not of ours: %s', async (_, spanId, attributes) => {
  fake.insert([span(spanId, attributes)], 'a shop');
  expect(await phoenix.find('r', undefined, 5000)).toBeUndefined();
});

it('does not believe a Phoenix that filters by other rules', async () => {
  fake.instead = (response) => {
    const attributes = { 'tierkit.request_id': 'another', 'tierkit.route': 'd/m/rule/0' };
    response.end(JSON.stringify({ data: [{ context: { trace_id: 'a', span_id: '4'.repeat(16) }, attributes }] }));
    return true;
  };
  expect(await phoenix.find('r', undefined, 5000)).toBeUndefined();
});

it('asks below the path of the URL', async () => {
  const below = start('/phoenix/');
  await below.find('r', undefined, 5000).catch(() => undefined);
  expect(fake.asked[0]!.line).toMatch(/^GET \/phoenix\/v1\/projects\/a%20shop\/spans\?/);
  await below.close();
});

// Who may judge an answer: whoever got it, and at any replica.
import { afterEach, describe, expect, it } from 'vitest';

import { routeYaml } from '../gateway.fixture.ts';
import { ask } from '../origin.fixture.ts';
import { asClient, closeAll, keyOf, keysYaml, startFeedback } from './feedback.fixture.ts';

afterEach(closeAll);

const ALL_KEYS = keysYaml('m', ['alice', 'bob']);
/** Beside the open route `m`: callers are known by the policy of the route that their call went to. */
const SOME_KEYS = `\n---\n${routeYaml('k', ['a'])}${keysYaml('k', ['alice', 'bob'])}\n---\n${routeYaml('z', ['a'])}${keysYaml('z', ['zoe'])}`;

describe.each([
  ['where all routes have one policy', ALL_KEYS, 'm'],
  ['where policies vary', SOME_KEYS, 'k'],
])('%s', (_, yaml, model) => {
  it('the client that made the call may judge it', async () => {
    const { call, arrive, judge, phoenix, gateway } = await startFeedback({ yaml });
    const id = await call(asClient('alice'), model);
    await arrive(1);
    expect((await judge({ request_id: id, score: 1 }, asClient('alice'))).status).toBe(200);
    expect(phoenix.annotations).toHaveLength(1);
    expect(gateway.accessLog.at(-1)).toMatchObject({ client_id: 'alice', route_name: `default/${model}/rule/0` });
  });

  it('another hears what he hears of an id that is not there', async () => {
    const { call, arrive, judge, phoenix } = await startFeedback({ yaml, patienceMs: 1500 });
    const id = await call(asClient('alice'), model);
    await arrive(1);
    const others = await judge({ request_id: id, score: 1 }, asClient('bob'));
    const nobodys = await judge({ request_id: id.replaceAll(/./g, '0'), score: 1 }, asClient('bob'));
    expect(others.status).toBe(404);
    expect(others).toEqual(nobodys);
    expect(phoenix.annotations).toHaveLength(0);
  });

  it('two clients with one id judge each their own, and the last of several', async () => {
    const { call, arrive, judge, phoenix, spans } = await startFeedback({ yaml });
    const headers = { 'x-request-id': 'the-same' };
    for (const client of ['alice', 'alice', 'bob']) {
      await call({ ...headers, ...asClient(client) }, model);
      await arrive(1);
    }
    await judge({ request_id: 'the-same', score: 1 }, asClient('alice'));
    const roots = (await spans()).filter(({ name }) => name === 'ChatCompletion');
    expect(phoenix.annotations.map(({ span_id }) => span_id)).toEqual([roots[1]!.spanContext().spanId]);
  });

  it('another replica asks Phoenix whose the call was', async () => {
    const one = await startFeedback({ yaml });
    const two = await startFeedback({ yaml, phoenix: one.phoenix });
    const headers = { 'x-request-id': '12345' };
    for (const client of ['alice', 'alice', 'bob']) {
      await one.call({ ...headers, ...asClient(client) }, model);
      await one.arrive(1);
    }
    const { status, body } = await two.judge({ request_id: '12345', score: 1 }, asClient('alice'));
    expect(status).toBe(200);
    const roots = (await one.spans()).filter(({ name }) => name === 'ChatCompletion');
    expect(body.span_id).toBe(roots[1]!.spanContext().spanId);
  });

  it('another replica tells nobody of what is another’s', async () => {
    const one = await startFeedback({ yaml });
    const two = await startFeedback({ yaml, phoenix: one.phoenix, patienceMs: 1500 });
    const id = await one.call(asClient('alice'), model);
    await one.arrive(1);
    expect(await two.judge({ request_id: id, score: 1 }, asClient('bob'))).toMatchObject({ status: 404 });
    expect(one.phoenix.annotations).toHaveLength(0);
  });
});

it.each([
  ['the one policy', ALL_KEYS],
  ['every policy', ALL_KEYS + SOME_KEYS],
])('a caller whom %s turns away is turned away, before his body is looked at', async (_, yaml) => {
  const { judge, phoenix } = await startFeedback({ yaml });
  for (const headers of [{}, asClient('eve')])
    expect(await judge('no json', headers)).toMatchObject({ status: 401, body: { error: { code: 'invalid_api_key' } } });
  expect(phoenix.asked).toHaveLength(0);
});

const keys = (route: string, clients: string) => keysYaml(route, []).replace('stringData: {}', `stringData: {${clients}}`);

it('one name at two routes is two clients', async () => {
  const yaml = `
---
${routeYaml('k', ['a'])}${keys('k', `alice: ${keyOf('one')}`)}
---
${routeYaml('z', ['a'])}${keys('z', `ally: ${keyOf('one')}, alice: ${keyOf('two')}`)}`;
  const { call, arrive, judge } = await startFeedback({ yaml, patienceMs: 1500 });
  const id = await call(asClient('two'), 'z');
  await arrive(1);
  expect(await judge({ request_id: id, score: 1 }, asClient('one'))).toMatchObject({ status: 404 });
  expect(await judge({ request_id: id, score: 1 }, asClient('two'))).toMatchObject({ status: 200 });
});

it('whoever nobody is may judge calls of nobody known, and no others', async () => {
  const { call, arrive, judge } = await startFeedback({ yaml: SOME_KEYS, patienceMs: 1500 });
  const [nobodys, alices, zoes] = [await call({}), await call(asClient('alice'), 'k'), await call(asClient('zoe'), 'z')];
  await arrive(3);
  expect(await judge({ request_id: nobodys, score: 1 })).toMatchObject({ status: 200 });
  expect(await judge({ request_id: nobodys, score: 1 }, asClient('alice'))).toMatchObject({ status: 200 });
  for (const id of [alices, zoes]) expect(await judge({ request_id: id, score: 1 })).toMatchObject({ status: 404 });
  expect(await judge({ request_id: zoes, score: 1 }, asClient('alice'))).toMatchObject({ status: 404 });
});

it('a call of a route that another host has is not there', async () => {
  const yaml = `${keysYaml('m', ['alice'])}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: other}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP, hostname: other.test}]}
---
${routeYaml('o', ['a']).replace('name: gw', 'name: other')}${keysYaml('o', ['alice'])}`;
  const { call, arrive, judge, gateway } = await startFeedback({ yaml, patienceMs: 1500 });
  const id = await call(asClient('alice'));
  await arrive(1);
  expect(await judge({ request_id: id, score: 1 }, asClient('alice'))).toMatchObject({ status: 200 });
  const headers = { 'content-type': 'application/json', ...asClient('alice'), host: 'other.test' };
  const elsewhere = await ask(`${gateway.url}/v1/feedback`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ request_id: id, score: 1 }),
  });
  expect([elsewhere.status, elsewhere.body]).toEqual([404, expect.stringContaining('TK_FEEDBACK_UNKNOWN')]);
});

it.each([
  ['all routes', 'm', ''],
  ['the route of the call', 'k', `\n---\n${routeYaml('k', ['a'])}`],
])('answers a browser by the policy of %s', async (_, model, more) => {
  const allowed = 'spec:\n  cors: {allowOrigins: ["https://app.test"], allowHeaders: [x-api-key]}';
  const { call, arrive, gateway } = await startFeedback({ yaml: more + keysYaml(model, ['alice']).replace('spec:', allowed) });
  const origin = { origin: 'https://app.test' };
  const url = `${gateway.url}/v1/feedback`;
  const asked = await fetch(url, { method: 'OPTIONS', headers: { ...origin, 'access-control-request-method': 'POST' } });
  expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, origin.origin]);
  const id = await call(asClient('alice'), model);
  await arrive(1);
  const headers = { 'content-type': 'application/json', ...asClient('alice'), ...origin };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ request_id: id, score: 1 }) });
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin.origin]);
});

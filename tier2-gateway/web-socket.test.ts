import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, expect, it } from 'vitest';

import { SocketClient, startSocketOrigin } from '#core/serve/web-socket.fixture';

import { poolRef, poolYaml, startTierTwo } from './tier-two.fixture.ts';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close();
});

const ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [${poolRef('m')}]}]}
`;

it('a WebSocket of an HTTPRoute reaches a pod of its pool, and counts as long as it is open', async () => {
  const pod = await startSocketOrigin();
  running.push(pod);
  const two = await startTierTwo([poolYaml('m', [{ address: `127.0.0.1:${pod.port}` }]), ROUTE]);
  running.push(two);
  const ws = new SocketClient(two.url, { path: '/v1/realtime', early: 'hello' });
  await ws.until('hello');
  expect(ws.text).toMatch(/^HTTP\/1\.1 101 /);
  const metrics = await (await fetch(`${two.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/^tierkit_requests_in_flight 1$/m);
  ws.socket.end();
  await ws.closed;
  while (two.accessLog.length === 0) await sleep(2);
  expect(two.accessLog[0]).toMatchObject({ response_code: 101, complete: true, bytes_sent: 5 });
});

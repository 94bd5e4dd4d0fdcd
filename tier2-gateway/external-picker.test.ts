import { afterEach, describe, expect, test, vi } from 'vitest';

import type { ServedInfo } from './epp/served-pick.ts';
import { type EppServer, startEppServer } from './epp/server.ts';
import { modelYaml, poolRef, poolYaml, startPod, startTierTwo, type TestPod, type TestTierTwo } from './tier-two.fixture.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

/** A pool of two pods whose picker, an EPP server of ours, always wants the second one. */
async function start(failureMode: string, answer?: Parameters<typeof startEppServer>[0]['picker']) {
  const pods: readonly [TestPod, TestPod] = [await startPod(), await startPod()];
  open.push(...pods);
  const served: (string | undefined)[] = [];
  const watch = { head: (answered: ServedInfo) => void served.push(answered.served), end: () => undefined };
  const server: EppServer = await startEppServer({
    port: 0,
    picker: answer ?? (async () => ({ endpoints: [pods[1].address, pods[0].address], watch })),
  });
  let isUp = true;
  const kill = async (): Promise<void> => {
    if (isUp) await server.close(0);
    isUp = false;
  };
  open.push({ close: kill });
  const pool = poolYaml('p', pods)
    .replace('annotations: {', 'annotations: {tierkit.dev/picker-tls: plaintext, ')
    .replace('targetPorts:', `endpointPickerRef: {name: epp, port: {number: ${server.port}}, failureMode: ${failureMode}}, targetPorts:`);
  const service = `
apiVersion: v1
kind: Service
metadata: {name: epp}
spec: {type: ExternalName, externalName: localhost}`;
  const two: TestTierTwo = await startTierTwo([pool, service, modelYaml('m', ['p'])]);
  open.push(two);
  return { two, pods, served, kill };
}

describe('a pool with an endpoint picker of its own', () => {
  test('goes where the picker says, and tells it who served', async () => {
    const { two, pods, served } = await start('FailClose');
    for (let index = 0; index < 4; index++) expect((await two.chat({ model: 'm' })).status).toBe(200);
    expect(pods.map(({ seen }) => seen.length)).toEqual([0, 4]);
    await vi.waitFor(() => expect(served).toEqual(Array.from({ length: 4 }, () => pods[1].address)));
  });

  test('walks the picker’s list when a pod fails', async () => {
    const { two, pods } = await start('FailClose');
    pods[1].answer = (request) => request.socket.destroy();
    expect((await two.chat({ model: 'm' })).status).toBe(200);
    expect(pods.map(({ seen }) => seen.length)).toEqual([1, 1]);
  });

  test('FailClose: without the picker requests are refused', async () => {
    const { two, pods, kill } = await start('FailClose');
    await kill();
    const response = await two.chat({ model: 'm' });
    expect(response.status).toBe(503);
    expect(((await response.json()) as { error: { code: string } }).error.code).toBe('TK_NO_BACKEND');
    expect(pods.map(({ seen }) => seen.length)).toEqual([0, 0]);
    expect(two.log.join('\n')).toContain('requests are refused (failureMode FailClose)');
  });

  test('FailOpen: without the picker the gateway picks', async () => {
    const { two, pods, kill } = await start('FailOpen');
    await kill();
    for (let index = 0; index < 6; index++) expect((await two.chat({ model: 'm' })).status).toBe(200);
    expect(pods[0].seen.length + pods[1].seen.length).toBe(6);
    expect(two.log.join('\n')).toContain('the gateway picks by itself (failureMode FailOpen)');
  });

  test('FailOpen or not, a refusal that the picker means is the answer', async () => {
    const { two, pods } = await start('FailOpen', async () => ({ immediate: { status: 429, body: Buffer.from('busy') } }));
    const response = await two.chat({ model: 'm' });
    expect(response.status).toBe(429);
    expect(pods.map(({ seen }) => seen.length)).toEqual([0, 0]);
  });
});

test('in a cluster a pool whose picker is not there takes its own requests with it, and no others', async () => {
  const pods: readonly [TestPod, TestPod] = [await startPod(), await startPod()];
  open.push(...pods);
  pods[1].answer = (_request, response) => void response.end('well');
  const broken = poolYaml('broken', [pods[0]]).replace(
    'targetPorts:',
    'endpointPickerRef: {name: epp, port: {number: 9002}}, targetPorts:',
  );
  const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  rules: [{matches: [{path: {value: /broken}}], backendRefs: [${poolRef('broken')}]}, {backendRefs: [${poolRef('good')}]}]`;
  const two = await startTierTwo([broken, poolYaml('good', [pods[1]]), route, modelYaml('m', ['broken'])], { inCluster: true });
  open.push(two);
  const response = await fetch(`${two.url}/broken/health`);
  expect(response.status).toBe(500);
  expect(await response.text()).toContain('TK_BROKEN_ROUTE');
  expect((await two.chat({ model: 'm' })).status).toBeGreaterThanOrEqual(500);
  expect(await (await fetch(`${two.url}/health`)).text()).toBe('well');
  expect(pods.map(({ seen }) => seen.length)).toEqual([0, 1]);
});

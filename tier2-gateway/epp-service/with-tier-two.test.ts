import { afterEach, expect, test, vi } from 'vitest';

import { modelYaml, poolYaml, startPod, startTierTwo } from '../tier-two.fixture.ts';
import { IDLE, poolOf, Rig } from './service.fixture.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

const SERVICE = `
apiVersion: v1
kind: Service
metadata: {name: epp}
spec: {type: ExternalName, externalName: localhost}`;

test('a tier two whose pool names this picker is served by it, and tells it what its pods did', async () => {
  const pods = [await startPod(), await startPod()] as const;
  const rig = await new Rig([poolOf(pods.map(({ address }) => address))], { tls: 'self-signed' }).start();
  const port = rig.service.grpcPort;
  const pool = poolYaml('p', pods)
    .replace('annotations: {', 'annotations: {tierkit.dev/picker-tls: insecure, ')
    .replace('targetPorts:', `endpointPickerRef: {name: epp, port: {number: ${port}}, failureMode: FailClose}, targetPorts:`);
  const two = await startTierTwo([pool, SERVICE, modelYaml('m', ['p'])]);
  open.push(...pods, rig, two);

  const held: (() => void)[] = [];
  for (const pod of pods) {
    const { answer } = pod;
    pod.answer = (...args) => void held.push(() => answer(...args));
  }
  const pending = Array.from({ length: 4 }, (_, index) => two.chat({ model: 'm', messages: [{ role: 'user', content: `${index}` }] }));
  await vi.waitFor(() => expect(held).toHaveLength(4));
  expect(await rig.load()).toEqual({ picker: { [pods[0].address]: 2, [pods[1].address]: 2 }, queue: 4, waiting: 0, pool: 4 });
  for (const go of held.splice(0)) go();
  for (const response of await Promise.all(pending)) expect(await response.json()).toMatchObject({ model: 'm' });
  await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));

  // A pod that fails: the list is walked, and the picker hears of it.
  pods[0].answer = (request) => request.socket.destroy();
  const { answer } = pods[1];
  pods[1].answer = (...args) => {
    answer(...args);
    for (const go of held.splice(0)) go();
  };
  for (let index = 0; index < 4; index++) expect((await two.chat({ model: 'm', stream: true })).status).toBe(200);
  await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
});

import { createServer } from 'node:http';

import { Client, credentials } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/grpc-js';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { InvalidResources } from '#core/resources/problem';

import { healthService } from '../epp/messages.ts';
import { pickWith } from '../epp/picker.fixture.ts';
import { relayTo } from '../pick/external.fixture.ts';
import { PoolService } from '../pick/pool-service.ts';
import type { EppServiceOptions } from './main.ts';
import { answer, bodyOf, chatHeaders, IDLE, ONE, pick, poolOf, Rig, streamOf, THREE, TWO } from './service.fixture.ts';

const rigs: Rig[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const rig of rigs.splice(0)) await rig.close();
});

async function start(yaml: readonly string[] = [poolOf()], more: Partial<EppServiceOptions> = {}): Promise<Rig> {
  const rig = new Rig(yaml, more);
  rigs.push(rig);
  return rig.start();
}

/** Why a service does not start. */
async function refusal(yaml: readonly string[], more: Partial<EppServiceOptions> = {}): Promise<string> {
  const error = await new Rig(yaml, more).start().catch((thrown: unknown) => thrown);
  if (!(error instanceof InvalidResources)) throw new Error('it started', { cause: error });
  return error.message;
}

function healthOf(rig: Rig): () => Promise<string> {
  const client = new Client(`127.0.0.1:${rig.service.healthPort}`, credentials.createInsecure());
  rig.onClose(() => client.close());
  const { path, requestSerialize, responseDeserialize } = healthService['Check'] as MethodDefinition<object, { status: string }>;
  return () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: 'readiness' }, (error, reply) => {
        if (reply === undefined) reject(error ?? new Error('no reply'));
        else resolve(reply.status);
      });
    });
}

describe('nothing stays reserved', () => {
  const half = streamOf(['a', 'b', 'c']).chunks.slice(0, 2);

  test('when the client leaves in the middle of a stream', async () => {
    const rig = await start();
    const { exchange, picked } = await pick(rig.client(), bodyOf({ stream: true }));
    await exchange.responseHeaders(200, [['content-type', 'text/event-stream']], picked.endpoints[0]);
    for (const chunk of half) await exchange.responseBody(Buffer.from(chunk), false);
    await vi.waitFor(async () => expect((await rig.state()).endpoints.some(({ load }) => load.streams === 1)).toBe(true));
    exchange.cancel();
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
  });

  test('when it leaves between pick and answer', async () => {
    const rig = await start();
    const { exchange } = await pick(rig.client());
    expect((await rig.load()).queue).toBe(1);
    exchange.close();
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
  });

  test('when the gateway is killed', async () => {
    const rig = await start();
    const relay = await relayTo(`127.0.0.1:${rig.service.grpcPort}`);
    rig.onClose(() => relay.cut());
    const client = rig.client({ address: relay.address });
    for (let index = 0; index < 8; index++) {
      const { exchange, picked } = await pick(client, bodyOf({ stream: true }));
      if (index % 2 === 0) continue;
      await exchange.responseHeaders(200, [['content-type', 'text/event-stream']], picked.endpoints[0]);
      await exchange.responseBody(Buffer.from(half[0]!), false);
    }
    expect((await rig.load()).queue).toBe(8);
    relay.cut();
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
    expect(rig.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  test('when the gateway gives up while the request waits for its turn', async () => {
    const metrics = 'vllm:num_requests_running 10000\nvllm:num_requests_waiting 10000\n';
    const full = createServer((_, response) => response.end(metrics));
    await new Promise<void>((resolve) => full.listen(0, '127.0.0.1', resolve));
    const { port } = full.address() as { port: number };
    const rig = await start([poolOf([`127.0.0.1:${port}`])]);
    rig.onClose(() => {
      full.closeAllConnections();
      full.close();
    });
    await vi.waitFor(async () => expect((await rig.admin<{ saturation: number }[]>('/pools'))[0]!.saturation).toBeGreaterThan(1));
    const first = await pick(rig.client());
    const waiting = rig.client({ messageTimeoutMs: 100 }).open({ headers: chatHeaders() });
    await expect(pickWith(waiting, bodyOf())).rejects.toThrow('did not answer within');
    await vi.waitFor(async () => expect(await rig.load()).toMatchObject({ queue: 1, waiting: 0 }));
    first.exchange.cancel();
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
  });
});

describe('a reload', () => {
  test('drops nothing, and is live at once', async () => {
    const stopped = vi.spyOn(PoolService.prototype, 'stop');
    const rig = await start([poolOf([ONE])]);
    const client = rig.client();
    const { exchange } = await pick(client, bodyOf({ stream: true }));
    expect(await rig.reload(poolOf([TWO]))).toBe(true);
    expect((await pick(client)).picked.endpoints).toEqual([TWO]);
    expect(stopped).not.toHaveBeenCalled();
    expect(await answer(exchange, { served: ONE, ...streamOf(['a', 'b']) })).toBe(streamOf(['a', 'b']).chunks.join(''));
    exchange.close();
    // With its last request the old pool goes.
    await vi.waitFor(() => expect(stopped).toHaveBeenCalledTimes(1));
  });

  test('that is bad changes nothing, and is told', async () => {
    const rig = await start();
    expect(await rig.reload(poolOf().replace('targetPorts', 'targetPort'))).toBe(false);
    expect(await rig.reload('')).toBe(false);
    expect(rig.log.join('\n')).toContain('there is no InferencePool among the resources');
    expect(await rig.reload(poolOf(), poolOf([ONE], 'q'))).toBe(false);
    expect(rig.log.join('\n')).toContain('choose it with --pool: default/p, default/q');
    expect((await pick(rig.client())).picked.endpoints.toSorted()).toEqual([ONE, TWO, THREE]);
    expect(await rig.admin<unknown[]>('/pools')).toHaveLength(1);
    expect((await rig.admin<{ lastReload: { refused: string } }>('/config')).lastReload.refused).toContain('InferencePools');
    expect(await rig.reload(poolOf([ONE, TWO]))).toBe(true);
  });

  test('without the pool that is picked for is bad', async () => {
    const rig = await start([poolOf(), poolOf([ONE], 'q')], { pool: 'q' });
    expect(rig.service.pool).toBe('default/q');
    expect(await rig.reload(poolOf())).toBe(false);
    expect(rig.log.join('\n')).toContain('there is no InferencePool default/q');
    expect((await pick(rig.client())).picked.endpoints).toEqual([ONE]);
  });
});

describe('a service', () => {
  test('needs one pool, or the name of one', async () => {
    const pools = [poolOf(), poolOf([ONE], 'other')];
    expect(await refusal(pools)).toContain('there are 2 InferencePools, and a picker is for one');
    expect(await refusal(pools, { pool: 'default/othr' })).toContain(
      'there is no InferencePool default/othr; did you mean "default/other"?',
    );
    expect(await refusal([''])).toContain('there is no InferencePool');
    const rig = await start(pools, { pool: 'default/other' });
    expect((await rig.admin<{ pool: string }[]>('/pools')).map(({ pool }) => pool)).toEqual(['default/other']);
  });

  test('picks by itself, whatever picker its pool names, and needs neither Gateway nor route', async () => {
    const named = poolOf([ONE]).replace('targetPorts:', 'endpointPickerRef: {name: this-one, port: {number: 9002}}, targetPorts:');
    const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: gone}], rules: [{backendRefs: [{name: nowhere, port: 80}]}]}`;
    const rig = await start([named, route]);
    expect((await pick(rig.client())).picked.endpoints).toEqual([ONE]);
  });

  test('has TLS of its own making unless told otherwise', async () => {
    const rig = await start([poolOf([ONE])], { tls: 'self-signed' });
    expect((await pick(rig.client({ tls: { insecure: true } }))).picked.endpoints).toEqual([ONE]);
    expect((await pick(rig.client({ tls: { ca: rig.service.certificate! } }))).picked.endpoints).toEqual([ONE]);
    const plain = rig.client().open({ headers: chatHeaders() });
    await expect(pickWith(plain, bodyOf())).rejects.toThrow('endpoint picker');
    expect(rig.service.notices().join('\n')).toContain('no gateway can verify');
    expect((await start()).service.notices().join('\n')).toContain('no TLS');
  });

  test('says that it is not serving before it ends, and lets open exchanges end', async () => {
    const rig = await start([poolOf([ONE])], { drainMs: 10_000 });
    const health = healthOf(rig);
    expect(await health()).toBe('SERVING');
    const { exchange } = await pick(rig.client(), bodyOf({ stream: true }));
    const stopped = rig.service.stop();
    expect(await health()).toBe('NOT_SERVING');
    // Whoever has not noticed yet is served.
    const late = await pick(rig.client());
    late.exchange.close();
    let over = false;
    void stopped.then(() => (over = true));
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(over).toBe(false);
    expect(await answer(exchange, { served: ONE, ...streamOf(['a', 'b']) })).toBe(streamOf(['a', 'b']).chunks.join(''));
    exchange.close();
    await stopped;
  });

  test('cuts what does not end in time', async () => {
    const rig = await start([poolOf([ONE])], { drainMs: 50 });
    const { exchange } = await pick(rig.client());
    await rig.service.stop();
    await vi.waitFor(() => expect(exchange.failure?.message).toContain('endpoint picker'));
  });

  test('leaves nothing listening when it cannot start', async () => {
    const first = await start();
    const taken = new Rig([poolOf()], { healthPort: first.service.healthPort });
    await expect(taken.start()).rejects.toThrow(`cannot listen on 127.0.0.1:${first.service.healthPort}`);
    await expect(fetch(`http://127.0.0.1:${taken.service.adminPort}/healthz`)).rejects.toThrow('fetch failed');
  });
});

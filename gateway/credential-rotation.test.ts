// Credentials that change while many streams run, and while others begin.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { tokenServer } from '#core/providers/credentials/token-server.fixture';

import { AWS, fileOf, type KEYS, policyYaml, signatureOf } from './cloud-credentials.fixture.ts';
import { CHAT, eventsOf, eventually } from './dialects.fixture.ts';
import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { read, type Reading } from './origin.fixture.ts';
import { answer, type Received, type Script, startUpstream, type Upstream } from './upstream.fixture.ts';

const STREAMS = 200;

let dir: string;
const running: { close(): Promise<unknown> }[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rotation-'));
});
afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close();
  rmSync(dir, { recursive: true, force: true });
});

/** What a provider takes at the moment, by the name of a credential. Others are refused. */
class Valid {
  readonly refused: string[] = [];
  readonly used = new Set<string>();
  readonly #names = new Set<string>();

  add(name: string): void {
    this.#names.add(name);
  }

  takes(name: string): boolean {
    if (this.#names.has(name)) this.used.add(name);
    else this.refused.push(name);
    return this.#names.has(name);
  }

  /** The latest one works: from now on no request may come with an older one. */
  revokeAllBut(latest: string): void {
    this.#names.clear();
    this.#names.add(latest);
  }
}

const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** A provider whose streams stay open until they are let go. */
async function provider(accepts: (request: Received) => boolean) {
  const gate = Promise.withResolvers<void>();
  const [before = '', first = '', ...rest] = eventsOf(CHAT, ['begun ', 'more ', 'whole']);
  const script: Script = async (socket, request) => {
    if (!accepts(request)) {
      await answer(401, { error: { message: 'revoked', type: 'x' } })(socket, request);
      return;
    }
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
    socket.write(head + chunk(before) + chunk(first));
    await gate.promise;
    socket.write(`${rest.map(chunk).join('')}0\r\n\r\n`);
  };
  const upstream = await startUpstream(script);
  running.push(upstream);
  return { upstream, letGo: gate.resolve };
}

/** Streams of clients. */
function crowdAt(gateway: TestGateway) {
  const streams: Reading[] = [];
  const asking = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(CHAT.request('m', true)) };
  return {
    streams,
    /** Resolves when so many more have begun. */
    begin: async (count: number): Promise<void> => {
      const begun = await Promise.all(Array.from({ length: count }, () => read(gateway.url + CHAT.path, asking)));
      streams.push(...begun);
      for (const stream of begun) await stream.until('begun ');
    },
  };
}

async function start(
  { port }: Upstream,
  policy: string,
): Promise<{ readonly gateway: TestGateway; readonly change: (to: string) => Promise<void> }> {
  const write = (one: string): void =>
    writeFileSync(join(dir, 'all.yaml'), `${backendsYaml([{ name: 'a', port }])}${one}\n---\n${routeYaml('m', ['a'])}`);
  write(policy);
  const gateway = await startGateway({ paths: [dir] });
  running.push(gateway);
  return {
    gateway,
    change: async (to) => {
      write(to);
      await gateway.tier.reload('test');
    },
  };
}

/** All of them, to their ends. */
async function expectWhole(streams: readonly Reading[]): Promise<void> {
  expect(streams).toHaveLength(STREAMS);
  for (const { whole } of streams) {
    const text = await whole;
    expect(text).toContain('whole');
    expect(text).toContain(CHAT.endMarker);
  }
}

it('tokens that end and are fetched again, and secrets that change, fail no stream and hold up none', async () => {
  const valid = new Valid();
  // Seconds. Behind them nobody answers any more.
  const lives = [6, 6, 3600, 3600];
  let asks = 0;
  const { url } = await tokenServer(() => {
    const life = lives[asks++];
    if (life === undefined) return undefined;
    valid.add(`Bearer t${asks}`);
    return { body: { access_token: `t${asks}`, token_type: 'Bearer', expires_in: life } };
  });
  const { upstream, letGo } = await provider(({ headers }) => valid.takes(headers['authorization']!));
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const policy = (keyId: string): string => {
    const file = { type: 'service_account', client_email: 'sa@x', private_key: key, private_key_id: keyId, token_uri: `${url}/token` };
    const spec = 'type: GCPCredentials, gcpCredentials: {projectName: p, region: global, credentialsFile: {secretRef: {name: s}}}';
    return policyYaml(spec, 'service_account.json', JSON.stringify(file));
  };
  const { gateway, change } = await start(upstream, policy('one'));
  const { streams, begin } = crowdAt(gateway);
  const ready = async (): Promise<boolean> => (await (await fetch(`${gateway.adminUrl}/readyz`)).text()).includes('"ok"');
  await eventually(ready, 'the first token is there');

  /** Begins streams until one of them has this token. */
  const until = async (token: string): Promise<void> => {
    while (!valid.used.has(token)) {
      await begin(4);
      await sleep(300);
    }
    valid.revokeAllBut(token);
  };
  for (const token of ['Bearer t1', 'Bearer t2', 'Bearer t3']) await until(token);
  await change(policy('two'));
  await until('Bearer t4');
  await change(policy('three'));
  await eventually(() => asks === 5, 'the server of tokens is asked, and does not answer');
  expect(streams.length).toBeLessThan(STREAMS);
  await begin(STREAMS - streams.length);

  letGo();
  await expectWhole(streams);
  expect(valid.refused).toEqual([]);
  expect(upstream.requests).toHaveLength(STREAMS);
  // Once at the start, when a token was about to end, and when the secret was another one: never for a request.
  expect(asks).toBe(5);
}, 60_000);

const awsPolicy = (of: typeof KEYS): string => policyYaml(AWS, 'credentials', fileOf(of));

it('keys of AWS in a Secret that is replaced fail no stream', async () => {
  const valid = new Valid();
  const keys = Array.from({ length: 5 }, (_, turn) => ({ accessKeyId: `AKIA${turn}`, secretAccessKey: `secret/${turn}` }));
  const signedWell = (request: Received): boolean => {
    const id = /Credential=([^/]+)\//.exec(request.headers['authorization'] ?? '')?.[1];
    const own: typeof KEYS | undefined = keys.find(({ accessKeyId }) => accessKeyId === id);
    return own !== undefined && signatureOf(request, own) === request.headers['authorization'] && valid.takes(own.accessKeyId);
  };
  const { upstream, letGo } = await provider(signedWell);
  const [first, ...later] = keys;
  valid.add(first!.accessKeyId);
  const { gateway, change } = await start(upstream, awsPolicy(first!));
  const { streams, begin } = crowdAt(gateway);
  await begin(40);
  for (const next of later) {
    valid.add(next.accessKeyId);
    // Some begin while the change is under way: with the ones or the others.
    await Promise.all([change(awsPolicy(next)), begin(20)]);
    valid.revokeAllBut(next.accessKeyId);
    await begin(20);
  }
  letGo();
  await expectWhole(streams);
  expect(valid.refused).toEqual([]);
  expect([...valid.used]).toEqual(keys.map(({ accessKeyId }) => accessKeyId));
  expect(upstream.requests).toHaveLength(STREAMS);
}, 60_000);

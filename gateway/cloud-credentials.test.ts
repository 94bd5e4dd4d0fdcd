import { hash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { AWS, fileOf, KEYS, policyYaml, signatureOf } from './cloud-credentials.fixture.ts';
import { ask, CHAT, eventually } from './dialects.fixture.ts';
import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, type Script, startUpstream, type Upstream } from './upstream.fixture.ts';

const running: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close();
});

const fine = answer(200, CHAT.whole('fine'));

async function upstream(...scripts: Script[]): Promise<Upstream> {
  const one = await startUpstream(...scripts);
  running.push(one);
  return one;
}

async function start(first: Upstream, second: Upstream, policy: string): Promise<TestGateway> {
  const backends = backendsYaml([
    { name: 'a', port: first.port },
    { name: 'b', port: second.port, key: 'sk-b' },
  ]);
  const gateway = await startGateway({ yaml: `${backends}${policy}\n---\n${routeYaml('m', ['a', 'b'])}` });
  running.push(gateway);
  return gateway;
}

const FILE = fileOf(KEYS);
const FROM_HEADERS = ', credentialOverride: {fromRequestHeaders: {}}';

describe('a backend of AWS', () => {
  it('gets a signature of exactly what arrives, and none of the client’s credentials', async () => {
    const first = await upstream(fine);
    const gateway = await start(first, await upstream(fine), policyYaml(AWS, 'credentials', FILE));
    const forged = {
      authorization: 'Bearer mine',
      'x-amz-date': 'forged',
      'x-amz-security-token': 'forged',
      'x-aigw-aws-access-key-id': 'forged',
    };
    expect((await ask(gateway.url, CHAT.path, CHAT.request('m', false), forged)).status).toBe(200);
    const [received] = first.requests;
    expect(received!.headers['x-amz-content-sha256']).toBe(hash('sha256', received!.body));
    expect(received!.headers['authorization']).toBe(signatureOf(received!));
    expect(JSON.stringify(received!.lines)).not.toMatch(/forged|mine/);
  });

  it('takes what the client brings, and all of it or nothing', async () => {
    const first = await upstream(fine);
    const second = await upstream(fine);
    const gateway = await start(first, second, policyYaml(AWS + FROM_HEADERS, 'credentials', FILE));
    const client = { 'x-aigw-aws-access-key-id': 'ASIACLIENT', 'x-aigw-aws-secret-access-key': 'theirs' };
    expect((await ask(gateway.url, CHAT.path, CHAT.request('m', false), client)).status).toBe(200);
    const [received] = first.requests;
    expect(received!.headers['authorization']).toBe(signatureOf(received!, { accessKeyId: 'ASIACLIENT', secretAccessKey: 'theirs' }));
    expect(Object.keys(received!.headers).filter((name) => name.startsWith('x-aigw'))).toEqual([]);
    const partial = await ask(gateway.url, CHAT.path, CHAT.request('m', false), { 'x-aigw-aws-access-key-id': 'ASIACLIENT' });
    expect(partial.status).toBe(401);
    expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
  });

  it('whose clock is ten minutes ahead refuses once', async () => {
    const ahead = new Date(Date.now() + 600_000).toUTCString();
    const refusing: Script = (socket) => {
      const body = '{"message":"Signature expired"}';
      const head = ['HTTP/1.1 403 Forbidden', `date: ${ahead}`, 'content-type: application/json', `content-length: ${body.length}`];
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    };
    const first = await upstream(refusing, fine);
    const second = await upstream(fine);
    const gateway = await start(first, second, policyYaml(AWS, 'credentials', FILE));
    for (let turn = 0; turn < 2; turn++) expect((await ask(gateway.url, CHAT.path, CHAT.request('m', false))).status).toBe(200);
    expect([first.requests.length, second.requests.length]).toEqual([2, 1]);
    const [before, after] = first.requests.map(({ headers }) => timeOf(headers['x-amz-date']!));
    expect(Math.abs(after! - before! - 600_000)).toBeLessThan(30_000);
  });
});

function timeOf(date: string): number {
  return Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

describe('a backend whose token cannot be fetched', () => {
  it('is passed over for the next one, until its token comes', async () => {
    const asked: string[] = [];
    let works = false;
    const tokens = createServer((request, response) => {
      asked.push(request.url!);
      if (works) response.end('{"access_token":"fetched-canary","token_type":"Bearer","expires_in":3600}');
      else response.writeHead(500).end('canary');
    });
    await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
    running.push({ close: () => new Promise((resolve) => tokens.close(() => resolve())) });
    const url = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
    const file = {
      type: 'external_account',
      audience: 'a',
      subject_token_type: 't',
      token_url: url,
      credential_source: { url: url.replace('/token', '/subject') },
    };
    const policy = 'type: GCPCredentials, gcpCredentials: {projectName: p, region: global, credentialsFile: {secretRef: {name: s}}}';
    const [first, second] = [await upstream(fine), await upstream(fine)];
    const gateway = await start(first, second, policyYaml(policy, 'service_account.json', JSON.stringify(file)));
    const chat = () => ask(gateway.url, CHAT.path, CHAT.request('m', false));

    expect((await chat()).status).toBe(200);
    expect([first.requests.length, second.requests.length]).toEqual([0, 1]);
    await eventually(async () => (await readyOf(gateway)).includes('"failing"'), 'the failure is told');
    expect(await readyOf(gateway)).toContain('BackendSecurityPolicy default/a');
    expect(await readyOf(gateway)).not.toContain('canary');
    expect(gateway.log.filter((line) => line.includes('its credential'))).toHaveLength(1);
    expect(await fetchesOf(gateway)).toMatchObject({ endsAt: 0, ok: 0, failed: expect.any(Number) as number });
    expect((await fetchesOf(gateway)).failed).toBeGreaterThan(0);

    works = true;
    await eventually(async () => (await chat()).status === 200 && first.requests.length > 0, 'the token is used');
    expect(first.requests[0]!.headers['authorization']).toBe('Bearer fetched-canary');
    expect(gateway.log.join()).not.toContain('canary');
    const { endsAt, ok } = await fetchesOf(gateway);
    expect(ok).toBe(1);
    expect(endsAt).toBeGreaterThan(Date.now() / 1000);
  });
});

/** What the metrics say of the policy. */
async function fetchesOf({ adminUrl }: TestGateway): Promise<{ readonly endsAt: number; readonly ok: number; readonly failed: number }> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const labels = 'policy="default/a",type="GCPCredentials"';
  const of = (series: string): number => {
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  };
  return {
    endsAt: of(`tierkit_fetched_credential_expiry_timestamp_seconds{${labels}}`),
    ok: of(`tierkit_credential_fetches_total{${labels},result="ok"}`),
    failed: of(`tierkit_credential_fetches_total{${labels},result="failed"}`),
  };
}

async function readyOf({ adminUrl }: TestGateway): Promise<string> {
  return (await fetch(`${adminUrl}/readyz`)).text();
}

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { sendRaw } from './recorder.fixture.ts';

const keys = (route: string, secret: string) => `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: ${route}}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${route}}]
  apiKeyAuth: {credentialRefs: [{name: ${secret}}], extractFrom: [{headers: [x-key]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: ${secret}}
stringData: {client: key-of-${secret}}
`;

/** A route for these hosts only. */
function at(hosts: string, model: string, extra = ''): string {
  return routeYaml(model, ['a'], extra).replace('  parentRefs:', `  hostnames: [${hosts}]\n  parentRefs:`);
}

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    yaml: [
      backendsYaml([{ name: 'a', port: 9 }]),
      at('one.test', 'one-open', "    modelsOwnedBy: team-one\n    modelsCreatedAt: '2025-01-02T03:04:05Z'"),
      at('one.test', 'one-closed'),
      keys('one-closed', 'first'),
      at('one.test', 'one-other'),
      keys('one-other', 'second'),
      at("'*.wild.test'", 'wild'),
      at('closed.test', 'closed'),
      keys('closed', 'third'),
      at('pattern.test', 'pattern').replace('type: Exact', 'type: RegularExpression').replace('value: pattern', "value: '.*'"),
      keys('pattern', 'fourth'),
    ].join('\n---\n'),
  });
});

afterAll(() => gateway.close());

async function list(host: string, headers = '', path = '/v1/models') {
  const answer = await sendRaw(gateway.url, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers}\r\n`);
  return { status: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> & { data?: { id: string }[] } };
}

async function ids(host: string, headers = ''): Promise<string[]> {
  return (await list(host, headers)).body.data!.map(({ id }) => id).sort();
}

describe('the list of models', () => {
  test('has the models of its host, and of no other one', async () => {
    expect(await ids('one.test')).toEqual(['one-open']);
    expect(await ids('one.test:8080')).toEqual(['one-open']);
    expect(await ids('ONE.test.')).toEqual(['one-open']);
    expect(await ids('x.wild.test')).toEqual(['wild']);
    for (const host of ['wild.test', 'two.test', 'xone.test']) expect((await list(host)).status).toBe(404);
  });

  test('has what the policies of its routes let the caller use', async () => {
    expect(await ids('one.test', 'x-key: key-of-first\r\n')).toEqual(['one-closed', 'one-open']);
    expect(await ids('one.test', 'x-key: key-of-second\r\n')).toEqual(['one-open', 'one-other']);
    expect(await ids('one.test', 'x-key: key-of-third\r\n')).toEqual(['one-open']);
    expect(await ids('closed.test', 'x-key: key-of-third\r\n')).toEqual(['closed']);
  });

  test('is refused where every policy refuses, also when no rule names a model', async () => {
    for (const host of ['closed.test', 'pattern.test']) {
      const { status, body } = await list(host);
      expect(status).toBe(401);
      expect(JSON.stringify(body)).not.toContain('"closed"');
    }
    expect(await ids('pattern.test', 'x-key: key-of-fourth\r\n')).toEqual([]);
  });

  test('looks as each API has it', async () => {
    const openai = await list('one.test');
    expect(openai.body).toEqual({
      object: 'list',
      data: [{ id: 'one-open', object: 'model', created: 1_735_787_045, owned_by: 'team-one' }],
    });
    const anthropic = await list('one.test', '', '/anthropic/v1/models');
    expect(anthropic.body).toEqual({
      data: [{ type: 'model', id: 'one-open', display_name: 'one-open', created_at: '2025-01-02T03:04:05.000Z' }],
      has_more: false,
      first_id: 'one-open',
      last_id: 'one-open',
    });
    expect((await list('pattern.test', 'x-key: key-of-fourth\r\n', '/anthropic/v1/models')).body).toMatchObject({
      first_id: null,
      last_id: null,
    });
    expect((await list('closed.test', '', '/anthropic/v1/models')).body).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error' },
    });
  });

  test('takes GET only', async () => {
    const answer = await sendRaw(gateway.url, `POST /v1/models HTTP/1.1\r\nHost: one.test\r\nContent-Length: 0\r\n\r\n`);
    expect(answer.status).toBe(405);
    expect(answer.text).toMatch(/allow: GET/i);
  });
});

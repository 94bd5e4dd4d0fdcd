import { afterAll, beforeAll, expect, test } from 'vitest';

import { TierOne } from '../../gateway/main.ts';
import { startUpstream } from '../quickstart/upstream.ts';

let upstream: Awaited<ReturnType<typeof startUpstream>>;
let tier: TierOne;
const log: string[] = [];

beforeAll(async () => {
  upstream = await startUpstream({ port: 0, openaiKey: 'not-a-secret-openai-example', anthropicKey: 'a', cohereKey: 'c' });
  tier = new TierOne({
    sources: {
      paths: ['../quickstart/gateway.yaml', 'teams.yaml'].map((file) => new URL(file, import.meta.url).pathname),
      env: { TIERKIT_EXAMPLE_PORT: String(upstream.port) },
    },
    host: '127.0.0.1',
    port: 0,
    adminPort: 0,
    drainMs: 0,
    accessLog: undefined,
    log: (_level, message) => void log.push(message),
  });
  await tier.start();
});

afterAll(async () => {
  await tier.stop();
  await upstream.close();
});

function ask(team: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${[...tier.ports.values()][0]}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer not-a-secret-${team}` },
    body: JSON.stringify({ model: 'example-chat', max_tokens: 20, messages: [{ role: 'user', content: 'Say hello.' }] }),
  });
}

test('a team is served until its budget is used up, and told why it is not any more', async () => {
  const first = await ask('team-a');
  expect(first.status).toBe(200);
  expect(first.headers.get('x-ratelimit-limit')).toBe('20000, 20000;w=60');
  let last = first;
  for (let count = 0; count < 20 && last.status === 200; count++) last = await ask('team-a');
  expect(last.status).toBe(429);
  expect(await last.json()).toMatchObject({
    error: { type: 'insufficient_quota', code: 'TK_BUDGET', message: expect.stringMatching(/0\.001 USD until .*Budget default\/teams/) },
  });
  expect(log.filter((line) => line.startsWith('Budget default/teams of "team-a": '))).not.toEqual([]);
});

test('a team that is suspended is refused at once, and a stranger is not known', async () => {
  expect((await ask('team-b')).status).toBe(429);
  expect((await ask('nobody')).status).toBe(401);
});

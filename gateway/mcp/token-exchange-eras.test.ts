// The same for clients and servers of either era.
import type { ServerResponse } from 'node:http';

import { describe, expect, test, vi } from 'vitest';

import { byKey, callerOf, exchanging, GIVES, GIVES_SHORT, modernServer, refusal, shownTo, subjectOf } from './exchange.fixture.ts';
import { askModern, listenModern } from './modern-client.fixture.ts';
import { closeAfterEach, server } from './opening.fixture.ts';
import { initialize } from './raw-client.fixture.ts';
import { idOf, result, type Scripted } from './scripted.fixture.ts';
import { answer, response } from './upstream/fake-server.fixture.ts';

closeAfterEach();

describe('clients of 2026-07-28', () => {
  test('call modern servers in their own name', async () => {
    const git = await modernServer('git');
    const { mcp, asked } = await exchanging([git]);
    const headers = await callerOf('ann');
    expect((await askModern(mcp, 'server/discover', {}, { headers })).result['capabilities']).toBeDefined();
    expect((await askModern(mcp, 'tools/call', { name: 'echo' }, { headers })).result['content']).toEqual([{ type: 'text', text: 'git' }]);
    expect((await askModern(mcp, 'tools/list', {}, { headers })).result).toMatchObject({
      tools: [{ name: 'echo' }],
      cacheScope: 'private',
    });
    const heard = listenModern(mcp, { toolsListChanged: true }, { headers });
    expect((await heard.next()).value).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
    expect(git.seen.map(({ headers: of }) => of['mcp-method'])).toContain('subscriptions/listen');
    expect(shownTo(git)).toEqual(['Bearer canary-ann-1']);
    expect(asked).toHaveLength(1);
    void heard.return();
  });

  test('are not told what a server or the authorization server said to others', async () => {
    const git = await modernServer('git');
    const { mcp } = await exchanging([git], {
      answer: (one, count) => (subjectOf(one) === 'eve' ? refusal('access_denied') : GIVES(one, count)),
    });
    const callers = await Promise.all(['eve', 'ann', 'bob'].map((name) => callerOf(name)));
    const told = await Promise.all(callers.map((headers) => askModern(mcp, 'tools/call', { name: 'echo' }, { headers })));
    expect(told.map(({ status, error }) => [status, error.code])).toEqual([
      [403, -32012],
      [200, 0],
      [200, 0],
    ]);
  });

  test('share no session of a server with others, though all have one key', async () => {
    const git = await server('git');
    const { mcp } = await exchanging([git], { route: '', more: byKey(false) });
    const callers = await Promise.all(['ann', 'bob'].map((name) => callerOf(name)));
    for (let each = 0; each < 2; each++) {
      for (const caller of callers) {
        const called = await askModern(mcp, 'tools/call', { name: 'echo' }, { headers: { ...caller, 'x-key': 'k1' } });
        expect(called.result['content']).toBeDefined();
      }
    }
    expect(callsOf(git)).toEqual([
      ['git-1', 'Bearer canary-ann-1'],
      ['git-2', 'Bearer canary-bob-2'],
      ['git-1', 'Bearer canary-ann-1'],
      ['git-2', 'Bearer canary-bob-2'],
    ]);
  });

  test('answer what a legacy server asked with the token that they have by then', async () => {
    let held: ServerResponse | undefined;
    const git = await server('git', {
      'tools/call': (reply, seen) => {
        held = reply.writeHead(200, { 'content-type': 'text/event-stream' });
        const question = { jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params: { message: 'who' } };
        held.write(`data: ${JSON.stringify(question)}\n\n`);
        return seen.closed;
      },
      response: (reply, seen) => {
        const { body } = git.seen.find((each) => each.body.includes('"tools/call"'))!;
        held!.end(`data: ${JSON.stringify(response(idOf(body), { content: [] }))}\n\n`);
        return answer(202)(reply, seen);
      },
    });
    const { mcp } = await exchanging([git]);
    const first = await askModern(mcp, 'tools/call', { name: 'echo' }, { headers: await callerOf('ann') });
    expect(first.result['resultType']).toBe('input_required');
    const params = {
      name: 'echo',
      requestState: first.result['requestState'],
      inputResponses: { 'question-1': { action: 'decline' } },
    };
    const second = await askModern(mcp, 'tools/call', params, { headers: await callerOf('ann', { renewed: true }) });
    expect(second.result['content']).toEqual([]);
    const told = git.seen.find(({ body }) => body.includes('"decline"'))!;
    expect(told.headers.authorization).toBe('Bearer canary-ann-2');
  });
});

function callsOf(of: Scripted) {
  return of.of('tools/call').map(({ headers }) => [headers['mcp-session-id'], headers['authorization']]);
}

test('tools that are locked are read in the name of each caller who needs that, and by nobody else', async () => {
  const git = await server('git');
  const lock = `---
apiVersion: tierkit.dev/v1alpha1
kind: MCPToolLock
metadata: {name: l}
spec: {targetRef: {kind: MCPRoute, name: tools}, servers: [{name: git, tools: [{name: echo, definition: '{"inputSchema":{"type":"object"},"name":"echo"}'}]}]}
`;
  const { mcp, gateway } = await exchanging([git], {
    more: lock,
    answer: (one, count) => (subjectOf(one) === 'eve' ? refusal('access_denied') : GIVES(one, count)),
  });
  const asking = async (name: string) => askModern(mcp, 'tools/call', { name: 'echo' }, { headers: await callerOf(name) });
  const [eve, ann] = await Promise.all([asking('eve'), asking('ann')]);
  expect([eve.status, ann.status]).toEqual([403, 200]);
  expect(shownTo(git)).toEqual([expect.stringMatching(/^Bearer canary-ann-/)]);
  const report = await (await fetch(`${gateway.adminUrl}/mcp/tools`)).text();
  expect(report).toContain('it is called in the name of callers alone');
  expect(shownTo(git)).toHaveLength(1);
});

describe('clients with sessions', () => {
  test('are in their own name where a session is opened again, and in what they tell', async () => {
    const git = await server('git', { 'logging/setLevel': result({}) });
    const { mcp, asked } = await exchanging([git]);
    const session = await initialize(mcp, await callerOf('ann'));
    git.forget();
    expect((await session.ask('tools/call', { name: 'echo' })).message.result).toBeDefined();
    expect((await session.post({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' })).status).toBe(202);
    expect((await session.ask('logging/setLevel', { level: 'info' })).status).toBe(200);
    expect(git.of('initialize')).toHaveLength(2);
    expect(git.of('notifications/roots/list_changed')).toHaveLength(1);
    expect(shownTo(git)).toEqual(['Bearer canary-ann-1']);
    expect(asked).toHaveLength(1);
  });

  test('call modern servers in their own name, and hear them', async () => {
    const git = await modernServer('git');
    const { mcp, asked } = await exchanging([git]);
    const session = await initialize(mcp, await callerOf('ann'));
    const stream = await session.stream();
    expect((await session.ask('tools/call', { name: 'echo' })).message.result).toMatchObject({ content: [{ text: 'git' }] });
    await vi.waitFor(() => expect(git.seen.map(({ headers }) => headers['mcp-method'])).toContain('subscriptions/listen'));
    stream.close();
    expect(shownTo(git)).toEqual(['Bearer canary-ann-1']);
    expect(asked).toHaveLength(1);
  });

  test('who have lost their right hear of it also for what has no response', async () => {
    const git = await server('git');
    let isGone = false;
    const { mcp } = await exchanging([git], {
      answer: (one, count) => (isGone ? refusal('access_denied') : GIVES_SHORT(one, count)),
    });
    const session = await initialize(mcp, await callerOf('ann'));
    isGone = true;
    const told = await session.post({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
    expect(told).toMatchObject({ status: 403, message: { error: { code: -32012 } } });
  });
});

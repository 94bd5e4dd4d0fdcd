import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { type LocalBridge, startBridge } from './bridge.ts';
import type { StdioServer } from './config.ts';
import type { ProgramLimits } from './program.ts';

const FIXTURE = fileURLToPath(new URL('server.fixture.ts', import.meta.url));
const opened: LocalBridge[] = [];
const log: string[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((bridge) => bridge.close()));
  log.length = 0;
});

async function start(server: Partial<StdioServer> = {}, limits: Partial<ProgramLimits> = {}): Promise<LocalBridge> {
  const full = { name: 'one', command: process.execPath, args: [FIXTURE], env: {}, cwd: '.', secrets: [], ...server };
  const bridge = await startBridge([full], (level, message) => void log.push(`${level} ${message}`), limits);
  opened.push(bridge);
  return bridge;
}

function send(bridge: LocalBridge, body: string | undefined, session?: string, method = 'POST'): Promise<Response> {
  return fetch(`http://127.0.0.1:${bridge.port}${bridge.path('one')}`, {
    method,
    headers: {
      authorization: bridge.credential,
      'content-type': 'application/json',
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
    },
    ...(body === undefined ? {} : { body }),
  });
}

const INITIALIZE = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{}}}';
const call = (name: string, args = '{}', id = '1'): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`;

async function open(bridge: LocalBridge): Promise<string> {
  const answer = await send(bridge, INITIALIZE);
  expect(answer.status).toBe(200);
  await answer.text();
  return answer.headers.get('mcp-session-id')!;
}

async function tool(bridge: LocalBridge, session: string, name: string, args?: string): Promise<string> {
  const { result } = (await (await send(bridge, call(name, args), session)).json()) as { result: { content: { text: string }[] } };
  return result.content[0]!.text;
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('messages', () => {
  test('pass as they were written, in one line', async () => {
    const bridge = await start();
    const session = await open(bridge);
    const seen = await tool(bridge, session, 'echo', '{\n"n": 1.50, "big": 12345678901234567890}');
    expect(seen).toContain('"arguments":{ "n": 1.50, "big": 12345678901234567890}');
    const answer = await send(bridge, call('echo', '{}', '"a\\u0062"'), session);
    expect(await answer.text()).toMatch(/^\{"jsonrpc":"2.0","id":"a\\u0062",/);
  });

  test('of the server come on the stream of the request that they are about, before its answer', async () => {
    const bridge = await start();
    const session = await open(bridge);
    const body = '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"progress","_meta":{"progressToken":"t"}}}';
    const answer = await send(bridge, body, session);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect((await answer.text()).match(/"(?:method|id)":[^,]+/g)).toEqual(['"method":"notifications/progress"', '"id":5']);
  });

  test('of the client answer what the server asked', async () => {
    const bridge = await start();
    const session = await open(bridge);
    const asked = await send(bridge, call('ask'), session);
    const reader = asked.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toContain('"maxTokens":1,"x":1.50');
    expect((await send(bridge, '{"jsonrpc":"2.0","id":"s-1","result":{"role":"assistant"}}', session)).status).toBe(202);
    expect((await reader.read()).value).toContain('assistant');
  });

  test('that are none are left out, and told', async () => {
    const bridge = await start();
    expect(await tool(bridge, await open(bridge), 'noise')).toBe('done');
    expect(log.filter((line) => line.includes('no message of JSON-RPC'))).toHaveLength(1);
  });
});

describe('a session', () => {
  test('has a process of its own, and ends with it', async () => {
    const bridge = await start();
    const [one, two] = [await open(bridge), await open(bridge)];
    const pids = [Number(await tool(bridge, one, 'pid')), Number(await tool(bridge, two, 'pid'))];
    expect(new Set(pids).size).toBe(2);
    expect((await send(bridge, undefined, one, 'DELETE')).status).toBe(204);
    await vi.waitFor(() => expect(pids.map(isRunning)).toEqual([false, true]));
    expect((await send(bridge, call('pid'), one)).status).toBe(404);
  });

  test('is asked for', async () => {
    const bridge = await start();
    expect((await send(bridge, call('pid'))).status).toBe(400);
    expect((await send(bridge, 'no JSON', await open(bridge))).status).toBe(400);
    expect((await send(bridge, undefined, 'unknown', 'GET')).status).toBe(404);
  });

  test('that nobody uses makes room for another one; one that is used does not', async () => {
    const bridge = await start({}, { sessions: 1 });
    const first = await open(bridge);
    const second = await open(bridge);
    expect((await send(bridge, call('pid'), first)).status).toBe(404);
    void send(bridge, call('late'), second).catch(() => undefined);
    await vi.waitFor(async () => expect((await send(bridge, INITIALIZE)).status).toBe(503));
  });

  test('that nobody uses for long is stopped', async () => {
    const bridge = await start({}, { idleMs: 50 });
    await open(bridge);
    await vi.waitFor(() => expect(bridge.sessions('one')).toBe(0));
  });
});

describe('a server', () => {
  test('that crashes says so in the answer, and is started again', async () => {
    const bridge = await start({}, { backOffMs: 1 });
    const session = await open(bridge);
    const answer = await send(bridge, call('crash'), session);
    expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining('The MCP server one has ended')]);
    expect(log.join('\n')).toContain('warn MCP server one: it ended with code 7');
    expect((await send(bridge, call('pid'), session)).status).toBe(404);
    await vi.waitFor(async () => expect((await send(bridge, INITIALIZE)).status).toBe(200));
  });

  test('that crashes at each start is not started at each request', async () => {
    const bridge = await start({ args: [FIXTURE, '--crash'] }, { backOffMs: 60_000, mostBackOffMs: 60_000 });
    await vi.waitFor(() => expect(log.join('\n')).toContain('it ended with code 3'));
    const answer = await send(bridge, INITIALIZE);
    expect([answer.status, Number(answer.headers.get('retry-after')) > 30]).toEqual([503, true]);
    expect(log.filter((line) => line.includes('cannot start with'))).toHaveLength(1);
  });

  test('that is not there is told by name', async () => {
    await start({ command: 'no-such-program-of-tierkit' });
    await vi.waitFor(() => expect(log.join('\n')).toContain('warn MCP server one: it cannot be started (ENOENT)'));
  });

  test('gets its own variables, and none of the gateway', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'sk-of-the-gateway');
    const bridge = await start({ env: { TOKEN: 'my-token' } });
    vi.unstubAllEnvs();
    const session = await open(bridge);
    expect(await tool(bridge, session, 'env', '{"name":"TOKEN"}')).toBe('my-token');
    expect(await tool(bridge, session, 'env', '{"name":"OPENAI_API_KEY"}')).toBe('(none)');
  });

  test('is logged in single lines, without its secrets', async () => {
    const bridge = await start({ env: { TOKEN: 'my-token' }, secrets: ['my-token'] });
    await tool(bridge, await open(bridge), 'stderr');
    await vi.waitFor(() => expect(log).toContain('info MCP server one: the key is [redacted] [31m'));
  });

  test('that does not want to end is killed', async () => {
    const bridge = await start({ args: [FIXTURE, '--stubborn'] });
    const pid = Number(await tool(bridge, await open(bridge), 'pid'));
    await bridge.close();
    expect(isRunning(pid)).toBe(false);
    expect(log).toContain('info MCP server one: no');
  });
});

test('nobody else gets in', async () => {
  const bridge = await start();
  const at = `http://127.0.0.1:${bridge.port}${bridge.path('one')}`;
  for (const authorization of ['', 'Bearer x', `${bridge.credential}x`])
    expect((await fetch(at, { method: 'POST', headers: { authorization }, body: INITIALIZE })).status).toBe(401);
});

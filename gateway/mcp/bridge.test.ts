// Clients of the legacy era, the official one, at servers of 2026-07-28 alone.
import { once } from 'node:events';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';

import { startMcp } from './mcp.fixture.ts';
import { closeAfterEach, opening } from './opening.fixture.ts';
import { idOf } from './scripted.fixture.ts';
import { startEverything } from './upstream/everything.fixture.ts';
import { answer, type FakeScript, response, startFake } from './upstream/fake-server.fixture.ts';
import { type ModernEverything, startModernEverything } from './upstream/modern-everything.fixture.ts';

closeAfterEach();

async function client(ports: Readonly<Record<string, { readonly port: number }>>): Promise<Client> {
  const { url } = await opening(startMcp(Object.entries(ports).map(([name, { port }]) => ({ name, port }))));
  return connect(url);
}

async function connect(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Client> {
  const made = new Client({ name: 'test', version: '1' }, { capabilities: { sampling: {}, elicitation: {}, roots: {} } });
  made.setRequestHandler(CreateMessageRequestSchema, () => ({ model: 'm', role: 'assistant', content: { type: 'text', text: 'sampled' } }));
  made.setRequestHandler(ElicitRequestSchema, ({ params }) =>
    params.message === 'fail' ? Promise.reject(new Error('no')) : { action: 'accept' as const, content: { name: 'Alice' } },
  );
  made.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///here' }] }));
  await made.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }));
  return opening(made);
}

const alone = async (): Promise<readonly [Client, ModernEverything]> => {
  const server = await opening(startModernEverything({ name: 'one' }));
  return [await client({ one: server }), server];
};

const refusal = (code: number, message: string, id: unknown) => ({ jsonrpc: '2.0', id, error: { code, message } });

const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]?.text ?? '';

test('a modern server says what it can, and is told who asks', async () => {
  const [at, server] = await alone();
  expect(at.getServerVersion()?.name).toBe('one');
  expect(at.getInstructions()).toBe('Instructions of one');
  expect(at.getServerCapabilities()).toMatchObject({ tools: { listChanged: true }, resources: { subscribe: true } });
  const { tools } = await at.listTools();
  expect(tools.map(({ name }) => name)).toContain('test_simple_text');
  const meta = JSON.parse(textOf(await at.callTool({ name: 'echo_meta' }))) as Record<string, unknown>;
  expect(meta).toMatchObject({
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': { sampling: {}, elicitation: {}, roots: {} },
  });
  await at.setLoggingLevel('error');
  expect(textOf(await at.callTool({ name: 'echo_meta' }))).toContain('"io.modelcontextprotocol/logLevel":"error"');
  expect(server.methods).not.toContain('logging/setLevel');
  expect(server.methods).not.toContain('notifications/initialized');
});

test('what it asks in its results, the client is asked', async () => {
  const [at] = await alone();
  const three = textOf(await at.callTool({ name: 'test_input_required_result_multiple_inputs' }));
  expect(three).toContain('sampled');
  expect(three).toContain('Alice');
  expect(three).toContain('file:///here');
  expect(textOf(await at.callTool({ name: 'test_input_required_result_multi_round' }))).toBe('Two rounds');
  // A user who could not be asked has cancelled.
  expect(textOf(await at.callTool({ name: 'test_elicitation', arguments: { message: 'fail' } }))).toContain('action=cancel');
  await expect(at.callTool({ name: 'none' })).rejects.toThrow(/Unknown tool: none/);
});

test('each round is a request of its own, and an error in a later one is the answer to the client’s', async () => {
  const ids: number[] = [];
  const fake = await opening(
    startFake((reply, seen) => {
      const { method, id } = JSON.parse(seen.body || '{}') as { method?: string; id: number };
      const discovered = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' };
      if (method === 'server/discover') return answer(200, response(id, { resultType: 'complete', ...discovered }))(reply, seen);
      if (method !== 'tools/call') return answer(404, refusal(-32601, 'Method not found', id))(reply, seen);
      ids.push(id);
      const asks = { resultType: 'input_required', inputRequests: { r: { method: 'roots/list', params: {} } } };
      return answer(200, ids.length === 1 ? response(id, asks) : refusal(-32050, 'Not these', id))(reply, seen);
    }),
  );
  const at = await client({ one: fake });
  await expect(at.callTool({ name: 'x' })).rejects.toMatchObject({ code: -32050 });
  expect(new Set(ids).size).toBe(2);
});

test('it gets the headers of parameters, which the client knows nothing of', async () => {
  const [at] = await alone();
  expect(textOf(await at.callTool({ name: 'test_x_mcp_header', arguments: { region: 'eu' } }))).toBe('region eu');
});

test('the client is not subscribed to resources without end', async () => {
  const [at] = await alone();
  for (let each = 0; each < 1000; each++) await at.subscribeResource({ uri: `test://${each}` });
  await expect(at.subscribeResource({ uri: 'test://more' })).rejects.toThrow(/1000 resources/);
  await at.unsubscribeResource({ uri: 'test://0' });
  await at.subscribeResource({ uri: 'test://more' });
});

test('its challenge is for the client whose own credential it gets, and its refusals are errors', async () => {
  const challenge = { 'www-authenticate': 'Bearer scope="more"' };
  const fake = await opening(
    startFake((reply, seen) => {
      const { method } = JSON.parse(seen.body || '{}') as { method?: string };
      const discovered = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' };
      const scripts: Readonly<Record<string, FakeScript>> = {
        initialize: answer(404, refusal(-32601, 'Method not found', 0)),
        'server/discover': (to, of) => answer(200, response(idOf(of.body), { resultType: 'complete', ...discovered }))(to, of),
        'tools/call': (to, of) => answer(401, refusal(-32000, 'More is needed', idOf(of.body)), challenge)(to, of),
      };
      return (scripts[method ?? ''] ?? ((to, of) => answer(404, refusal(-32601, 'No such method', idOf(of.body)))(to, of)))(reply, seen);
    }),
  );
  const forwarding = { name: 'one', port: fake.port, extra: ', forwardHeaders: [{name: Authorization}]' };
  const [own, others] = await Promise.all([opening(startMcp([forwarding])), opening(startMcp([{ name: 'one', port: fake.port }]))]);
  const at = await connect(own.url, { authorization: 'Bearer mine' });
  await expect(at.callTool({ name: 'x' })).rejects.toMatchObject({ code: 401 });
  const another = await connect(others.url, { authorization: 'Bearer mine' });
  await expect(another.callTool({ name: 'x' })).rejects.toMatchObject({ code: -32000 });
  await expect(another.listTools()).rejects.toMatchObject({ code: -32601 });
});

test('it hears that the client has cancelled', async () => {
  const [at, server] = await alone();
  const cancelled = once(server.events, 'cancelled');
  const stop = new AbortController();
  const waiting = at.callTool({ name: 'wait' }, undefined, { signal: stop.signal });
  while (!server.methods.includes('tools/call')) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await expect(waiting).rejects.toThrow(/abort/i);
  await cancelled;
});

test('what it says by itself comes on the stream of the client', async () => {
  const server = await opening(startModernEverything({ name: 'one' }));
  const listening = once(server.events, 'listening');
  const at = await client({ one: server });
  const toolsChanged = new Promise((resolve) => at.setNotificationHandler(ToolListChangedNotificationSchema, resolve));
  const updated = new Promise<string>((resolve) =>
    at.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => resolve(params.uri)),
  );
  await listening;
  await at.callTool({ name: 'test_trigger_tool_change' });
  await toolsChanged;
  await at.subscribeResource({ uri: 'test://watched-resource' });
  await at.callTool({ name: 'touch_watched' });
  expect(await updated).toBe('test://watched-resource');
});

test('servers of both eras are one', async () => {
  const [one, old] = await Promise.all([opening(startModernEverything({ name: 'one' })), opening(startEverything({ name: 'old' }))]);
  const at = await client({ one, old });
  const { tools, _meta } = await at.listTools();
  expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['one__test_simple_text', 'old__test_simple_text']));
  expect(_meta?.['tierkit.dev/partial']).toBeUndefined();
  for (const name of ['one', 'old']) {
    expect(textOf(await at.callTool({ name: `${name}__test_simple_text` }))).toMatch(/simple text/);
    expect(textOf(await at.callTool({ name: `${name}__test_sampling`, arguments: { prompt: 'x' } }))).toContain('sampled');
  }
});

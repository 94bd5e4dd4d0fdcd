// The official client, at one server and at two behind one path.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';

import type { TestGateway } from '../gateway.fixture.ts';
import { startMcp, type TestServer } from './mcp.fixture.ts';
import { closeAfterEach, opening } from './opening.fixture.ts';
import { type Everything, startEverything } from './upstream/everything.fixture.ts';

closeAfterEach();

async function server(name: string): Promise<Everything & { readonly port: number }> {
  const everything = await opening(startEverything({ name }));
  return { ...everything, port: Number(new URL(everything.url).port) };
}

function gateway(servers: readonly TestServer[], extra = ''): Promise<TestGateway> {
  return opening(startMcp(servers, extra));
}

async function client({ url }: TestGateway, sampled: string[] = []): Promise<Client> {
  const made = new Client({ name: 'test', version: '1' }, { capabilities: { sampling: {}, elicitation: {}, roots: {} } });
  made.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
    sampled.push(JSON.stringify(params.messages));
    return { model: 'm', role: 'assistant', content: { type: 'text', text: 'sampled' } };
  });
  made.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' as const }));
  await made.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
  return opening(made);
}

const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]?.text ?? '';

describe('one server', () => {
  test('is the server itself, in its own words', async () => {
    const one = await server('one');
    const mcp = await gateway([{ name: 'one', port: one.port }]);
    const at = await client(mcp);
    expect(at.getServerVersion()?.name).toBe('one');
    const { tools } = await at.listTools();
    expect(tools.map(({ name }) => name)).toContain('test_simple_text');
    expect(textOf(await at.callTool({ name: 'test_simple_text' }))).toMatch(/simple text/);
    expect(mcp.accessLog.at(-1)).toMatchObject({
      mcp_method: 'tools/call',
      mcp_backend: 'one',
      mcp_name: 'test_simple_text',
      response_code: 200,
    });
  });

  test('asks the client, and is answered', async () => {
    const one = await server('one');
    const sampled: string[] = [];
    const at = await client(await gateway([{ name: 'one', port: one.port }]), sampled);
    const told = await at.callTool({ name: 'test_sampling', arguments: { prompt: 'hello' } });
    expect(textOf(told)).toContain('sampled');
    expect(sampled.join()).toContain('hello');
  });

  test('tells of progress', async () => {
    const one = await server('one');
    const at = await client(await gateway([{ name: 'one', port: one.port }]));
    const steps: number[] = [];
    await at.callTool({ name: 'test_tool_with_progress' }, undefined, { onprogress: ({ progress }) => void steps.push(progress) });
    expect(steps.length).toBeGreaterThan(1);
  });
});

const both = async (extra = ''): Promise<readonly [Client, TestGateway]> => {
  const [one, two] = await Promise.all([server('one'), server('two')]);
  const mcp = await gateway([
    { name: 'one', port: one.port },
    { name: 'two', port: two.port, extra },
  ]);
  return [await client(mcp), mcp];
};

test('what clients ask is measured, and names that they make up are one', async () => {
  const one = await server('one');
  const mcp = await gateway([{ name: 'one', port: one.port }]);
  const at = await client(mcp);
  await at.callTool({ name: 'test_simple_text' });
  await expect(at.request({ method: 'made/up' }, ResultSchema)).rejects.toThrow(/made\/up|not found/i);
  const text = await (await fetch(`${mcp.adminUrl}/metrics`)).text();
  expect(text).toContain('mcp_method_count_total{mcp_method_name="tools/call",status="success",mcp_backend="one"} 1');
  expect(text).toContain('mcp_method_count_total{mcp_method_name="_OTHER",status="failed",mcp_backend="one"} 1');
  expect(text).toMatch(/mcp_request_duration_count\{mcp_backend="one"\} [1-9]/);
  expect(text).not.toContain('made/up');
});

describe('two servers behind one path', () => {
  test('are one list, in which each tool says whose it is', async () => {
    const [at] = await both();
    const { tools } = await at.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toContain('one__test_simple_text');
    expect(names).toContain('two__test_simple_text');
    expect(names.findIndex((name) => name.startsWith('two__'))).toBeGreaterThan(names.findLastIndex((name) => name.startsWith('one__')));
    const { prompts } = await at.listPrompts();
    expect(prompts.map(({ name }) => name)).toContain('two__test_simple_prompt');
    const { resources } = await at.listResources();
    expect(resources.map(({ uri }) => uri)).toContain('two+test://static-text');
  });

  test('are asked each for its own', async () => {
    const [at, mcp] = await both();
    expect(textOf(await at.callTool({ name: 'two__test_simple_text' }))).toMatch(/simple text/);
    expect(mcp.accessLog.at(-1)).toMatchObject({ mcp_backend: 'two' });
    expect((await at.readResource({ uri: 'one+test://static-text' })).contents[0]).toMatchObject({ uri: 'one+test://static-text' });
    const prompt = await at.getPrompt({ name: 'one__test_simple_prompt' });
    expect(prompt.messages).not.toEqual([]);
    await expect(at.callTool({ name: 'three__test_simple_text' })).rejects.toThrow(/Unknown name/);
    await expect(at.callTool({ name: 'test_simple_text' })).rejects.toThrow(/Unknown name/);
  });

  test('show what the route shows of them, and serve no more', async () => {
    const [at] = await both(', toolSelector: {include: [test_simple_text]}');
    const { tools } = await at.listTools();
    expect(tools.filter(({ name }) => name.startsWith('two__')).map(({ name }) => name)).toEqual(['two__test_simple_text']);
    await expect(at.callTool({ name: 'two__test_error_handling' })).rejects.toThrow(/Unknown tool/);
  });

  test('ask the client both', async () => {
    const [at] = await both();
    for (const name of ['one', 'two'])
      expect(textOf(await at.callTool({ name: `${name}__test_sampling`, arguments: { prompt: 'hello' } }))).toContain('sampled');
  });

  test('of which one is away are the other one', async () => {
    const [one, two] = await Promise.all([server('one'), server('two')]);
    const mcp = await gateway([
      { name: 'one', port: one.port },
      { name: 'two', port: two.port },
    ]);
    await two.close();
    const at = await client(mcp);
    const { tools, _meta } = await at.listTools();
    expect(tools.every(({ name }) => name.startsWith('one__'))).toBe(true);
    expect(_meta?.['tierkit.dev/partial']).toEqual(['two']);
    await expect(at.callTool({ name: 'two__test_simple_text' })).rejects.toThrow(/MCP server two/);
    expect(textOf(await at.callTool({ name: 'one__test_simple_text' }))).toMatch(/simple text/);
  });
});

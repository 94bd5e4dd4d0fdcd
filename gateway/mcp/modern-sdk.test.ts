// The official TypeScript SDK of 2026-07-28, at servers of either era, alone and beside each other.
import { describe, expect, test, vi } from 'vitest';

import { startMcp } from './mcp.fixture.ts';
import { hasModernSdk, type ModernClient, modernSdk } from './modern-sdk.fixture.ts';
import { closeAfterEach, opening } from './opening.fixture.ts';
import { startEverything } from './upstream/everything.fixture.ts';
import { startModernEverything } from './upstream/modern-everything.fixture.ts';

const isWanted = hasModernSdk || process.env['REQUIRE_REAL'] === '1';
if (!isWanted)
  process.stderr.write(
    'SKIPPED: the official client of 2026-07-28 (npm install --prefix P @modelcontextprotocol/client@2.4.0, then MCP_CLIENT_SDK=P/node_modules/@modelcontextprotocol/client)\n',
  );

closeAfterEach();

interface Seen {
  readonly client: ModernClient;
  readonly asked: string[];
  readonly updated: string[];
}

async function connect(url: string): Promise<Seen> {
  const { Client, StreamableHTTPClientTransport } = await modernSdk();
  const capabilities = { sampling: {}, elicitation: {}, roots: {} };
  const client = new Client({ name: 'test', version: '1' }, { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } });
  const [asked, updated]: [string[], string[]] = [[], []];
  client.setRequestHandler('sampling/createMessage', ({ params }) => {
    asked.push(JSON.stringify(params['messages']));
    return { model: 'm', role: 'assistant', content: { type: 'text', text: 'sampled' } };
  });
  client.setRequestHandler('elicitation/create', ({ params }) => {
    asked.push(String(params['message']));
    return { action: 'accept', content: { response: 'elicited' } };
  });
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => void updated.push(String(params['uri'])));
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return { client: await opening(client), asked, updated };
}

const SERVERS = { modern: startModernEverything, legacy: startEverything } as const;
const text = (words: string) => [{ type: 'text', text: words }];

/** What the client sees at a server, by the names that it has for what is there. */
async function look({ client, asked, updated }: Seen, tool: (name: string) => string, located: (uri: string) => string): Promise<object> {
  const call = (name: string, args: Readonly<Record<string, unknown>> = {}) => client.callTool({ name: tool(name), arguments: args });
  const steps: number[] = [];
  const uri = located('test://watched-resource');
  const ref = { type: 'ref/prompt', name: tool('test_prompt_with_arguments') };
  const seen = {
    version: client.getNegotiatedProtocolVersion(),
    tools: (await client.listTools()).tools.map(({ name }) => name),
    text: (await call('test_simple_text')).content,
    error: (await call('test_error_handling')).isError,
    progress: (
      await client.callTool({ name: tool('test_tool_with_progress') }, { onprogress: ({ progress }) => void steps.push(progress) })
    ).isError,
    steps,
    sampling: (await call('test_sampling', { prompt: 'hello' })).content,
    elicitation: (await call('test_elicitation', { message: 'who?' })).content,
    asked,
    resources: (await client.listResources()).resources.map((resource) => resource.uri),
    resource: (await client.readResource({ uri: located('test://static-text') })).contents,
    prompts: (await client.listPrompts()).prompts.map(({ name }) => name),
    prompt: (await client.getPrompt({ name: ref.name, arguments: { arg1: 'a', arg2: 'b' } })).messages,
    completion: (await client.complete({ ref, argument: { name: 'arg1', value: 'par' } })).completion,
    unknown: await call('no_such_tool').catch((error: unknown) => (error as { code?: number }).code),
    updated,
  };
  const subscription = await client.listen({ resourceSubscriptions: [uri] });
  await call('touch_watched');
  await vi.waitUntil(() => updated.length > 0);
  await subscription.close();
  return { ...seen, agreed: subscription.honoredFilter };
}

const expected = (tool: (name: string) => string, located: (uri: string) => string): object => ({
  version: '2026-07-28',
  tools: expect.arrayContaining([tool('test_simple_text')]),
  text: [{ type: 'text', text: expect.stringMatching(/simple text/) }],
  error: true,
  steps: [0, 50, 100],
  sampling: text('LLM response: sampled'),
  elicitation: text('User response: action=accept, content={"response":"elicited"}'),
  asked: [expect.stringContaining('hello'), 'who?'],
  resources: expect.arrayContaining([located('test://static-text')]),
  resource: [{ uri: located('test://static-text'), text: expect.stringContaining('static text') }],
  prompts: expect.arrayContaining([tool('test_simple_prompt')]),
  prompt: [{ content: { text: "Prompt with arguments: arg1='a', arg2='b'" } }],
  completion: { total: 3 },
  unknown: -32602,
  updated: [located('test://watched-resource')],
  agreed: { resourceSubscriptions: [located('test://watched-resource')] },
});

const same = (name: string): string => name;
const named = (name: string): string => `one__${name}`;
const located = (uri: string): string => `one+${uri}`;

describe.for(['modern', 'legacy'] as const)('at a %s server', (era) => {
  test.runIf(isWanted)('alone', { timeout: 30_000 }, async () => {
    const one = await opening<{ readonly port: number; close(): Promise<void> }>(SERVERS[era]({ name: 'one' }));
    const { url } = await opening(startMcp([{ name: 'one', port: one.port }]));
    expect(await look(await connect(`${url}/mcp`), same, same)).toMatchObject(expected(same, same));
  });

  test.runIf(isWanted)('and one of each era beside it', { timeout: 30_000 }, async () => {
    const one = await opening<{ readonly port: number; close(): Promise<void> }>(SERVERS[era]({ name: 'one' }));
    const others = [await opening(startModernEverything({ name: 'two' })), await opening(startEverything({ name: 'three' }))];
    const ports = [one, ...others].map(({ port }, at) => ({ name: ['one', 'two', 'three'][at]!, port }));
    const { url } = await opening(startMcp(ports));
    expect(await look(await connect(`${url}/mcp`), named, located)).toMatchObject(expected(named, located));
  });
});

test.runIf(isWanted)('headers of parameters are the client’s own', { timeout: 30_000 }, async () => {
  const one = await opening(startModernEverything({ name: 'one' }));
  const two = await opening(startModernEverything({ name: 'two' }));
  const servers = [
    { name: 'one', port: one.port },
    { name: 'two', port: two.port },
  ];
  const { url } = await opening(startMcp(servers));
  const { client } = await connect(`${url}/mcp`);
  await client.listTools();
  const { content } = await client.callTool({ name: 'two__test_x_mcp_header', arguments: { region: 'eu ü' } });
  expect(content).toEqual(text('region eu ü'));
});

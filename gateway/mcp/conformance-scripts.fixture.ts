// For tests: clients that do what scenarios of the official suite want to see, in either era.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import type { ScenarioServer } from './conformance-client.fixture.ts';
import { parameterHeaders } from './engine/parameter-headers.ts';
import { askModern, type Reply } from './modern-client.fixture.ts';

type Json = Readonly<Record<string, unknown>>;
type Drive = (server: ScenarioServer) => Promise<void>;

/** The official client of the legacy era. */
const legacy =
  (act: (client: Client, server: ScenarioServer) => Promise<unknown>): Drive =>
  async (server) => {
    const client = new Client({ name: 'scripted', version: '1' }, { capabilities: { elicitation: { form: { applyDefaults: true } } } });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: {} }));
    await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
    try {
      await act(client, server);
    } finally {
      await client.close();
    }
  };

/** Sends requests of the modern era, each with an id of its own. */
type Ask = (method: string, params?: Json, headers?: Readonly<Record<string, string>>) => Promise<Reply>;

const modern =
  (act: (ask: Ask, server: ScenarioServer) => Promise<unknown>): Drive =>
  async (server) => {
    let id = 0;
    const ask: Ask = (method, params = {}, headers = {}) =>
      askModern(server.url, method, params, { id: ++id, headers, capabilities: { elicitation: {} } });
    // As clients do that find out the era, and again where the version was refused.
    if ((await ask('server/discover')).error.code === -32022) await ask('server/discover');
    await act(ask, server);
  };

interface Listed {
  readonly name: string;
  readonly inputSchema: Json;
}

const listed = async (ask: Ask): Promise<readonly Listed[]> => (await ask('tools/list')).result['tools'] as readonly Listed[];

/** Calls a tool with the headers that its schema asks for. */
async function callListed(ask: Ask, name: string, args: Json): Promise<void> {
  const schema = (await listed(ask)).find((tool) => tool.name === name)!.inputSchema;
  await ask('tools/call', { name, arguments: args }, parameterHeaders(schema, args));
}

/** What the user is offered, who accepts it. */
function defaultsIn(request: unknown): Json {
  const { requestedSchema } = (request as { params: { requestedSchema?: { properties: Readonly<Record<string, Json>> } } }).params;
  const properties = Object.entries(requestedSchema?.properties ?? {});
  return Object.fromEntries(properties.flatMap(([name, property]) => ('default' in property ? [[name, property['default']]] : [])));
}

/** Calls until the tool has all that it asks for. */
async function callThrough(ask: Ask, name: string, between: () => Promise<unknown> = async () => undefined): Promise<void> {
  const { result } = await ask('tools/call', { name, arguments: {} });
  if (result['resultType'] !== 'input_required') return;
  await between();
  const { requestState } = result;
  const inputResponses = Object.fromEntries(
    Object.entries(result['inputRequests'] as Json).map(([key, request]) => [
      key,
      { action: 'accept', content: { confirmed: true, ...defaultsIn(request) } },
    ]),
  );
  await ask('tools/call', { name, arguments: {}, inputResponses, ...(requestState !== undefined && { requestState }) });
}

const SCHEMA_TOOL = 'json_schema_2020_12_tool';

export const LEGACY: Readonly<Record<string, Drive>> = {
  initialize: legacy((client) => client.listTools()),
  tools_call: legacy(async (client) => {
    await client.listTools();
    await client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } });
  }),
  'elicitation-sep1034-client-defaults': legacy((client) => client.callTool({ name: 'test_client_elicitation_defaults', arguments: {} })),
  'sse-retry': legacy((client) => client.callTool({ name: 'test_reconnection', arguments: {} })),
  'json-schema-2020-12-preservation': legacy(async (client) => {
    const { tools } = await client.listTools();
    const schema = tools.find(({ name }) => name === SCHEMA_TOOL)!.inputSchema;
    await client.callTool({ name: 'json_schema_echo', arguments: { schema } });
  }),
  'request-metadata': legacy((client) => client.listTools().catch(() => undefined)),
  'http-standard-headers': legacy(async (client) => {
    await client.listTools();
    for (const name of ['test_headers', 'my-hyphenated-tool']) await client.callTool({ name, arguments: {} });
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
    await client.listPrompts();
    await client.getPrompt({ name: 'test_prompt' });
  }),
  'http-custom-headers': legacy(async (client, { context }) => {
    for (const { name, arguments: args } of context.toolCalls!) await client.callTool({ name, arguments: args });
  }),
  'http-invalid-tool-headers': legacy(async (client) => {
    await client.listTools();
    await client.callTool({ name: 'valid_tool', arguments: { region: 'eu' } });
  }),
  'sep-2322-client-request-state': legacy(async (client) => {
    for (const name of ['echo_state', 'unrelated', 'no_state', 'no_result_type'])
      await client.callTool({ name: `test_mrtr_${name}`, arguments: {} });
  }),
  'json-schema-ref-no-deref': legacy((client) => client.listTools()),
};

export const MODERN: Readonly<Record<string, Drive>> = {
  initialize: modern((ask) => ask('tools/list')),
  tools_call: modern(async (ask) => callListed(ask, 'add_numbers', { a: 5, b: 3 })),
  'elicitation-sep1034-client-defaults': modern((ask) => callThrough(ask, 'test_client_elicitation_defaults')),
  'sse-retry': modern((ask) => ask('tools/call', { name: 'test_reconnection', arguments: {} })),
  'json-schema-2020-12-preservation': modern(async (ask) => {
    const schema = (await listed(ask)).find(({ name }) => name === SCHEMA_TOOL)!.inputSchema;
    await ask('tools/call', { name: 'json_schema_echo', arguments: { schema } });
  }),
  'request-metadata': modern((ask) => ask('tools/list')),
  'http-standard-headers': modern(async (ask) => {
    await ask('tools/list');
    for (const name of ['test_headers', 'my-hyphenated-tool']) await ask('tools/call', { name, arguments: {} });
    const { resources } = (await ask('resources/list')).result as { resources: readonly { uri: string }[] };
    for (const { uri } of resources) await ask('resources/read', { uri });
    await ask('prompts/list');
    await ask('prompts/get', { name: 'test_prompt' });
  }),
  'http-custom-headers': modern(async (ask, { context }) => {
    for (const { name, arguments: args } of context.toolCalls!) await callListed(ask, name, args);
  }),
  'http-invalid-tool-headers': modern((ask) => callListed(ask, 'valid_tool', { region: 'eu' })),
  'sep-2322-client-request-state': modern(async (ask) => {
    await callThrough(ask, 'test_mrtr_echo_state', () => callThrough(ask, 'test_mrtr_unrelated'));
    for (const name of ['no_state', 'no_result_type']) await callThrough(ask, `test_mrtr_${name}`);
  }),
  'json-schema-ref-no-deref': modern((ask) => ask('tools/list')),
};

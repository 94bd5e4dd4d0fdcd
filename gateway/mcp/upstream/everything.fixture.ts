// For tests and as a server to try the gateway with: an MCP server that has what the scenarios of the official conformance suite call.
// `node gateway/mcp/upstream/everything.fixture.ts 3000` serves http://127.0.0.1:3000/mcp.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { type EventStore, StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  ErrorCode,
  GetPromptRequestSchema,
  type GetPromptResult,
  type JSONRPCMessage,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';

/** A red pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
/** No sample at all, 8 kHz. */
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';
const WATCHED = 'test://watched-resource';
const RETRY_MS = 50;

export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;
type Arguments = Readonly<Record<string, unknown>>;

export interface Tool {
  readonly description: string;
  readonly inputSchema?: { readonly [name: string]: unknown; readonly type: 'object' };
  readonly run: (args: Arguments, extra: Extra, server: Session) => CallToolResult | Promise<CallToolResult>;
}

/** One session's server, and what it knows of its client. */
export interface Session {
  readonly server: Server;
  readonly watched: Set<string>;
  /** All sessions of the process that are open. */
  readonly open: ReadonlySet<Session>;
}

const text = (words: string): CallToolResult => ({ content: [{ type: 'text', text: words }] });
const image = { type: 'image' as const, data: PNG, mimeType: 'image/png' };
const needs = (name: string, description: string) => ({
  type: 'object' as const,
  properties: { [name]: { type: 'string', description } },
  required: [name],
});

async function elicit(extra: Extra, message: string, properties: object, required: readonly string[] = []): Promise<string> {
  const requestedSchema = { type: 'object', properties, required };
  // The SDK's own types know fewer forms of a field than the specification.
  const request = { method: 'elicitation/create', params: { message, requestedSchema } } as unknown as ServerRequest;
  const { action, content } = await extra.sendRequest(request, ElicitResultSchema);
  return `action=${action}, content=${JSON.stringify(content ?? {})}`;
}

const OPTIONS = ['option1', 'option2', 'option3'];
const titled = (noun: string) =>
  ['First', 'Second', 'Third'].map((title, index) => ({ const: `value${index + 1}`, title: `${title} ${noun}` }));

/** What SEP-1613 and SEP-2106 want a list of tools to keep. */
const JSON_SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object' as const,
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

export const TOOLS: Readonly<Record<string, Tool>> = {
  test_simple_text: { description: 'Answers with a text', run: () => text('This is a simple text response for testing.') },
  test_image_content: { description: 'Answers with an image', run: () => ({ content: [image] }) },
  test_audio_content: {
    description: 'Answers with a sound',
    run: () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }),
  },
  test_embedded_resource: {
    description: 'Answers with a resource',
    run: () => ({
      content: [
        {
          type: 'resource',
          resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' },
        },
      ],
    }),
  },
  test_multiple_content_types: {
    description: 'Answers with a text, an image and a resource',
    run: () => ({
      content: [
        { type: 'text', text: 'Multiple content types test:' },
        image,
        {
          type: 'resource',
          resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' },
        },
      ],
    }),
  },
  test_tool_with_logging: {
    description: 'Logs while it runs',
    run: async (_args, extra) => {
      for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', logger: 'everything', data } });
        await sleep(20);
      }
      return text('The tool has logged three times');
    },
  },
  test_tool_with_progress: {
    description: 'Says how far it is',
    run: async (_args, extra) => {
      const progressToken = extra._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined)
          await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
        await sleep(20);
      }
      return text(`Progress was told to ${String(progressToken)}`);
    },
  },
  test_error_handling: {
    description: 'Fails',
    run: () => ({ ...text('This tool intentionally returns an error for testing'), isError: true }),
  },
  test_reconnection: {
    description: 'Ends its stream before it answers',
    run: async (_args, extra) => {
      extra.closeSSEStream?.();
      await sleep(2 * RETRY_MS);
      return text('The stream was taken up again');
    },
  },
  test_sampling: {
    description: 'Asks the model of the client',
    inputSchema: needs('prompt', 'What to ask'),
    run: async ({ prompt }, extra) => {
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: String(prompt) } }];
      const { content } = await extra.sendRequest(
        { method: 'sampling/createMessage', params: { messages, maxTokens: 100 } },
        CreateMessageResultSchema,
      );
      return text(`LLM response: ${content.type === 'text' ? content.text : content.type}`);
    },
  },
  test_sampling_elsewhere: {
    description: 'Asks the model of the client on the stream of the session, as the SDK does where it is not told what for',
    inputSchema: needs('prompt', 'What to ask'),
    run: async ({ prompt }, _extra, { server }) => {
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: String(prompt) } }];
      const { content } = await server.createMessage({ messages, maxTokens: 100 });
      return text(`LLM response: ${JSON.stringify(content)}`);
    },
  },
  test_elicitation: {
    description: 'Asks the user',
    inputSchema: needs('message', 'What the user is shown'),
    run: async ({ message }, extra) => {
      const response = { type: 'string', description: "User's response" };
      return text(`User response: ${await elicit(extra, String(message), { response }, ['response'])}`);
    },
  },
  test_elicitation_sep1034_defaults: {
    description: 'Asks the user, with defaults',
    run: async (_args, extra) => {
      const properties = {
        name: { type: 'string', description: 'Name', default: 'John Doe' },
        age: { type: 'integer', description: 'Age', default: 30 },
        score: { type: 'number', description: 'Score', default: 95.5 },
        status: { type: 'string', description: 'Status', enum: ['active', 'inactive', 'pending'], default: 'active' },
        verified: { type: 'boolean', description: 'Whether it was verified', default: true },
      };
      return text(`Elicitation completed: ${await elicit(extra, 'Please look at the defaults', properties)}`);
    },
  },
  test_elicitation_sep1330_enums: {
    description: 'Asks the user, with choices',
    run: async (_args, extra) => {
      const properties = {
        untitledSingle: { type: 'string', description: 'One', enum: OPTIONS },
        titledSingle: { type: 'string', description: 'One, with titles', oneOf: titled('Option') },
        legacyEnum: {
          type: 'string',
          description: 'One, as it was',
          enum: ['opt1', 'opt2', 'opt3'],
          enumNames: ['Option One', 'Option Two', 'Option Three'],
        },
        untitledMulti: { type: 'array', description: 'Some', minItems: 1, maxItems: 3, items: { type: 'string', enum: OPTIONS } },
        titledMulti: { type: 'array', description: 'Some, with titles', minItems: 1, maxItems: 3, items: { anyOf: titled('Choice') } },
      };
      return text(`Elicitation completed: ${await elicit(extra, 'Please choose', properties)}`);
    },
  },
  json_schema_2020_12_tool: {
    description: 'Has a schema with keywords of 2020-12',
    inputSchema: JSON_SCHEMA_2020_12,
    run: (args) => text(`Got ${JSON.stringify(args)}`),
  },
  // No scenario of the suite calls these: they are for tests of the gateway.
  echo: { description: 'Answers with its arguments', run: (args) => text(JSON.stringify(args)) },
  echo_headers: {
    description: 'Answers with the headers of the request',
    run: (_args, extra) => text(JSON.stringify(extra.requestInfo?.headers ?? {})),
  },
  wait: {
    description: 'Answers when it is cancelled, or after so many milliseconds',
    inputSchema: { type: 'object', properties: { ms: { type: 'integer' } } },
    run: async ({ ms }, { signal }) => {
      await sleep(Number(ms ?? 60_000), undefined, { signal }).catch(() => undefined);
      return text(signal.aborted ? 'cancelled' : 'waited');
    },
  },
  touch_watched: {
    description: 'Changes the resource that can be watched',
    run: async (_args, _extra, { open }) => {
      for (const { server, watched } of open) if (watched.has(WATCHED)) await server.sendResourceUpdated({ uri: WATCHED });
      return text('touched');
    },
  },
  change_tools: {
    description: 'Says that the list of tools has changed',
    run: async (_args, _extra, { server }) => {
      await server.sendToolListChanged();
      return text('said');
    },
  },
};

export const RESOURCES = [
  {
    uri: 'test://static-text',
    name: 'Static Text',
    description: 'A text',
    mimeType: 'text/plain',
    text: 'This is the content of the static text resource.',
  },
  { uri: 'test://static-binary', name: 'Static Binary', description: 'An image', mimeType: 'image/png', blob: PNG },
  { uri: WATCHED, name: 'Watched', description: 'A text that can be watched', mimeType: 'text/plain', text: 'Watched resource content' },
];

const user = (content: GetPromptResult['messages'][number]['content']) => ({ role: 'user' as const, content });
const says = (words: string) => user({ type: 'text', text: words });
const argument = (name: string) => ({ name, description: `The argument ${name}`, required: true });

export const PROMPTS: Readonly<
  Record<
    string,
    {
      description: string;
      arguments?: ReturnType<typeof argument>[];
      messages: (args: Readonly<Record<string, string>>) => GetPromptResult['messages'];
    }
  >
> = {
  test_simple_prompt: { description: 'A text', messages: () => [says('This is a simple prompt for testing.')] },
  test_prompt_with_arguments: {
    description: 'A text of its arguments',
    arguments: [argument('arg1'), argument('arg2')],
    messages: ({ arg1, arg2 }) => [says(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  test_prompt_with_embedded_resource: {
    description: 'A resource and a text',
    arguments: [argument('resourceUri')],
    messages: ({ resourceUri = '' }) => [
      user({ type: 'resource', resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } }),
      says('Please process the embedded resource above.'),
    ],
  },
  test_prompt_with_image: { description: 'An image and a text', messages: () => [user(image), says('Please analyze the image above.')] },
};

function contentsOf(uri: string) {
  const known = RESOURCES.find((resource) => resource.uri === uri);
  if (known !== undefined) {
    const { mimeType, text, blob } = known;
    return { uri, mimeType, ...(blob === undefined ? { text: text ?? '' } : { blob }) };
  }
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) throw new McpError(-32002, 'Resource not found', { uri });
  return { uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) };
}

function sessionServer(name: string, open: Set<Session>): Session {
  const capabilities = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    logging: {},
    completions: {},
  };
  const server = new Server({ name, version: '1.0.0' }, { capabilities, instructions: `Instructions of ${name}` });
  const session: Session = { server, watched: new Set(), open };
  open.add(session);
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has no other way
  server.onclose = () => void open.delete(session);
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.entries(TOOLS).map(([tool, { description, inputSchema = { type: 'object' as const, properties: {} } }]) => ({
      name: tool,
      description,
      inputSchema,
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    const tool = Object.hasOwn(TOOLS, params.name) ? TOOLS[params.name] : undefined;
    if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    return tool.run(params.arguments ?? {}, extra, session);
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: RESOURCES.map(({ uri, name, description, mimeType }) => ({ uri, name, description, mimeType })),
  }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [
      { uriTemplate: 'test://template/{id}/data', name: 'Template', description: 'Data of an id', mimeType: 'application/json' },
    ],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({ contents: [contentsOf(params.uri)] }));
  server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    session.watched.add(params.uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    session.watched.delete(params.uri);
    return {};
  });
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: Object.entries(PROMPTS).map(([prompt, { description, arguments: args = [] }]) => ({
      name: prompt,
      description,
      arguments: args,
    })),
  }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = Object.hasOwn(PROMPTS, params.name) ? PROMPTS[params.name] : undefined;
    if (prompt === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return { messages: prompt.messages(params.arguments ?? {}) };
  });
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => {
    const values = ['paris', 'park', 'party'].filter((value) => value.startsWith(params.argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  });
  return session;
}

/** The events of one session, in their order. */
function eventStore(): EventStore {
  const events: { readonly id: string; readonly streamId: string; readonly message: JSONRPCMessage }[] = [];
  return {
    storeEvent: (streamId, message) => {
      const id = `${streamId}~${events.length}`;
      events.push({ id, streamId, message });
      return Promise.resolve(id);
    },
    getStreamIdForEventId: (eventId) => Promise.resolve(events.find(({ id }) => id === eventId)?.streamId),
    replayEventsAfter: async (lastEventId, { send }) => {
      const at = events.findIndex(({ id }) => id === lastEventId);
      const streamId = events[at]?.streamId ?? '';
      // What opens a stream is stored as well, as an empty message.
      for (const event of events.slice(at + 1))
        if (event.streamId === streamId && 'jsonrpc' in event.message) await send(event.id, event.message);
      return streamId;
    },
  };
}

/** A running server. */
export interface Everything {
  readonly port: number;
  readonly url: string;
  /** Sessions that are open. */
  readonly sessions: number;
  /** Closes all sessions, as a restart would. */
  forgetSessions(): Promise<void>;
  close(): Promise<void>;
}

export interface EverythingOptions {
  /** @default any free one */
  readonly port?: number;
  /** What it calls itself. @default everything */
  readonly name?: string;
}

export async function startEverything({ port = 0, name = 'everything' }: EverythingOptions = {}): Promise<Everything> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const servers = new Set<Session>();
  const http = createServer((request, response) => void serve({ name, sessions, servers }, request, response));
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  const bound = (http.address() as AddressInfo).port;
  const forgetSessions = async (): Promise<void> => {
    const all = [...sessions.values()];
    sessions.clear();
    for (const transport of all) await transport.close();
  };
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}/mcp`,
    get sessions() {
      return sessions.size;
    },
    forgetSessions,
    close: async () => {
      await forgetSessions();
      await closeHttp(http);
    },
  };
}

function closeHttp(http: HttpServer): Promise<void> {
  http.closeAllConnections();
  return new Promise((resolve) => http.close(() => resolve()));
}

const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

interface Serving {
  readonly name: string;
  /** By id. */
  readonly sessions: Map<string, StreamableHTTPServerTransport>;
  readonly servers: Set<Session>;
}

async function serve(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host = '', origin } = request.headers;
  if (!LOCAL.test(host) || (origin !== undefined && !LOCAL.test(origin.replace(/^https?:\/\//, ''))))
    return refuse(response, 403, 'Forbidden host or origin');
  if (request.url !== '/mcp') return refuse(response, 404, 'Not found');
  const sessionId = request.headers['mcp-session-id'];
  const known = typeof sessionId === 'string' ? serving.sessions.get(sessionId) : undefined;
  if (sessionId !== undefined && known === undefined) return refuse(response, 404, 'Session not found');
  const transport = known ?? (await openTransport(serving));
  await transport.handleRequest(request, response);
}

async function openTransport({ name, sessions, servers }: Serving): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    eventStore: eventStore(),
    retryInterval: RETRY_MS,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await sessionServer(name, servers).server.connect(transport);
  return transport;
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32001, message } }));
}

if (import.meta.main) {
  const { url } = await startEverything({ port: Number(process.argv[2] ?? 0) });
  process.stdout.write(`${url}\n`);
}
